"""A talk as bubbles: the part, and the two sides of a conversation that are shown with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import anywidget
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.widgets.parts import script
from nbhelpers.widgets.person import Names, latest

__all__ = ["KINDS", "Talk", "business_side", "phone_side"]

KINDS = ("text", "image", "sticker", "audio", "video", "file", "like")
_EVENTS = 400  # of one person that are looked at: the newest
_LONGEST = 2000  # characters of one message in the talk: what a person can write in Messenger

Bubble = dict[str, Any]  # key, own, who, kind, text, below


class Talk(anywidget.AnyWidget):
    """Bubbles in their order, `own` ones on the right; `write` labels a line to write in, `reads` says who reads.

    What is pressed comes as a message: `ask` is `send` (with `kind` and `text`) or `read`. The answer is a message too:
    `words` are said below the line, `sent` empties it.
    """

    _esm = script("talk")
    bubbles = traitlets.List(traitlets.Dict()).tag(sync=True)
    name = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    write = traitlets.Unicode("").tag(sync=True)
    reads = traitlets.Unicode("").tag(sync=True)
    kinds = traitlets.List(traitlets.Unicode()).tag(sync=True)


def business_side(course: CourseContext, person: str, names: Names, channel: str = MESSENGER) -> list[Bubble]:
    """Return what the inbox knows of the talk with one person, and how far each of your answers has come."""
    events = course.inbox.events(person=person, channel=channel, limit=_EVENTS)
    # What you replayed is shown too, as what it is; of an answer only what the service says itself.
    events = [each for each in events if each.trusted or (each.replayed and each.kind == "inbound")]
    bubbles, seen = [], set()
    for each in events:
        if each.kind == "inbound":
            who = f"{each.origin}, not the person" if each.replayed else names.of(person)
            below = f"{who} · {each.received.astimezone():%H:%M:%S}"
            bubbles.append(_bubble(f"in {each.id}", False, who, each.message_type, said(each), below))
        elif each.message_uuid not in seen:
            seen.add(each.message_uuid)
            about = [other for other in events if other.message_uuid == each.message_uuid]
            # By whatever came first: a receipt may overtake the note that an answer was sent.
            reply = next((other for other in about if other.kind == "reply"), None)
            # An answer that was sent by hand is known by its receipts alone.
            text = said(reply) if reply else "(an answer that you sent by hand)"
            by = "you" if reply else "you, by hand"
            kind = "text" if reply and reply.text is not None else "other"
            bubbles.append(_bubble(f"out {each.message_uuid}", True, "you", kind, text, f"{by} · {latest(about)}"))
    return bubbles


def phone_side(course: CourseContext, person: str) -> list[Bubble]:
    """Return what the person's phone shows, as the simulator has it: what was never delivered is not on it."""
    bubbles = []
    for each in course.control.phone(person):
        text = _lines(each["text"]) if each["text"] is not None else f"({one_line(each['kind'])})"
        clock = f"{datetime.fromtimestamp(each['at']).astimezone():%H:%M:%S}"
        below = clock if each["own"] else f"{clock} · {'read' if each['read'] else 'not read yet'}"
        who = "you, the person" if each["own"] else "the Page"
        bubbles.append(_bubble(each["uuid"], each["own"], who, each["kind"], text, below))
    return bubbles


def said(event: Event) -> str:
    """Return what a message says, line by line, or its type in brackets."""
    if event.text is None or event.message_type not in ("text", None):
        return f"({event.said})"
    return _lines(event.text)


def _lines(text: str) -> str:
    return "\n".join(one_line(line, _LONGEST) for line in text[:_LONGEST].splitlines())


def _bubble(key: str, own: bool, who: str, kind: str | None, text: str, below: str) -> Bubble:
    shape = "text" if kind == "text" else "other"
    return {"key": key, "own": own, "who": who, "kind": shape, "text": text, "below": below}
