"""Facebook's side: Pages, people, what they write and read, and what becomes of a message to them."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nbhelpers.database import storable
from nbhelpers.errors import KitError
from nbhelpers.messages import GUIDE, MEDIA, TODAY, InboundMessage, MessageStatus, timestamp
from nbhelpers.simulator.auth import Caller
from nbhelpers.simulator.problems import Problem, invalid_v01, problem_v1
from nbhelpers.simulator.sending import Outgoing
from nbhelpers.simulator.store import Application, Page, Store

__all__ = ["PERSON", "Facebook", "FacebookError", "Said"]

PERSON = "Ada"  # who writes when nobody is named
WINDOW = 24 * 3600.0  # seconds; Meta's standard messaging window since 2020-03-04
_HUMAN = 7 * 24 * 3600.0  # seconds that the tag HUMAN_AGENT adds up to (Meta's message tags page)

# Seconds from "accepted" to the receipts. Their real timing is not known; these let the eye follow.
_SUBMITTED, _DELIVERED, _READ = 0.02, 0.15, 0.02

_KINDS = ("text", "unsupported", *MEDIA)


class FacebookError(KitError):
    """What was asked of the simulated person or Page cannot be done."""


@dataclass(frozen=True)
class Said:
    """What came of a person's writing: `passed_on` is False when no application may have the message."""

    message_uuid: str
    psid: str
    page_id: str
    passed_on: bool


