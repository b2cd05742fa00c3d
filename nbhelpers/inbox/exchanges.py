"""Exchanges: a message with everything that belongs to it, joined by its uuid; and their export."""

from __future__ import annotations

import csv
import heapq
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nbhelpers.inbox.events import Event
from nbhelpers.inbox.inbox import Inbox

__all__ = ["Exchange", "Page", "as_csv", "as_json", "changed", "page_of"]

_CHUNK = 200  # events that are read at once
_COLUMNS = (
    *("received", "kind", "channel", "message_uuid", "psid", "page_id", "message_type", "text", "statuses"),
    *("verdict", "why", "origin", "deliveries", "shape"),
)
_IDS = ("message_uuid", "psid", "page_id")


@dataclass(frozen=True)
class Exchange:
    """A message that came in or an answer that went out (`head`), and the message statuses that came for it.

    Of an answer that was sent by hand the inbox has the statuses alone: then the first of them is the head.
    """

    head: Event
    statuses: tuple[Event, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from any other: the uuid, or the event's own number where there is none."""
        return f"{self.head.kind == 'inbound'} {self.head.message_uuid or self.head.id}"

    @property
    def outbound(self) -> bool:
        """Whether it is an answer of yours."""
        return self.head.kind in ("reply", "status")

    @property
    def facts(self) -> dict[str, Any]:
        """Everything as plain values, ids as texts."""
        facts = {name: getattr(self.head, name) for name in _COLUMNS if hasattr(self.head, name)}
        facts |= {"received": self.head.received.isoformat(), "body": self.head.json}
        told = [
            {"status": each.status, "received": each.received.isoformat(), "body": each.json} for each in self.statuses
        ]
        return facts | {"statuses": told}


@dataclass(frozen=True)
class Page:
    """A page of exchanges, the newest first; `before` is the event before which the next page begins, None: no more."""

    exchanges: tuple[Exchange, ...]
    before: int | None


def page_of(
    inbox: Inbox,
    size: int = 50,
    before: int | None = None,
    person: str | None = None,
    kind: str | None = None,
    text: str | None = None,
) -> Page:
    """Return the newest exchanges: of one `person` (PSID), one `kind` (inbound, reply, call), with `text` in them.

    However large the inbox is, no more is read than a page needs.
    """
    kinds = ("reply", "status") if kind == "reply" else (kind,)  # an answer may be known by its statuses alone
    found: dict[str, Exchange] = {}
    known: dict[str | None, Exchange | None] = {}  # by uuid: an answer and each of its receipts ask for the same
    each_kind = (_newest_first(inbox, each, person, text or None, before) for each in kinds)
    for event in heapq.merge(*each_kind, key=lambda event: event.id, reverse=True):
        exchange = _of(inbox, event, known)
        if exchange is not None and exchange.head.id == event.id:  # a receipt gives its answer no other place
            found[exchange.key] = exchange
        if len(found) == size:
            return Page(tuple(found.values()), event.id)
    return Page(tuple(found.values()), None)


def changed(inbox: Inbox, events: Iterable[Event]) -> list[Exchange]:
    """Return the exchanges that these events belong to, the oldest first."""
    found = {}
    for event in events:
        exchange = _of(inbox, event, {})
        if exchange is not None:
            found[exchange.key] = exchange
    return list(found.values())


def as_json(exchanges: Sequence[Exchange]) -> str:
    """Write exchanges as JSON, the newest first: ids are texts, bodies as they came."""
    return json.dumps([each.facts for each in exchanges], ensure_ascii=False, indent=1)


def as_csv(exchanges: Sequence[Exchange]) -> str:
    """Write exchanges as CSV for a spreadsheet, the newest first.

    A spreadsheet takes 16 digits for a number and loses the last ones, so ids of digits are written as `="…"`, which
    all of them read as text; and no text from outside is taken for a formula.
    """
    written = io.StringIO()
    table = csv.writer(written, quoting=csv.QUOTE_ALL)
    table.writerow(_COLUMNS)
    for each in exchanges:
        facts = each.facts | {"statuses": ", ".join(status.status or "" for status in each.statuses)}
        table.writerow([_cell(facts[name], name in _IDS) for name in _COLUMNS])
    return written.getvalue()


def _newest_first(
    inbox: Inbox, kind: str | None, person: str | None, text: str | None, before: int | None
) -> Iterator[Event]:
    while True:
        events = inbox.events(kind, person, text=text, before=before, limit=_CHUNK)
        yield from reversed(events)
        if len(events) < _CHUNK:
            return
        before = events[0].id


def _of(inbox: Inbox, event: Event, known: dict[str | None, Exchange | None]) -> Exchange | None:
    uuid = event.message_uuid
    if event.kind in ("inbound", "call") or uuid is None:
        return Exchange(event)
    if uuid not in known:
        about = inbox.events(uuid=uuid)
        statuses = tuple(each for each in about if each.kind == "status")
        head = next((each for each in about if each.kind == "reply"), statuses[0] if statuses else None)
        known[uuid] = Exchange(head, statuses) if head is not None else None
    return known[uuid]


def _cell(value: Any, is_id: bool) -> str:
    text = "" if value is None else str(value)
    if is_id and text.isdecimal():
        return f'="{text}"'
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
