"""The panels about a person: the captured PSID, and the whole conversation."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.messages.inbound import MessageStatus
from nbhelpers.widgets.base import Panel, block, guarded

__all__ = ["ConversationPanel", "PsidPanel", "pinned", "ticks"]

_STAGES = ("submitted", "delivered", "read")
_ENDINGS: tuple[str, ...] = ("rejected", "undeliverable")
_LONGEST = 2000  # characters of one message in the talk: what a person can write in Messenger


def pinned(course: CourseContext, chosen: str | None) -> tuple[Event | None, int]:
    """Return the newest message of the chosen person (or of whoever wrote last) and how many people wrote since."""
    messages = [event for event in course.inbox.events("inbound") if event.trusted and event.psid]
    if not messages:
        return None, 0
    person = chosen or messages[-1].psid
    own = [event for event in messages if event.psid == person]
    if not own:
        return messages[-1], 0
    newer = {event.psid for event in messages[messages.index(own[-1]) + 1 :]}
    return own[-1], len(newer - {person})


def newer_words(count: int) -> str:
    """“2 newer people”, or nothing."""
    return f"{count} newer {'person' if count == 1 else 'people'}" if count else ""


def ticks(events: list[Event]) -> str:
    """How far an answer has come, a tick and a word for each receipt; of a refused one also why."""
    states = {event.status: event for event in events if event.kind == "status" and event.trusted}
    ended = next((state for state in _ENDINGS if state in states), None)
    last = ended or next((state for state in reversed(_STAGES) if state in states), None)
    if last is None:
        return "accepted, no receipt yet"
    shown = [last] if ended else [state for state in _STAGES if state in states]
    words = "  ".join(f"✓ {state} {states[state].received.astimezone():%H:%M:%S}" for state in shown)
    if ended:
        words = words.replace("✓", "✗")
    message = states[last].message
    if ended and isinstance(message, MessageStatus) and message.error_code:
        words += f": {one_line(message.error_code)} {one_line(message.error_text)}"
    return words


class PsidPanel(Panel):
    """The PSID as it comes in, with a line to write as the person. The person on screen stays the one on screen."""

    heading = "Captured PSID"

    def __init__(self, course: CourseContext) -> None:
        self._person: str | None = None
        self._shown, self._said = block(), block()
        children: list[ipywidgets.Widget] = [self._shown]
        if course.simulated:
            self._line = ipywidgets.Text(
                placeholder="Write as the person, then press Enter or Write", layout={"width": "70%"}
            )
            self._line.tooltip = "What the person writes to your Page"
            button = ipywidgets.Button(description="Write", tooltip="Write to the Page as the person")
            write = guarded(self._say, self._write)
            button.on_click(write)
            # Enter, as the line itself reports it: `on_submit` would warn that it is old.
            self._line.on_msg(lambda _, message, __: write(None) if message.get("event") == "submit" else None)
            children += [ipywidgets.HBox([self._line, button]), self._said]
        super().__init__(course, children)
        self.show()
        self.follow()

    def refresh(self) -> None:
        event, newer = pinned(self.course, self._person)
        if event is None:
            self._shown.value = f'<p role="status">{_NOBODY}</p>'
            return
        self._person = event.psid
        more = f"<br><small>{newer_words(newer)}</small>" if newer else ""
        self._shown.value = (
            '<p role="status"><span style="font-size:1.6em;font-family:monospace">'
            f"{html.escape(event.psid or '')}</span><br>PSID: the person, as your Page knows them. "
            f"Page ID {html.escape(event.page_id or '')}: you.<br>"
            f"{event.received.astimezone():%H:%M:%S} <bdi>{html.escape(_quoted(event))}</bdi>{more}</p>"
        )

    def as_text(self) -> str:
        event, newer = pinned(self.course, self._person)
        if event is None:
            return _NOBODY
        lines = [f"PSID {event.psid}: the person. Page ID {event.page_id}: you.", _quoted(event), newer_words(newer)]
        return "\n".join(line for line in lines if line)

    def _write(self) -> None:
        if not self._line.value.strip():
            raise MessageError("There is nothing to write.", next="Type something into the line first.")
        written = self.course.control.write(text=self._line.value, page=self.course.facts.get("page_name"))
        self._line.value = ""  # only now: what could not be written is not lost
        passed_on = "Watch the PSID above." if written["passed_on"] else "It was not passed on: see step 4."
        self._say(f"Written. {passed_on}")

    def _say(self, words: str) -> None:
        self._said.value = f'<small role="status">{html.escape(words)}</small>'


_NOBODY = "Nobody has written yet. A PSID appears here with the first message."


def _quoted(event: Event) -> str:
    return f"“{one_line(event.text, 120)}”" if event.text is not None else f"({one_line(event.message_type)})"


class ConversationPanel(Panel):
    """The whole talk with one person: what they wrote, what you answered, and how far each answer has come."""

    heading = "The whole talk"

    def __init__(self, course: CourseContext) -> None:
        self._person: str | None = None
        self._talk = block()
        super().__init__(course, [self._talk])
        self.show()
        self.follow()

    def refresh(self) -> None:
        rows = self._rows()
        if not rows:
            self._talk.value = f"<p>{_NOBODY}</p>"
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
        return "\n".join(f"{who}: {text} ({below})" for _, who, text, below in self._rows()) or _NOBODY

    def _rows(self) -> list[tuple[bool, str, str, str]]:
        event, _ = pinned(self.course, self._person)
        if event is None:
            return []
        self._person = event.psid
        events = self.course.inbox.events(person=event.psid)
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
                # An answer that was sent by hand is known by its receipts alone.
                rows.append((True, "you", _said(reply) if reply else "(an answer that you sent by hand)", ticks(about)))
        return rows


def _said(event: Event) -> str:
    if event.text is None:
        return f"({one_line(event.message_type)})"
    return "\n".join(one_line(line, _LONGEST) for line in event.text[:_LONGEST].splitlines())
