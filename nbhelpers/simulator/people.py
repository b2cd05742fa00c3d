"""Facebook's screens and the phone: Pages and their link, people who write, read and block."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbhelpers.errors import KitError
from nbhelpers.messages.inbound import MEDIA, InboundMessage
from nbhelpers.simulator.delivery.queue import SOON, Sent, StatusChange, queue_inbound, queue_statuses, time_text
from nbhelpers.simulator.rules.scenes import lines_of
from nbhelpers.simulator.sending.accept import Holds, delivered_after, shape_of
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application, Page
from nbhelpers.storage.sqlite import storable

__all__ = ["PERSON", "People", "PeopleError", "Written"]

PERSON = "Ada"  #: who writes when nobody is named
_READ_AFTER = 0.02  # seconds

# What a phone can send, and the type that the service makes of it (Vonage's blog of 2020-09-24 on stickers; that a
# thumb, which is a sticker on Facebook's side, comes as one is inferred).
_KINDS = {kind: kind for kind in ("text", *MEDIA, "unsupported")} | {"sticker": "unsupported", "like": "unsupported"}


class PeopleError(KitError):
    """What was asked of the simulated person or Page cannot be done."""


@dataclass(frozen=True)
class Written:
    """What came of a person's writing: `passed_on` is False when the service may not have the message."""

    message_uuid: str
    psid: str
    page_id: str
    page_name: str
    passed_on: bool


