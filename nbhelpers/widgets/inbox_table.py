"""The inbox as a table: a row for each exchange, with search, both shapes of what was sent, replay and export."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anywidget
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.exchanged import signature_words
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import Delivery, Event, channel_name, one_line
from nbhelpers.inbox.exchanges import Exchange, Page, as_csv, as_json, changed, page_of
from nbhelpers.messages.inbound import GUIDE, MESSENGER, TODAY
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.webhooks.replay import replay
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import guarded, script
from nbhelpers.widgets.person import Names, latest

__all__ = ["InboxTable"]

_SIZE = 50  # rows of a page
_MOST = 10_000  # exchanges that are exported at once
_KINDS = [["", "all kinds"], ["inbound", "messages that came in"], ["reply", "your answers"], ["call", "other calls"]]
_VERDICTS = {"signed": "verified", "wrong": "wrong", "unsigned": "unsigned", "unchecked": "not verified"}


class _Filters(NamedTuple):
    person: str | None = None
    kind: str | None = None
    text: str | None = None


class Rows(anywidget.AnyWidget):
    """The table. What is asked for comes as a message: `find`, `more`, `open`, `replay` or `export`."""

    _esm = script("inbox")
    rows: Any = traitlets.List().tag(sync=True)
    people: Any = traitlets.List().tag(sync=True)
    kinds: Any = traitlets.List().tag(sync=True)
    detail: Any = traitlets.Dict().tag(sync=True)
    more = traitlets.Bool(False).tag(sync=True)
    count = traitlets.Unicode("").tag(sync=True)


class InboxTable(Panel):
    """Everything that came and was sent, a row for each message with what belongs to it, the newest first.

    A row opens what was sent, in both shapes; what came in can be sent to your receiver again, marked as a replay.
    """

    heading = "Inbox"
    lag = 0.02

    def __init__(self, course: CourseContext) -> None:
        self._names = Names(course)
        self._filters = _Filters()
        self._people: list[str] = []
        self._exchanges: dict[str, Exchange] = {}
        self._before: int | None = None
        self._revision = -1
        self._open: str | None = None
        self._rows = Rows(kinds=_KINDS)
        self._rows.on_msg(self._asked)
        super().__init__(course, [self._rows])
        self.show()
        self.follow()

    def refresh(self) -> None:
        revision = self.course.inbox.revision()
        news = self.course.inbox.events(after=self._revision, limit=_SIZE) if self._revision >= 0 else []
        filtered = any(self._filters)
        if self._revision < 0 or filtered or len(news) == _SIZE:
            self._load()
        else:
            for exchange in changed(self.course.inbox, news):
                known = exchange.key in self._exchanges
                if known:
                    self._exchanges[exchange.key] = exchange
                else:
                    self._exchanges = {exchange.key: exchange} | self._exchanges
        self._revision = revision
        self._draw()

    def _load(self, size: int = _SIZE, more: bool = False) -> None:
        page = self._page(size, self._before if more else None)
        found = {each.key: each for each in page.exchanges}
        self._exchanges = self._exchanges | found if more else found
        self._before = page.before

    def _page(self, size: int, before: int | None) -> Page:
        return page_of(self.course.inbox, size, before, *self._filters)

    def _draw(self) -> None:
        # Who wrote first stands first, however many have come since the table last looked.
        people = dict.fromkeys(each.head.psid for each in reversed(self._exchanges.values()) if each.head.psid)
        self._names.meet(*people)
        self._people = list(dict.fromkeys([*self._people, *people]))
        shown, count = [self._row(each) for each in self._exchanges.values()], len(self._exchanges)
        words = f"{count} exchange{'' if count == 1 else 's'}{', and more before' if self._before else ''}."
        with self._rows.hold_sync():
            self._rows.rows = shown
            # By their number: on a projector no PSID may leave the kernel.
            self._rows.people = [
                ["", "everybody"],
                *([str(at), self._name(each)] for at, each in enumerate(self._people)),
            ]
            self._rows.more = self._before is not None
            self._rows.count = words if count else _NONE if any(self._filters) else _EMPTY
            self._rows.detail = self._detail()

    def _name(self, psid: str) -> str:
        return self.masked(self._names.of(psid, one_line(psid, 24)))

    def _row(self, exchange: Exchange) -> dict[str, str]:
        head = exchange.head
        way = {"inbound": "→ in", "reply": "← out", "status": "← out", "call": "→ other"}[head.kind]
        by_hand = head.kind == "status"
        marks = [f"×{head.deliveries}"] if head.deliveries > 1 else []
        marks += [head.origin] if head.origin not in ("wire", "sent") else []
        marks += [f"on {channel_name(head.channel)}"] if head.channel != MESSENGER and head.kind != "call" else []
        told = [*exchange.statuses, *([head] if head.kind == "reply" else [])]
        receipts = latest(told) if exchange.outbound else ""
        verdict = "" if head.kind == "reply" else _VERDICTS.get(head.verdict, head.verdict)
        return {
            "key": exchange.key,
            "when": _when(head.received),
            "way": way,
            "who": self._name(head.psid) if head.psid else "–",
            "what": "(an answer that you sent by hand)" if by_hand else self.masked(one_line(_said(head), 160)),
            "marks": self.masked(", ".join(marks)),
            "receipts": self.masked(receipts),
            "verdict": verdict,
        }

    # What is opened

    def _detail(self) -> dict[str, Any]:
        exchange = self._exchanges.get(self._open or "")
        if exchange is None:
            return {"key": "", "parts": []}
        events = [exchange.head, *(each for each in exchange.statuses if each is not exchange.head)]
        return {"key": exchange.key, "parts": [self._part(each) for each in events]}

    def _part(self, event: Event) -> dict[str, Any]:
        delivery = self.course.inbox.delivery(event) if event.kind != "reply" else None
        name = {"inbound": "The message", "reply": "Your answer", "call": "The call"}.get(
            event.kind, event.status or ""
        )
        shape = {GUIDE: "the guide's shape", TODAY: "today's shape"}.get(event.shape, "")
        came = f"{'went out' if event.kind == 'reply' else 'came'}{f' in {shape}' if shape else ''}"
        return {
            "title": f"{one_line(name, 40)} of {_when(event.received)}, {came}",
            "verdict": signature_words(delivery, self.course.simulated) if isinstance(delivery, Delivery) else "",
            "guide": self.masked(_payload(event, GUIDE)),
            "today": self.masked(_payload(event, TODAY)),
            "replay": event.id if delivery is not None and event.kind != "call" else None,
        }

    def _replay(self, message: dict[str, Any]) -> None:
        events = [event for each in self._exchanges.values() for event in (each.head, *each.statuses)]
        event = next((each for each in events if each.id == message.get("event")), None)
        if event is None:
            return
        settings = self.course.settings
        signing = {"secret": settings.signature_secret, "api_key": settings.api_key}
        done = replay(self.course.inbox, event, self.course.receiver().url, [], **signing)
        self._say(f"Replayed, and marked so. {' '.join(repr(done).splitlines()[:2])}")
        self.show()

    # What is asked

    def _asked(self, _widget: Any, message: Any, _buffers: Any) -> None:
        acts = {
            "find": self._find,
            "more": self._more,
            "open": self._show,
            "replay": self._replay,
            "export": self._export,
        }
        act = acts.get(message.get("ask"))
        if act is None:
            return

        def do() -> None:
            with self._lock:
                act(message)

        guarded(self._say, do)(None)

    def _find(self, message: dict[str, Any]) -> None:
        who = str(message.get("person"))
        known = who.isdecimal() and int(who) < len(self._people)
        self._filters = _Filters(
            person=self._people[int(who)] if known else None,
            kind=str(message.get("kind") or "")[:20] or None,
            text=str(message.get("text") or "")[:200] or None,
        )
        self._load()
        self._draw()

    def _more(self, _message: dict[str, Any]) -> None:
        if self._before is not None:
            self._load(more=True)
            self._draw()

    def _show(self, message: dict[str, Any]) -> None:
        self._open = str(message.get("key"))
        self._rows.detail = self._detail()

    def _export(self, message: dict[str, Any]) -> None:
        exchanges = self._page(_MOST, None).exchanges
        as_table = message.get("as") == "csv"
        text = as_csv(exchanges) if as_table else as_json(exchanges)
        name, kind = ("inbox.csv", "text/csv") if as_table else ("inbox.json", "application/json")
        self._rows.send({"file": name, "type": kind, "text": self.masked(text)})
        self._say(f"{len(exchanges)} exchange{'' if len(exchanges) == 1 else 's'} in {name}.")

    def _say(self, words: str) -> None:
        self._rows.send({"words": self.masked(words)})

    def as_text(self) -> str:
        page = page_of(self.course.inbox, 20)
        lines = []
        for each in page.exchanges:
            lines.append(each.head.line)
            lines += [f"    {status.line}" for status in each.statuses if status is not each.head]
        return "\n".join([*lines, *(["… and more before."] if page.before else [])]) or _EMPTY


_EMPTY = "Nothing has come, and nothing was sent."
_NONE = "Nothing is found: change the search."


def _said(event: Event) -> str:
    return f"“{event.text}”" if event.text is not None and event.message_type in ("text", None) else event.said


def _when(moment: datetime) -> str:
    local = moment.astimezone()
    return (
        f"{local:%H:%M:%S}" if local.date() == datetime.now(UTC).astimezone().date() else f"{local:%Y-%m-%d %H:%M:%S}"
    )


def _payload(event: Event, shape: str) -> str:
    body = event.shown_as(shape)
    if event.kind == "reply" and event.shape != shape:
        with contextlib.suppress(MessageError):  # then as it was sent
            body = OutboundMessage(event.page_id or "", event.psid or "", event.text or "").body(shape)
    text = json.dumps(body, ensure_ascii=False, indent=1) if body else event.body.decode("utf-8", "replace")
    text = text or f"{event.path}\n(no body)"
    return "\n".join(one_line(line, 2000) for line in text.splitlines())