class Facebook:
    """The far side of the Messages API. Everything it decides is committed before it is told.

    `wake` is called when webhooks were queued. With `accept_any` every sender is linked and every recipient has just
    written.
    """

    def __init__(self, store: Store, wake: Callable[[], None], accept_any: bool = False) -> None:
        self._store, self._wake, self.accept_any = store, wake, accept_any

    # Pages

    def create_page(self, name: str) -> Page:
        """Make a Page, or return the one that has this name."""
        name = (storable(name) or "").strip()
        if not 1 <= len(name) <= 75:  # Facebook's limit on a Page's name
            raise FacebookError("A Page needs a name.", f"It has {len(name)} characters.", "Give 1 to 75.")

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO pages (id, name, at) VALUES (?, ?, ?)", (_digits(15), name, time.time())
            )

        self._store.write(work).result()
        return self.page(name)

    def page(self, id_or_name: str | None = None) -> Page:
        """Return a Page by ID or name, by default the newest."""
        page = (
            self._store.page(storable(id_or_name) or "") if id_or_name else next(iter(self._store.pages()[::-1]), None)
        )
        if page is None:
            names = ", ".join(f"“{page.name}”" for page in self._store.pages()) or "none"
            raise FacebookError("There is no such Page.", f"You named {id_or_name or 'none'}; there are: {names}.")
        return page

    def people(self, page: Page) -> list[dict[str, Any]]:
        """Return whom a Page knows: only those who wrote to it."""
        sql = "SELECT psid, name FROM psids JOIN people ON people.id = person_id WHERE page_id = ? ORDER BY psids.rowid"
        return [dict(row) for row in self._store.rows(sql, page.id)]

    def link(self, page: Page, application: Application | None) -> None:
        """Link a Page to an application, or with None to none."""
        application_id = application.id if application else None
        self._store.write(
            lambda connection: connection.execute(
                "UPDATE pages SET application_id = ? WHERE id = ?", (application_id, page.id)
            )
        ).result()

    def publish(self, page: Page, published: bool) -> None:
        """Publish a Page, or take it off: then nobody can write to it."""
        self._store.write(
            lambda connection: connection.execute(
                "UPDATE pages SET published = ? WHERE id = ?", (int(published), page.id)
            )
        ).result()

    # The person

    def write(
        self,
        page: Page,
        person: str | None = None,
        kind: str = "text",
        text: str | None = None,
        url: str | None = None,
        psid: str | None = None,
    ) -> Said:
        """Let a person write to a Page. Who is named for the first time gets a PSID of this Page's own.

        The message is passed on as an inbound webhook when the Page is linked to an application.
        """
        if kind not in _KINDS:
            raise FacebookError("Nobody can write that.", f"You asked for “{kind}”.", f"Use {', '.join(_KINDS)}.")
        if not page.published:
            raise FacebookError("Nobody can write to this Page.", f"“{page.name}” is not published.")
        if kind == "text" and not text:
            raise FacebookError("An empty message cannot be sent.", "There is no text.", "Give a text.")
        text, url = storable(text), storable(url)
        if kind in MEDIA:
            url = url or _SAMPLES[kind]
        now = time.time()
        message_uuid = str(uuid.uuid4())
        application = self._store.application(page.application_id)
        shape = self._shape(application)
        linked = application is not None or self.accept_any

        def work(connection: sqlite3.Connection) -> str:
            known = _psid(connection, page, storable(person), storable(psid))
            connection.execute("UPDATE psids SET last_wrote = ? WHERE psid = ?", (now, known))
            message = InboundMessage(
                message_uuid=message_uuid,
                psid=known,
                page_id=page.id,
                kind=kind,
                text=text if kind == "text" else None,
                url=url if kind in MEDIA else None,
                timestamp=_time_text(now),
            )
            body = message.body(shape)
            connection.execute(
                "INSERT INTO messages VALUES (?, 'in', ?, ?, ?, ?, ?, NULL, ?, ?, ?, NULL)",
                (
                    message_uuid,
                    page.application_id,
                    page.id,
                    known,
                    shape,
                    json.dumps(body),
                    "passed on" if linked else "kept",
                    now,
                    shape,
                ),
            )
            if linked:
                _queue(connection, message_uuid, "inbound", page.application_id, None, body, now, now)
            return known

        known = self._store.write(work).result()
        self._wake()
        return Said(message_uuid, known, page.id, linked)

    def read(self, page: Page | None = None, person: str | None = None, psid: str | None = None) -> int:
        """Let a person read what was delivered to them; return how many messages that were."""
        wheres, values = ["way = 'out'", "state = 'delivered'"], []
        if page is not None:
            wheres.append("page_id = ?")
            values.append(page.id)
        if psid is not None:
            wheres.append("psid = ?")
            values.append(storable(psid))
        if person is not None:
            wheres.append("psid IN (SELECT psid FROM psids JOIN people ON people.id = person_id WHERE name = ?)")
            values.append(storable(person))
        now = time.time()

        def work(connection: sqlite3.Connection) -> int:
            sql = f"SELECT * FROM messages WHERE {' AND '.join(wheres)} ORDER BY at"  # noqa: S608
            rows = connection.execute(sql, values).fetchall()
            for row in rows:
                connection.execute("UPDATE messages SET state = 'read' WHERE uuid = ?", (row["uuid"],))
                # Never before its own “delivered”, which may still be waiting for its moment.
                due = max(now, row["at"] + _DELIVERED) + _READ
                _queue_status(connection, dict(row), "read", due)
            return len(rows)

        count = self._store.write(work).result()
        self._wake()
        return count

    # What the Messages API hands over

    def may_send(self, caller: Caller, outgoing: Outgoing, version: str) -> Problem | None:
        """Give the service's error when the sender is no Page that this caller may speak for, else None."""
        page = self._store.page(outgoing.page_id)
        if self.accept_any or (page is not None and page.id == outgoing.page_id and _speaks_for(caller, page)):
            return None
        if version == "v1":
            return problem_v1(1120)
        return invalid_v01([("from.id", "is not a linked Facebook Page.")])

    def take(self, connection: sqlite3.Connection, caller: Caller, outgoing: Outgoing, version: str, body: str) -> str:
        """Store an accepted message with its fate and its status webhooks, in one commit; return its uuid."""
        now, message_uuid = time.time(), str(uuid.uuid4())
        code, reason = self._fate(connection, outgoing, now)
        application = caller.application
        shape = outgoing.webhook_version or self._shape(application)
        row = {
            "uuid": message_uuid,
            "way": "out",
            "application_id": application.id if application else None,
            "page_id": outgoing.page_id,
            "psid": outgoing.psid,
            "version": version,
            "body": body,
            "client_ref": outgoing.client_ref,
            "state": "rejected" if code else "delivered",
            "at": now,
            "shape": shape,
            "webhook_url": outgoing.webhook_url,
        }
        connection.execute(
            "INSERT INTO messages VALUES (:uuid, :way, :application_id, :page_id, :psid, :version, :body,"
            " :client_ref, :state, :at, :shape, :webhook_url)",
            row,
        )
        _queue_status(connection, row, "submitted", now + _SUBMITTED)
        _queue_status(connection, row, row["state"], now + _DELIVERED, code, reason)
        return message_uuid

    def _fate(self, connection: sqlite3.Connection, outgoing: Outgoing, now: float) -> tuple[str | None, str | None]:
        if self.accept_any:
            return None, None
        known = connection.execute(
            "SELECT last_wrote FROM psids WHERE psid = ? AND page_id = ?", (outgoing.psid, outgoing.page_id)
        ).fetchone()
        if known is None:
            return "1300", "Not part of the provider network"
        window = WINDOW
        if outgoing.category == "message_tag":
            if outgoing.tag != "HUMAN_AGENT":
                return "1021", "Invalid tag"
            window = _HUMAN
        if now - known["last_wrote"] > window:
            return "1340", "Outside of the allowed window"
        return None, None

    def _shape(self, application: Application | None) -> str:
        messages = application.messages if application else None
        if messages is None:
            return self._store.account().shape
        return TODAY if messages.get("version", TODAY) == "v1" else GUIDE


