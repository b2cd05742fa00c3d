"""The inbox: keeps every delivery, the events built from them and the facts that steps noted, on disk."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from nbhelpers.config.private_files import make_private_folder
from nbhelpers.errors import InboxError
from nbhelpers.inbox import newest, words
from nbhelpers.inbox.events import Delivery, Event, Receipts, channel_name, event_of, one_line
from nbhelpers.inbox.said import Said, revision_of, uuid_of
from nbhelpers.inbox.tables import (
    SAME_EVENT,
    SCHEMA,
    VERSION,
    forget,
    migrate,
    moment,
    rebuild,
    store,
    store_sent,
    to_delivery,
    to_event,
)
from nbhelpers.messages.encodings import content_of
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.storage.sqlite import Database, SchemaError, is_busy, storable

__all__ = ["Inbox"]

T = TypeVar("T")

_LOOK = 0.002  # seconds between two looks while somebody waits: 30 microseconds each (measured)
_HELD = "Another process has held it for seconds: try again; if that does not help, run `lab.stop()` and `lab = Lab()`."
_FINAL = ("rejected", "undeliverable")


class Inbox:
    """The store of one mode, `<state>/<mode>/lab.sqlite3`. Several processes may have it open at once.

    What `record` and `sent` acknowledge is on the disk (`synchronous=FULL`). Raises InboxError, in words, when the
    file cannot be opened; nothing is ever deleted but by `forget` and, of requests that are no webhook, the oldest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = threading.local()
        try:
            make_private_folder(path.parent)
            self.database = Database(path, SCHEMA, VERSION, migrate=migrate)
        except SchemaError as error:
            raise InboxError("The inbox is newer than this kit.", f"{error}.", "Use the newer kit.") from None
        except (sqlite3.Error, OSError) as error:
            raise InboxError(
                "The inbox cannot be opened.",
                f"{path}: {error}.",
                "Check the disk and the folder; a damaged file is set aside by `nbhelpers receiver` or `lab = Lab()`, "
                "everything by `nbhelpers reset`.",
            ) from None

    # What comes in

    def record(self, delivery: Delivery) -> Future[int]:
        """Store a delivery, and with it the event it tells of. The Future gives the delivery's id, when it is on disk.

        The Future raises sqlite3.Error when it could not be stored: then the sender must not be told that it was.
        """
        return self.database.write(lambda connection: store(connection, delivery))

    def sent(self, version: str, body: Mapping[str, Any], message_uuid: str, **columns: str | None) -> None:
        """Store a reply that the service accepted; `columns` are `psid`, `page_id`, `text` and `message_type`."""
        row = {
            "at": moment(),
            "version": version,
            "body": json.dumps(body).encode(),
            "message_uuid": message_uuid,
            **{name: storable(columns.get(name)) for name in ("psid", "page_id", "text", "message_type")},
        }
        self._do(lambda connection: store_sent(connection, row))

    # What is asked

    def events(
        self,
        kind: str | None = None,
        person: str | None = None,
        uuid: str | None = None,
        text: str | None = None,
        after: int = 0,
        limit: int | None = None,
        channel: str | None = None,
        before: int | None = None,
    ) -> list[Event]:
        """Return events in the order they came: of one `kind`, `person` (PSID) or message `uuid`, with `text` in them.

        `after` is a revision: only what changed since. `limit` keeps the newest so many (those that changed last, with
        `after`), of those `before` the event with this id. Without `channel` they are of all: `messenger`, `whatsapp`
        and the rest.
        """
        wheres, values = newest.conditions(kind, person, uuid, after, channel, before)
        condition = " AND ".join(wheres)
        if text is not None:
            condition, values = self._asked(lambda connection: words.query(connection, wheres, values, text, limit))
        order = "revision" if after and uuid is None and person is None and text is None else "id"
        sql = f"SELECT * FROM told WHERE {condition} ORDER BY {order} DESC LIMIT ?"  # noqa: S608
        rows = self._rows(sql, [*values, -1 if limit is None else limit])
        return sorted(map(to_event, rows), key=lambda event: event.id)

    def newest_message(self, person: str | None = None, channel: str = MESSENGER) -> Event | None:
        """Return the newest inbound message, of one person if given; never a refused, replayed or edited one.

        It is the one that came last, whatever the clock said, and on Messenger unless another `channel` is asked for.
        """
        rows = self._asked(lambda connection: newest.message(connection, person, channel))
        return to_event(rows[0]) if rows else None

    def newest_call(self, kind: str, after: int = 0) -> Event | None:
        """Return what came last of a kind (inbound, status) on Messenger, from outside, refused ones included."""
        rows = self._asked(lambda connection: newest.from_the_wire(connection, kind, after))
        return to_event(rows[0]) if rows else None

    def beside(self, limit: int = 200) -> list[Event]:
        """Return the newest of what is no plain webhook of Messenger: other channels, other calls, packed bodies."""
        return [to_event(row) for row in self._asked(lambda connection: newest.beside(connection, limit))][::-1]

    def last_answer(self, channel: str | None = None, after: int = 0) -> list[Event]:
        """Return reply and receipts of the newest answer, oldest first; empty when none was sent.

        Of an answer that other code than ours sent there are the receipts alone: those after the revision `after`.
        """
        uuid = self._asked(lambda connection: newest.answer(connection, channel, after))
        about = [] if uuid is None else self.events(uuid=uuid)
        return [each for each in about if each.kind == "reply" or _is_receipt(each, after)]

    def receipts(self, uuid: str) -> Receipts:
        """Return the message statuses that came for one reply, oldest first."""
        return Receipts(event for event in self.events("status", uuid=uuid) if event.trusted)

    def deliveries(self, limit: int = 100, before: int | None = None) -> list[Delivery]:
        """Return the newest deliveries, oldest first, those that are no webhook included; `before` is an id."""
        sql = "SELECT * FROM deliveries WHERE id < ? ORDER BY id DESC LIMIT ?"
        rows = self._rows(sql, [(1 << 63) - 1 if before is None else before, limit])
        return [to_delivery(row) for row in rows][::-1]

    def delivery(self, which: int | Event | None = None) -> Delivery | None:
        """Return one delivery, by its id or as the one that tells an event; None when it is not there.

        Without either it is that of the newest inbound message that came from outside, whatever it was answered.
        """
        if which is None:
            sql = "SELECT * FROM told WHERE kind = 'inbound' AND origin IN ('wire', 'sample')"
            rows = self._rows(f"{sql} ORDER BY id DESC LIMIT 1", [])
            return self.delivery(to_event(rows[0])) if rows else None
        number = which.delivery if isinstance(which, Event) else which
        if not 0 < number < 1 << 63 or (isinstance(which, Event) and which.kind == "reply"):  # more than an id can be
            return None
        rows = self._rows("SELECT * FROM deliveries WHERE id = ?", [number])
        return to_delivery(rows[0]) if rows else None

    def event(self, delivery: Delivery) -> Event | None:
        """Return the event that a delivery tells of, whichever of its deliveries it is; None when there is none."""
        told = event_of(delivery)
        if told is None:
            return None
        identity = (told["message_uuid"] or told["identity"], told["kind"], told["status"] or "")
        rows = self._rows(f"SELECT * FROM told WHERE {SAME_EVENT}", map(storable, identity))  # noqa: S608
        return to_event(rows[0]) if rows else None

    def revision(self) -> int:
        """Return the revision of the newest change: give it to `events(after=…)` later."""
        return int(self._rows("SELECT coalesce(max(revision), 0) FROM events", [])[0][0])

    # What is waited for

    def wait_for_message(
        self, said: Said | None = None, timeout: float = 60, new: bool = False, channel: str = MESSENGER
    ) -> Event:
        """Return the newest inbound message, waiting up to `timeout` seconds for one; with `new` one to come.

        With `said`, what `write` or `trigger` returned, it is that message, however slow or quick it was; in live mode,
        where a phone writes, one that came after `said`. On Messenger, unless another
        `channel` is asked for. Raises InboxError with the next step when none came.
        """
        uuid = None if said is None else uuid_of(said)
        after = None if said is None else revision_of(said)
        before = self.newest_message(channel=channel) if new else None

        def newest() -> Event | None:
            if uuid is not None:
                return next((event for event in self.events("inbound", uuid=uuid) if event.trusted), None)
            event = self.newest_message(channel=channel)
            if event is None or (before and event.id == before.id) or (after is not None and event.revision <= after):
                return None
            return event

        event = self._wait(newest, timeout)
        if event is None:
            raise InboxError(
                "No message came.",
                f"Waited {timeout:g} s.{self._elsewhere(channel)}",
                "Write one to the Page, then run this again; if you did, `lab.doctor()` finds where it stopped.",
            )
        return event

    def _elsewhere(self, channel: str) -> str:
        """Say what has come instead of a message on this channel: the newest of it."""
        others = self.beside()
        message = self.newest_message() if channel != MESSENGER else None
        for event in sorted([*others, *([message] if message else [])], key=lambda each: each.id, reverse=True):
            if event.kind == "inbound" and event.trusted and event.channel != channel:
                return f" One has come on {channel_name(event.channel)}, from {one_line(event.psid)}."
            if event.kind == "call":
                return f" What has come is {one_line(event.message_type, 160)}. {event.next}"
        return ""

    def wait_for_receipt(self, said: Said, status: str = "delivered", timeout: float = 20) -> Receipts:
        """Return the receipts of a reply as soon as `status` is among them, or one that ends it (rejected).

        `said` is what `reply`, `send` or `read` returned, the service's own JSON, or a message_uuid. Waits up to
        `timeout` seconds; raises InboxError with the next step when it did not come.
        """
        uuid = uuid_of(said)
        if uuid is None:
            raise InboxError(
                "Nobody can say which receipt is meant.", f"It says: {said}", "Give what `reply` returned."
            )

        def arrived() -> Receipts | None:
            receipts = self.receipts(uuid)
            return receipts if {status, *_FINAL} & set(receipts.states) else None

        receipts = self._wait(arrived, timeout)
        if receipts is None:
            so_far = ", ".join(self.receipts(uuid).states) or "nothing"
            raise InboxError(
                f"No receipt says “{status}” yet.",
                f"Waited {timeout:g} s; so far: {so_far}.",
                "Check that the Delivery Receipt URL is set; `lab.doctor()` finds where it stopped.",
            )
        return receipts

    # Facts

    def note(self, **facts: Any) -> None:
        """Write down what a step made, by name: `note(page_id="…")`. None takes a fact back."""
        rows = [(name, json.dumps(value), datetime.now(UTC).isoformat()) for name, value in facts.items()]

        def work(connection: sqlite3.Connection) -> None:
            for row in rows:
                if row[1] == "null":
                    connection.execute("DELETE FROM facts WHERE name = ?", row[:1])
                else:
                    connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", row)

        self._do(work)

    def facts(self) -> Mapping[str, Any]:
        """Return every fact that was noted, by name, to be read and not to be changed."""
        # Each token asks for them: what a thread has read stands until somebody writes.
        now = self.changes()
        if getattr(self._read, "at", None) != now:
            rows = self._rows("SELECT name, value FROM facts", [])
            self._read.facts = MappingProxyType({row["name"]: json.loads(row["value"]) for row in rows})
            self._read.at = now
        facts: Mapping[str, Any] = self._read.facts
        return facts

    # Housekeeping

    def forget(self, psid: str) -> int:
        """Delete everything about one person: events, deliveries, replies, facts. Returns how many rows went.

        So do requests that were no webhook and name the person, as one to a mistyped path does. What is deleted is
        overwritten in the file too.
        """
        named = re.compile(rb"(?<!\w)" + re.escape(psid.encode("utf-8", "replace")) + rb"(?!\w)")

        def work(connection: sqlite3.Connection) -> int:
            gone = forget(connection, "psid = ?", psid)
            for table in ("deliveries", "sent"):
                gone += connection.execute(f"DELETE FROM {table} WHERE psid = ?", (psid,)).rowcount  # noqa: S608
            for row in connection.execute("SELECT * FROM told WHERE kind = 'call'").fetchall():
                if named.search(row["path"].encode() + b" " + row["body"]):
                    gone += forget(connection, "id = ?", row["id"])
            for row in connection.execute("SELECT * FROM deliveries WHERE odd > 0").fetchall():
                if named.search(row["path"].encode() + b" " + content_of(row["body"], json.loads(row["headers"])).data):
                    gone += connection.execute("DELETE FROM deliveries WHERE id = ?", (row["id"],)).rowcount
            words.purge(connection)
            facts = connection.execute("SELECT name, value FROM facts").fetchall()
            gone += connection.executemany(
                "DELETE FROM facts WHERE name = ?",
                [(row["name"],) for row in facts if json.dumps(psid) in row["value"]],
            ).rowcount
            return gone

        gone = self._do(work)
        with self.database.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def rebuild(self) -> int:
        """Build every event anew from the deliveries and replies, and return how many there are."""
        return self._do(rebuild)

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self.database.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed: then nothing can be read or written any more."""
        return self.database.closed

    def __repr__(self) -> str:
        return "The inbox: closed" if self.closed else f"The inbox: {self._count()} events in {self.path}"

    def _count(self) -> int:
        return int(self._rows("SELECT count(*) FROM events", [])[0][0])

    def changes(self) -> int:
        """Return a number that differs whenever another connection has written; cheap enough to ask every 20 ms."""
        number: int = self._asked(_version)
        return number

    def _wait(self, look: Callable[[], T | None], timeout: float) -> T | None:
        until = time.monotonic() + timeout
        seen = None
        while True:
            now = self.changes()
            if now != seen:
                seen = now
                found = look()
                if found is not None:
                    return found
            left = until - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(_LOOK, left))

    def _refuse_what_is_over(self) -> None:
        if self.database.closed:
            raise InboxError("The inbox cannot be read.", "This lab is closed.", "Run `lab = Lab()` again.")
        if self.database.moved:
            raise InboxError("The inbox cannot be read.", "The state was reset meanwhile.", "Run `lab = Lab()` again.")

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._refuse_what_is_over()
        try:
            return self.database.write(work).result()
        except sqlite3.Error as error:
            following = _HELD if is_busy(error) else "Check the disk."
            raise InboxError("The inbox cannot be written.", f"{self.path}: {error}.", following) from None

    def _rows(self, sql: str, values: Iterable[Any]) -> list[sqlite3.Row]:
        return self._asked(lambda connection: connection.execute(sql, tuple(values)).fetchall())

    def _asked(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        self._refuse_what_is_over()
        try:
            with self.database.reading() as connection:
                return ask(connection)
        except sqlite3.Error as error:
            raise InboxError(
                "The inbox cannot be read.", f"{self.path}: {error}.", "Nothing is deleted: check the disk, try again."
            ) from None


def _version(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA data_version").fetchone()[0]


def _is_receipt(event: Event, after: int) -> bool:
    return event.kind == "status" and event.trusted and event.revision > after
