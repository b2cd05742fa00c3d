"""A talk as bubbles: the part, and the two sides of a conversation that are shown with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import anywidget
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.on_screen import Choice, OnScreen, on_screen
from nbhelpers.widgets.parts import script
from nbhelpers.widgets.person import Names, latest

__all__ = ["KINDS", "Bubble", "SentByHand", "Talk", "business_side", "phone_side"]

#: What the simulated person can send from the panel.
KINDS = ("text", "image", "sticker", "audio", "video", "file", "like")
_EVENTS = 400  # of one person that are looked at: the newest
_LONGEST = 2000  # characters of one message in the talk: what a person can write in Messenger

_AS_TEXT = ("text", "custom")  # types of messages whose text is what they say

Bubble = dict[str, Any]  #: key, own, who, kind, text, below, choices (titles of what can be tapped)


class Talk(anywidget.AnyWidget):
    """Bubbles in their order, `own` ones on the right; `write` labels a line to write in, `reads` says who reads.

    What is pressed comes as a message: `ask` is `send` (with `kind` and `text`), `tap` (with `choice`, a title) or
    `read`. The answer is a message too: `words` are said below the line, `sent` empties it. `earlier` says how many
    bubbles are left out before those that are shown.
    """

    _esm = script("talk")
    bubbles = traitlets.List(traitlets.Dict()).tag(sync=True)
    name = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("").tag(sync=True)
    earlier = traitlets.Int(0).tag(sync=True)
    write = traitlets.Unicode("").tag(sync=True)
    reads = traitlets.Unicode("").tag(sync=True)
    kinds = traitlets.List(traitlets.Unicode()).tag(sync=True)


class SentByHand:
    """Finds what an answer says that was not sent with this kit: its receipts alone name it."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course
        self._found: dict[str, tuple[str, str]] = {}  # by message_uuid: type and words

    def of(self, message_uuid: str) -> tuple[str, str]:
        """Return its type and its words as a phone shows them, or why they cannot be had."""
        if not self._course.simulated:
            return "", "(sent by hand: receipts carry no words, and the service gives out none of what was sent)"
        if message_uuid not in self._found:
            try:
                sent = self._course.control.sent(message_uuid)
            except KitError:
                return "", "(sent by hand: the simulator, which knows the words, does not answer)"
            if sent is None:
                return "", "(sent by hand: the simulator does not know this message)"
            shown = OnScreen(sent["text"], tuple(Choice(**each) for each in sent["choices"]))
            self._found[message_uuid] = sent["kind"], _lines(str(shown))
        return self._found[message_uuid]


def business_side(
    course: CourseContext, person: str, names: Names, by_hand: SentByHand, channel: str = MESSENGER
) -> list[Bubble]:
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
            kind, text = (reply.message_type, said(reply)) if reply else by_hand.of(each.message_uuid or "")
            by = "you" if reply else "you, by hand"
            bubbles.append(_bubble(f"out {each.message_uuid}", True, by, kind, text, f"{by} · {latest(about)}"))
    return bubbles


def phone_side(course: CourseContext, person: str, page: str) -> list[Bubble]:
    """Return what the person's phone shows, as the simulator has it: what was never delivered is not on it."""
    bubbles = []
    for each in course.control.phone(psid=person, page=page):
        own, text = not each["from_page"], _lines(each["text"])
        clock = f"{datetime.fromtimestamp(each['at']).astimezone():%H:%M:%S}"
        below = clock if own else f"{clock} · {'read' if each['state'] == 'read' else 'not read yet'}"
        who = "you, the person" if own else "the Page"
        choices = [one_line(choice["title"], 80) for choice in each["choices"] if choice["kind"] != "link"]
        bubbles.append(_bubble(each["message_uuid"], own, who, each["kind"], text, below, choices))
    return bubbles


def said(event: Event) -> str:
    """Return what a message says, line by line, or its type in brackets."""
    if event.kind == "reply" and event.message_type != "text":
        return _lines(str(on_screen(event.json)))
    if event.text is None or event.message_type != "text":
        return f"({event.said})"
    return _lines(event.text)


def _lines(text: str) -> str:
    return "\n".join(one_line(line, _LONGEST) for line in text[:_LONGEST].splitlines())


def _bubble(
    key: str, own: bool, who: str, kind: str | None, text: str, below: str, choices: Sequence[str] = ()
) -> Bubble:
    shape = "text" if kind in _AS_TEXT else "other"
    facts = {"key": key, "own": own, "who": who, "kind": shape, "text": text, "below": below}
    return facts | {"choices": list(choices)}