class People:
    """What happens on Facebook's screens and on phones. Everything it decides is committed before it is told.

    `wake` is called when webhooks were queued, `holds` says whether one has nowhere to go. With `accept_any` every Page
    is linked.
    """

    def __init__(self, store: Store, wake: Callable[[], None], holds: Holds, accept_any: bool = False) -> None:
        self._store, self._wake, self._holds, self.accept_any = store, wake, holds, accept_any

    # Pages

    def create_page(self, name: str) -> Page:
        """Make a Page, or return the one that has this name."""
        name = (storable(name) or "").strip()
        if not 1 <= len(name) <= 75:  # Facebook's limit on a Page's name
            raise PeopleError("A Page needs a name.", f"It has {len(name)} characters.", "Give 1 to 75.")
        if any(page.id == name for page in self._store.pages()):
            raise PeopleError("A Page cannot be named so.", f"{name} is the ID of another Page.", "Give another name.")
        self._store.keep_page(Page(_digits(15), name, _access_token(), time.time()))
        return self.page(name)

    def page(self, id_or_name: str | None = None) -> Page:
        """Return a Page by ID or name, by default the newest."""
        pages = self._store.pages()
        page = self._store.page(storable(id_or_name) or "") if id_or_name else next(iter(pages[::-1]), None)
        if page is None:
            names = ", ".join(f"“{page.name}”" for page in pages) or "none"
            raise PeopleError("There is no such Page.", f"You named {id_or_name or 'none'}; there are: {names}.")
        return page

    def people(self, page: Page) -> list[dict[str, Any]]:
        """Return whom a Page knows, only those who wrote to it: `psid`, `name`, and when they last `wrote` (aged)."""
        sql = (
            "SELECT psid, name, last_wrote AS wrote FROM psids JOIN people ON people.id = person_id"
            " WHERE page_id = ? ORDER BY psids.rowid"
        )
        return [dict(row) for row in self._store.rows(sql, page.id)]

    def link(self, page: Page, application: Application | None) -> None:
        """Link a Page to an application, with a token that Facebook gives out anew; with None take that back."""
        if application is not None and not page.published:
            raise PeopleError("This Page cannot be linked.", f"“{page.name}” is not published.", "Publish it first.")
        if application is None:
            self._store.change_page(page.id, application_id=None, account_name=None, account_token=None, linked=None)
            return
        token = _access_token()
        self._store.change_page(
            page.id,
            application_id=application.id,
            access_token=token,
            account_name=page.account_name or page.name,
            account_token=token,
            linked=time.time(),
        )

    def expire_link(self, page: Page) -> None:
        """Let the service's token for a Page run out: Facebook takes another from now on."""
        self._store.change_page(page.id, access_token=_access_token())

    def renew_link(self, page: Page) -> None:
        """Let the service have the token that Facebook takes now."""
        self._store.change_page(page.id, account_token=page.access_token)

    def publish(self, page: Page, published: bool) -> None:
        """Publish a Page, or take it off: then nobody can write to it."""
        self._store.change_page(page.id, published=published)

    # The person

    def write(
        self,
        page: Page,
        person: str | None = None,
        kind: str = "text",
        text: str | None = None,
        url: str | None = None,
        psid: str | None = None,
    ) -> Written:
        """Let a person write to a Page. Who is named for the first time gets a PSID of this Page's own.

        The message is passed on as an inbound webhook when the Page has an account at the service.
        """
        if kind not in _KINDS:
            raise PeopleError("Nobody can write that.", f"You asked for “{kind}”.", f"Use {', '.join(_KINDS)}.")
        if kind == "text" and not text:
            raise PeopleError("An empty message cannot be sent.", "There is no text.", "Give a text.")
        kind = _KINDS[kind]
        content: dict[str, Any] = {"text": storable(text)} if kind == "text" else {}
        if kind in MEDIA:
            content = {kind: {"url": storable(url) or _SAMPLES[kind]}}
        return self.post(page, kind, content, person, psid)

    def post(
        self,
        page: Page,
        kind: str,
        content: Mapping[str, Any],
        person: str | None = None,
        psid: str | None = None,
    ) -> Written:
        """Let a message of a type of the service's come from a person, with the fields that this type has."""
        if not page.published:
            raise PeopleError("Nobody can write to this Page.", f"“{page.name}” is not published.")
        now = time.time()
        message_uuid = str(uuid.uuid4())
        shape = shape_of(self._store, self._store.application(page.application_id))
        linked = page.account_token is not None or self.accept_any
        held = linked and self._holds("inbound", page.application_id, None)

        def work(connection: sqlite3.Connection) -> str:
            known = _psid(connection, page, storable(person), storable(psid))
            # Whoever writes has unblocked the Page: the phone asks for that first.
            connection.execute("UPDATE psids SET last_wrote = ?, extra = 1, blocked = 0 WHERE psid = ?", (now, known))
            message = InboundMessage(
                message_uuid=message_uuid,
                psid=known,
                page_id=page.id,
                kind=kind,
                content=content,
                timestamp=time_text(now),
            )
            body = message.body(shape)
            if linked:
                body = queue_inbound(connection, message, shape, page.application_id, self._store.switches, held)
            connection.execute(
                "INSERT INTO messages (uuid, way, application_id, page_id, psid, version, body, state, at, shape)"
                " VALUES (?, 'in', ?, ?, ?, ?, ?, ?, ?, ?)",
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
            return known

        known = self._store.write(work).result()
        self._wake()
        return Written(message_uuid, known, page.id, page.name, linked)

    def play(self, page: Page, scene: str) -> list[Written]:
        """Let the people of a scene write to a Page, one line after the other."""
        return [self.write(page, line.person, line.kind, line.text) for line in lines_of(scene)]

    def read(self, page: Page | None = None, person: str | None = None, psid: str | None = None) -> list[str]:
        """Let a person read what was delivered to them; return the uuids of those messages, the oldest first."""
        named = "psid IN (SELECT psid FROM psids JOIN people ON people.id = person_id WHERE name = ?)"
        asked = {"page_id = ?": page.id if page else None, "psid = ?": psid, named: person}
        given = {where: storable(value) for where, value in asked.items() if value is not None}
        wheres = ["way = 'out'", "state = 'delivered'", "channel = 'messenger'", *given]
        now = time.time()

        def work(connection: sqlite3.Connection) -> list[str]:
            columns = ", ".join(Sent._fields)
            sql = f"SELECT {columns} FROM messages WHERE {' AND '.join(wheres)} ORDER BY rowid"  # noqa: S608
            rows = connection.execute(sql, tuple(given.values())).fetchall()
            for row in rows:
                sent = Sent(*row)
                connection.execute("UPDATE messages SET state = 'read' WHERE uuid = ?", (sent.uuid,))
                # Never before its own “delivered”, which may still be waiting for its moment.
                delivered = sent.at + delivered_after(self._store.switches)
                due = (delivered if now < delivered < now + SOON else now) + _READ_AFTER
                held = self._holds("read", sent.application_id, sent.webhook_url)
                queue_statuses(connection, sent, [StatusChange("read", due)], self._store.switches, held)
            return [row["uuid"] for row in rows]

        read = self._store.write(work).result()
        self._wake()
        return read

    def psid_of(self, page: Page, person: str | None = None, psid: str | None = None) -> str:
        """Return the PSID of a person who has written to a Page, named or given. Raises PeopleError for another."""
        if psid is not None:
            return self._store.write(lambda connection: _psid(connection, page, None, storable(psid))).result()
        name = (storable(person) or PERSON).strip() or PERSON
        known: str | None = next((each["psid"] for each in self.people(page) if each["name"] == name), None)
        if known is None:
            raise PeopleError(
                f"{name} is not in this conversation.",
                f"{name} never wrote to “{page.name}”.",
                "Let them write first.",
            )
        return known

    def block(self, page: Page, person: str | None, blocked: bool = True) -> str:
        """Let a person block a Page, or take that back; return their PSID there. They must have written to it."""
        known = self.psid_of(page, person)
        sql = "UPDATE psids SET blocked = ? WHERE psid = ?"
        self._store.write(lambda connection: connection.execute(sql, (blocked, known)) and None).result()
        return known


# Addresses that answer nothing: the simulator keeps no media, and no test may call out.
_SAMPLES = {
    "image": "https://example.com/picture.jpg",
    "audio": "https://example.com/sound.mp3",
    "video": "https://example.com/film.mp4",
    "file": "https://example.com/paper.pdf",
}


def _psid(connection: sqlite3.Connection, page: Page, person: str | None, psid: str | None) -> str:
    if psid is not None:
        row = connection.execute("SELECT 1 FROM psids WHERE psid = ? AND page_id = ?", (psid, page.id)).fetchone()
        if row is not None:
            return psid
        raise PeopleError(
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
    sql = "SELECT psid FROM psids WHERE person_id = ? AND page_id = ?"
    return str(connection.execute(sql, (person_id, page.id)).fetchone()["psid"])


def _digits(count: int) -> str:
    return str(secrets.choice("123456789")) + "".join(secrets.choice("0123456789") for _ in range(count - 1))


def _access_token() -> str:
    return f"EAA{secrets.token_urlsafe(60)}"  # as Facebook's begin
