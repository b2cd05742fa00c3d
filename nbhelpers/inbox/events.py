"""Deliveries and events: a delivery is one HTTP request that reached us, an event one thing that happened."""

from __future__ import annotations

import functools
import hashlib
import html
import json
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nbhelpers.messages.contents import in_words
from nbhelpers.messages.inbound import MESSENGER, InboundMessage, MessageStatus, Unreadable, read
from nbhelpers.messages.on_screen import on_screen
from nbhelpers.messages.other_calls import CALLS, Recognised, recognise

__all__ = ["ORIGINS", "Delivery", "Event", "Receipts", "channel_name", "event_of", "one_line"]

# Where a delivery came from: the wire, or one of the ways in which we make one ourselves. Only wire and sample may tell
# the newest PSID.
ORIGINS = ("wire", "replay", "edited", "sample", "doctor")

# How a channel is called where it is shown; of one that is not here its own name.
_CHANNELS = {
    "messenger": "Messenger",
    "whatsapp": "WhatsApp",
    "viber_service": "Viber",
    "email": "e-mail",
    **{name: name.upper() for name in ("sms", "mms", "rcs")},
}

_LEAVE_ALONE = "Let whatever passes webhooks on leave their bytes as they are; this one was read all the same."

# Categories of characters that move the cursor, turn the writing round or end a line. Those that are not assigned are
# let through: an emoji may be younger than this Python.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words and join emoji


@dataclass(frozen=True)
class Delivery:
    """One HTTP request that reached the receiver, as it came; `answer` is the status it got.

    `verdict` and `why` say how its signature was judged (see `signatures.Verdict`). `received` is in UTC.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    answer: int
    verdict: str = "unchecked"
    why: str = ""
    origin: str = "wire"
    received: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: int | None = None

    @property
    def trusted(self) -> bool:
        """Whether it was taken in, and came from outside: a refused, replayed or edited one tells no PSID."""
        return 200 <= self.answer < 300 and self.origin in ("wire", "sample")

    @property
    def line(self) -> str:
        """The delivery as one line of plain text: its id, when and where it came, its answer, what it tells of."""
        told = event_of(self)
        if told is None:
            what = "no event"
        elif told["kind"] == "call":
            what = one_line(told["message_type"], 120)
        elif told["kind"] == "status":
            what = f"{one_line(told['status'])} {one_line(told['message_uuid'])}{_on(told['channel'])}"
        else:
            said = f"“{one_line(told['text'], 60)}”" if told["text"] is not None else one_line(told["message_type"])
            what = f"inbound {said}{_on(told['channel'])}"
        called = f"{one_line(self.method, 10)} {one_line(self.path.partition('?')[0], 60)}, answered {self.answer}"
        mark = "" if self.origin == "wire" else f" ({self.origin})"
        return f"{self.id or '-'} {self.received.astimezone():%H:%M:%S} {called}, {self.verdict}: {what}{mark}"


@dataclass(frozen=True)
class Event:
    """One thing that happened: an inbound message, a message status, a reply that we sent, or somebody else's call.

    However often it is delivered it is one event; `deliveries` counts. `kind` is `inbound`, `status`, `reply` or `call`
    (no webhook of the Messages API: `message_type` says what, `next` what to do); `psid` is always the person and
    `page_id` always the Page, whichever way the message went, on another `channel` the IDs that it has there.
    `revision` grows with every change of any event, `delivery` is the row of what tells it, and gives the order in
    which things came whatever a clock said; `received` is in UTC. `notes` say how a body came that was no plain UTF-8.
    """

    id: int
    kind: str
    message_uuid: str | None
    status: str | None
    psid: str | None
    page_id: str | None
    text: str | None
    message_type: str | None
    shape: str
    received: datetime
    deliveries: int
    trusted: bool
    verdict: str
    why: str
    origin: str
    path: str
    revision: int
    body: bytes = field(repr=False)
    channel: str = MESSENGER
    delivery: int = 0
    notes: str = ""

    @functools.cached_property
    def message(self) -> InboundMessage | MessageStatus | Unreadable:
        """The body as the reader understands it."""
        return read(self.body)

    @property
    def json(self) -> dict[str, Any]:
        """The body as it came, field by field."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):  # a call of somebody else's need be no JSON
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def facts(self) -> dict[str, Any]:
        """What a program wants to know of it, as JSON can hold it."""
        names = ("kind", "status", "psid", "page_id", "text", "message_uuid", "channel", "deliveries", "origin")
        facts = {"received": self.received.isoformat()} | {name: getattr(self, name) for name in names}
        if self.kind == "call":
            facts |= {"call": self.message_type, "next": self.next}
        return facts | {"body": self.json}

    def shown_as(self, shape: str) -> dict[str, Any]:
        """Return the same facts in the shape of `v0.1` (the guide's) or `v1` (today's)."""
        message = self.message
        return self.json if self.kind == "reply" or isinstance(message, Unreadable) else message.body(shape)

    @property
    def replayed(self) -> bool:
        """Whether it is told by a replay of ours alone, edited or not: nobody outside has said so."""
        return self.origin in ("replay", "edited")

    @property
    def said(self) -> str:
        """What was said, in one line: a text in quotes, of another type its words."""
        return self._said(120)

    def _said(self, longest: int) -> str:
        message = self.message
        if self.text is not None and (self.kind == "call" or self.message_type in ("text", None)):
            return f"“{one_line(self.text, longest)}”"
        if self.kind == "reply":
            return one_line(str(on_screen(self.json)).replace("\n", " / "), longest) or one_line(self.message_type)
        if self.kind == "inbound" and isinstance(message, InboundMessage) and message.kind == self.message_type:
            return one_line(in_words(message), 160)
        return one_line(self.message_type or "", 120)

    @property
    def next(self) -> str:
        """What to do about a call that is no webhook of the Messages API, or whose bytes are not; else empty."""
        if self.kind == "call":
            return str(CALLS[self.status or ""]["next"])
        return _LEAVE_ALONE if self.notes else ""

    @property
    def line(self) -> str:
        """The event as one line of plain text, with an arrow: `-->` came in, `<--` went out."""
        clock = f"{self.received.astimezone():%H:%M:%S}"
        if self.kind == "reply":
            words = f"<-- reply     {self._said(60)} to {one_line(self.psid)} from {one_line(self.page_id)}"
        elif self.kind == "status":
            words = f"--> {one_line(self.status):<9} {one_line(self.message_uuid)} to {one_line(self.psid)}"
            if isinstance(self.message, MessageStatus) and self.message.error_code:
                words += f": {one_line(self.message.error_code)} {one_line(self.message.error_text)}"
        elif self.kind == "call":
            told = f": {self._said(60)}" if self.text is not None else ""
            words = f"--> other     {one_line(self.message_type, 200)}{told}"
            words += f" from {one_line(self.psid)}" if self.psid else ""
        else:
            words = f"--> inbound   {self._said(60)} from {one_line(self.psid)} to {one_line(self.page_id)}"
        marks = [f"×{self.deliveries}"] if self.deliveries > 1 else []
        if self.origin not in ("wire", "sent"):
            marks.append(self.origin)
        if self.notes:
            marks.append(self.notes)
        if self.kind in ("inbound", "status") and self.origin == "wire":
            if not self.trusted:
                marks.append(f"refused: {self.why}")
            elif self.verdict in ("wrong", "unsigned"):
                marks.append("unsigned" if self.verdict == "unsigned" else "signature wrong")
        channel = "" if self.kind == "call" else _on(self.channel)
        following = f". Next: {self.next}" if self.next else ""
        return f"{clock} {words}{channel}" + (f" ({', '.join(marks)})" if marks else "") + following

    def __repr__(self) -> str:
        return self.line

    def _repr_html_(self) -> str:
        return _as_lines(self.line)


