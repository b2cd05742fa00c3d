"""The whole conversation with one person as a panel."""

from __future__ import annotations

import html

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.on_screen import Choice, OnScreen, on_screen
from nbhelpers.widgets.base import Panel, block
from nbhelpers.widgets.person import NOBODY, pinned, ticks

__all__ = ["ConversationPanel"]

_LONGEST = 2000  # characters of one message in the talk: what a person can write in Messenger
_NO_WORDS = "(sent by hand: receipts carry no words, and the service gives out none of what was sent)"


class ConversationPanel(Panel):
    """The whole talk with one person: what they wrote, what you answered, and how far each answer has come."""

    heading = "The whole talk"

    def __init__(self, course: CourseContext, channel: str = MESSENGER) -> None:
        self._channel = channel
        self._person: str | None = None
        self._words: dict[str | None, str] = {}  # of answers sent by hand, by their message_uuid
        self._talk = block()
        super().__init__(course, [self._talk])
        self.show()
        self.follow()

    def refresh(self) -> None:
        rows = self._rows()
        if not rows:
            self._talk.value = f"<p>{NOBODY}</p>"
            return
        bubbles = "".join(
            f'<li style="text-align:{"right" if own else "left"};margin:0.3em 0"><div style="display:inline-block;'
            f"max-width:75%;text-align:left;padding:0.2em 0.8em;border:1px solid var(--jp-border-color1, #888);"
            f'border-radius:0.9em"><small>{who}</small>'
            # The direction of the text is its own, not that of the words around it.
            f'<div dir="auto" style="white-space:pre-wrap;overflow-wrap:anywhere">{html.escape(text)}</div></div>'
            f"<br><small>{html.escape(below)}</small></li>"
            for own, who, text, below in rows
        )
        # Turned round, a box that is too small for the talk shows its end.
        self._talk.value = (
            '<div role="log" tabindex="0" aria-label="The whole talk" '
            'style="display:flex;flex-direction:column-reverse;'
            f'max-height:420px;overflow-y:auto"><ol style="list-style:none;margin:0;padding:0">{bubbles}</ol></div>'
        )

    def as_text(self) -> str:
        return "\n".join(f"{who}: {text} ({below})" for _, who, text, below in self._rows()) or NOBODY

    def _rows(self) -> list[tuple[bool, str, str, str]]:
        event, _ = pinned(self.course, self._person, self._channel)
        if event is None:
            return []
        self._person = event.psid
        events = self.course.inbox.events(person=event.psid, channel=self._channel)
        # What you replayed is shown too, as what it is; of an answer only what the service says itself.
        events = [each for each in events if each.trusted or (each.replayed and each.kind == "inbound")]
        rows, seen = [], set()
        for each in events:
            if each.kind == "inbound":
                who = f"{each.origin}, not the person" if each.replayed else "the person"
                rows.append((False, who, _said(each), f"{each.received.astimezone():%H:%M:%S}"))
            elif each.message_uuid not in seen:
                seen.add(each.message_uuid)
                about = [other for other in events if other.message_uuid == each.message_uuid]
                # By whatever came first: a receipt may overtake the note that an answer was sent.
                reply = next((other for other in about if other.kind == "reply"), None)
                who, text = ("you", _said(reply)) if reply else ("you, by hand", self._by_hand(each.message_uuid))
                rows.append((True, who, text, ticks(about)))
        return rows

    def _by_hand(self, message_uuid: str | None) -> str:
        """Return the words of an answer that was not sent with this kit: its receipts alone name it."""
        if not self.course.simulated:
            return _NO_WORDS
        known = self._words.get(message_uuid)
        if known is None:
            try:
                sent = self.course.control.sent(message_uuid or "")
            except KitError:
                return "(sent by hand: the simulator, which knows the words, does not answer)"
            shown = OnScreen(sent["text"], tuple(Choice(**each) for each in sent["choices"])) if sent else None
            known = self._words[message_uuid] = (
                str(shown) if shown else "(sent by hand, before the simulator's state began)"
            )
        return _cut(known)


def _said(event: Event) -> str:
    if event.kind == "reply" and event.message_type != "text":
        return _cut(str(on_screen(event.json)))
    if event.text is None or event.message_type != "text":
        return f"({event.said})"
    return _cut(event.text)


def _cut(text: str) -> str:
    return "\n".join(one_line(line, _LONGEST) for line in text[:_LONGEST].splitlines())