# Addresses that answer nothing: the simulator keeps no media, and no test may call out.
_SAMPLES = {
    "image": "https://example.com/picture.jpg",
    "audio": "https://example.com/sound.mp3",
    "video": "https://example.com/film.mp4",
    "file": "https://example.com/paper.pdf",
}


def _speaks_for(caller: Caller, page: Page) -> bool:
    if page.application_id is None:
        return False
    return caller.application is None or caller.application.id == page.application_id


def _psid(connection: sqlite3.Connection, page: Page, person: str | None, psid: str | None) -> str:
    if psid is not None:
        row = connection.execute("SELECT 1 FROM psids WHERE psid = ? AND page_id = ?", (psid, page.id)).fetchone()
        if row is not None:
            return psid
        raise FacebookError(
            "Nobody has this PSID on this Page.",
            f"You gave {psid} for “{page.name}”.",
            "Leave it out: Ada writes then.",
        )
    name = (person or PERSON).strip() or PERSON
    connection.execute("INSERT OR IGNORE INTO people (name) VALUES (?)", (name,))
    person_id = connection.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()["id"]
    connection.execute(
        "INSERT OR IGNORE INTO psids (psid, person_id, page_id, last_wrote) VALUES (?, ?, ?, 0)",
        (_digits(16), person_id, page.id),
    )
    return connection.execute(
        "SELECT psid FROM psids WHERE person_id = ? AND page_id = ?", (person_id, page.id)
    ).fetchone()["psid"]


def _queue_status(
    connection: sqlite3.Connection,
    message: dict[str, Any],
    status: str,
    due: float,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    told = MessageStatus(
        message_uuid=message["uuid"],
        status=status,
        psid=message["psid"],
        page_id=message["page_id"],
        timestamp=_time_text(due),
        error_code=code,
        error_text=reason,
        client_ref=message["client_ref"],
    )
    body = told.body(message["shape"])
    _queue(
        connection, message["uuid"], status, message["application_id"], message["webhook_url"], body, time.time(), due
    )


def _queue(
    connection: sqlite3.Connection,
    message_uuid: str,
    kind: str,
    application_id: str | None,
    webhook_url: str | None,
    body: dict[str, Any],
    now: float,
    due: float,
) -> None:
    # Compact, so that a receiver that hashes its own re-serialised JSON finds the same payload_hash as one that
    # hashes the raw bytes, as it should.
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    connection.execute(
        "INSERT INTO webhooks (uuid, kind, application_id, webhook_url, body, at, due) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (message_uuid, kind, application_id, webhook_url, data, now, due),
    )


def _digits(count: int) -> str:
    return str(secrets.choice("123456789")) + "".join(secrets.choice("0123456789") for _ in range(count - 1))


def _time_text(moment: float) -> str:
    return timestamp(datetime.fromtimestamp(moment, UTC))