def _as_lines(text: str) -> str:
    # Jupyter would break a line in the middle of a word or a number.
    return f'<pre style="white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere">{html.escape(text)}</pre>'


class Receipts(tuple[Event, ...]):
    """The message statuses of one reply, oldest first."""

    __slots__ = ()

    @property
    def states(self) -> list[str]:
        """Their names, such as `["submitted", "delivered"]`."""
        return [event.status or "" for event in self]

    def __repr__(self) -> str:
        return "\n".join(event.line for event in self) or "No receipt yet."

    def _repr_html_(self) -> str:
        return _as_lines(repr(self))


def event_of(delivery: Delivery, found: Recognised | None = None) -> dict[str, Any] | None:
    """Return what a delivery says happened, as the columns of an event; None when it is no event.

    `found` is what its request was recognised as, if somebody has looked already.

    An event is a POST to one of the two paths, of a JSON object that names a message, a person or a Page: its identity
    is kind, message_uuid and status; without a uuid the SHA-256 of the body. What it is, its content decides: a status
    that was sent to the inbound URL is still a status. Or it is somebody else's call that can be named (`kind` is
    `call`).
    """
    if delivery.answer == 413:
        return None
    found = found or recognise(delivery.method, delivery.path, delivery.headers, delivery.body)
    message, call = found.message, found.call
    columns: dict[str, Any] = {"notes": ", ".join(found.notes), "body": found.data}
    if call is not None:
        asked = f"{delivery.method} {delivery.path} ".encode("utf-8", "surrogatepass")
        return columns | {
            "identity": f"call:sha256:{hashlib.sha256(asked + delivery.body).hexdigest()}",
            "kind": "call",
            "message_uuid": None,
            "status": call.name,
            "psid": call.person,
            "page_id": call.ours,
            "text": call.text,
            "message_type": call.what,
            "shape": "",
            "channel": call.channel,
        }
    if message is None or delivery.answer in (400, 404, 405):
        return None
    if isinstance(message, MessageStatus):
        kind, status, text, message_type = "status", message.status, None, None
    else:
        kind, status, text, message_type = "inbound", None, message.text, message.kind
    uuid = message.message_uuid
    if uuid is None and message.psid is None and message.page_id is None:
        return None  # such as the test call of the settings form: nothing happened to anybody
    identity = json.dumps([kind, uuid, status]) if uuid else f"sha256:{hashlib.sha256(delivery.body).hexdigest()}"
    return columns | {
        "identity": identity,
        "kind": kind,
        "message_uuid": uuid,
        "status": status,
        "psid": message.psid,
        "page_id": message.page_id,
        "text": text,
        "message_type": message_type,
        "shape": message.shape,
        "channel": message.channel,
    }


def channel_name(channel: str) -> str:
    """Return how a channel is called where it is shown: `WhatsApp` for `whatsapp`."""
    return _CHANNELS.get(channel) or one_line(channel, 30)


def _on(channel: str) -> str:
    return "" if channel == MESSENGER else f" on {channel_name(channel)}"


def one_line(text: str | None, longest: int = 80) -> str:
    """Return text from outside, fit for one line of a terminal: no control characters, not too long."""
    if text is None:
        return "(none)"
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(
        "�" if unicodedata.category(character) in _UNSEEN and character not in _JOINERS else character
        for character in shown
    )
