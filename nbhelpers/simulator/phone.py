"""A person's phone: what it shows of a conversation, and what is done there: tap, react, send a place."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from nbhelpers.messages.contents import in_words
from nbhelpers.messages.inbound import TODAY, InboundMessage, read
from nbhelpers.messages.on_screen import Choice, on_screen
from nbhelpers.simulator.people import People, PeopleError, Written
from nbhelpers.simulator.sending.accept import shape_of
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Page
from nbhelpers.storage.sqlite import storable

__all__ = ["Phone"]

_LONGEST_EMOJI = 32  # characters: a family of five with skin tones has 24


class Phone:
    """What people see and do in Messenger. Of a message that was refused a phone shows nothing."""

    def __init__(self, store: Store, people: People) -> None:
        self._store, self._people = store, people

    # What it shows

    def screen(
        self, page: Page, person: str | None = None, psid: str | None = None, limit: int = -1
    ) -> list[dict[str, Any]]:
        """Return the conversation of a person with a Page, oldest first; the newest `limit` messages, or all.

        Each message has `from_page`, `kind`, `text`, `choices`, `message_uuid`, `psid`, `page_id`, `state` and `at`.
        Quick replies stand under the newest message alone: Messenger takes them away with the next one.
        """
        known = self._people.psid_of(page, person, psid)
        sql = (
            "SELECT * FROM messages WHERE page_id = ? AND psid = ? AND channel = 'messenger'"
            " AND (way = 'in' OR state IN ('delivered', 'read')) ORDER BY rowid DESC LIMIT ?"
        )
        rows = [_line(row) for row in self._store.rows(sql, page.id, known, limit)[::-1]]
        for older in rows[:-1]:
            older["choices"] = [each for each in older["choices"] if each["kind"] != "quick reply"]
        return rows

    def sent(self, message_uuid: str) -> dict[str, Any] | None:
        """Return a message that was accepted, as a phone shows it, whatever became of it; None for an unknown uuid."""
        sql = "SELECT * FROM messages WHERE uuid = ? AND way = 'out'"
        rows = self._store.rows(sql, storable(message_uuid))
        return _line(rows[0]) if rows else None

    # What is done there

    def tap(self, page: Page, choice: str, person: str | None = None, psid: str | None = None) -> Written:
        """Tap a quick reply or a button, by its title or its payload; who taps has read what stands there.

        As what type it comes is a switch (`tap`). Raises PeopleError when it is not there, or only opens a link.
        """
        known = self._people.psid_of(page, person, psid)
        there = [Choice(**each) for line in self.screen(page, psid=known)[::-1] for each in line["choices"]]
        wanted = (storable(choice) or "").strip().casefold()
        names = [(each.title.strip().casefold(), each.payload.casefold()) for each in there]
        found = next((each for each, named in zip(there, names, strict=True) if wanted in named), None)
        if found is None or not wanted:
            titles = ", ".join(f"“{each.title}”" for each in there) or "nothing"
            raise PeopleError("This cannot be tapped.", f"You named “{choice}”; on the screen there is: {titles}.")
        if found.kind == "link":
            raise PeopleError("This opens a page, and sends nothing.", f"It leads to {found.url or 'nowhere'}.")
        self._people.read(page, psid=known)
        return self._people.post(page, *self._tapped(page, found), psid=known)

    def send_location(
        self, page: Page, latitude: float, longitude: float, person: str | None = None, psid: str | None = None
    ) -> Written:
        """Send a place; latitude and longitude in degrees. As what type it comes is a switch (`location`)."""
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            seen = f"You gave {latitude}, {longitude}."
            raise PeopleError("There is no such place.", seen, "Latitude is -90 to 90, longitude -180 to 180.")
        if self._store.switches["location"] == "unsupported":
            return self._people.post(page, "unsupported", {}, person, psid)
        lat, long = f"{latitude:.6f}".rstrip("0").rstrip("."), f"{longitude:.6f}".rstrip("0").rstrip(".")
        place = {"lat": lat, "long": long, "url": f"https://example.com/map?q={lat},{long}"}
        return self._people.post(page, "location", {"location": place}, person, psid)

    def react(
        self,
        page: Page,
        emoji: str,
        message_uuid: str | None = None,
        person: str | None = None,
        psid: str | None = None,
    ) -> Written:
        """React to a message of the Page, by default the newest. As what type it comes is a switch (`reaction`)."""
        known = self._people.psid_of(page, person, psid)
        theirs = [line["message_uuid"] for line in self.screen(page, psid=known) if line["from_page"]]
        if not theirs or (message_uuid is not None and message_uuid not in theirs):
            seen = f"You named {message_uuid}." if theirs else f"“{page.name}” has not answered yet."
            raise PeopleError("There is no such message to react to.", seen, "Answer first, or leave the uuid out.")
        shown = (storable(emoji) or "").strip()
        if not 1 <= len(shown) <= _LONGEST_EMOJI or shown.isascii():
            raise PeopleError("This is no emoji.", f"You gave “{shown[:_LONGEST_EMOJI]}”.", "Such as 👍.")
        self._people.read(page, psid=known)
        if self._store.switches["reaction"] == "unsupported":
            return self._people.post(page, "unsupported", {}, psid=known)
        return self._people.post(page, "reaction", {"reaction": {"action": "react", "emoji": shown}}, psid=known)

    def _tapped(self, page: Page, choice: Choice) -> tuple[str, Mapping[str, Any]]:
        if self._store.switches["tap"] == "text":
            return "text", {"text": choice.title}
        if self._store.switches["tap"] == "unsupported":
            return "unsupported", {}
        if shape_of(self._store, self._store.application(page.application_id)) == TODAY:
            return "reply", {"reply": {"id": choice.payload, "title": choice.title}}
        return "button", {"button": {"payload": choice.payload, "text": choice.title}}


def _line(row: sqlite3.Row) -> dict[str, Any]:
    body = json.loads(row["body"])
    message = read(body)
    kind = message.kind if isinstance(message, InboundMessage) else "unknown"
    line = {name: row[name] for name in ("psid", "page_id", "state", "at")}
    line |= {"message_uuid": row["uuid"], "kind": kind}
    if row["way"] == "out":
        shown = on_screen(body)
        return line | {"from_page": True, "text": shown.text, "choices": [vars(each) for each in shown.choices]}
    told = in_words(message) if isinstance(message, InboundMessage) else ""
    text = message.text if isinstance(message, InboundMessage) and message.kind == "text" else None
    return line | {"from_page": False, "text": told if text is None else text, "choices": []}
