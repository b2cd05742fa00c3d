"""The captured PSID as a panel, with a line to write as the person."""

from __future__ import annotations

import html
from typing import Any

import anywidget
import ipywidgets
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.simulator.rules.messenger import DAY
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import CopyField, Countdown, Note, block, button, field, guarded, row, script
from nbhelpers.widgets.person import NOBODY, Names, newcomers, newer_words

__all__ = ["Newcomers", "PsidPanel"]


class Newcomers(anywidget.AnyWidget):
    """Those who have written since: how many, and a button for each, that says which was pressed."""

    _esm = script("newcomers")
    words = traitlets.Unicode("").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)


class PsidPanel(Panel):
    """The PSID as it comes in, with a line to write as the person. The person on screen stays the one on screen."""

    heading = "Captured PSID"
    pulse = 2.0

    def __init__(self, course: CourseContext) -> None:
        self._person: str | None = None
        self._page: str | None = None
        self._newer: list[str] = []
        self._names = Names(course)
        self._psid = CopyField(
            whole=(lambda: self._person or "") if course.presenting else None,
            label="PSID",
            words="Copy PSID",
            big=True,
        )
        self._window = Countdown(
            running="You may answer for {left}", over="24 hours are over: they must write again first", whole=DAY
        )
        self._shown, self._newcomers, self._said = block(), Newcomers(), Note()
        self._newcomers.on_msg(self._pin)
        children: list[ipywidgets.Widget] = [self._psid, self._window, self._shown]
        if course.simulated:
            self._line = field(ipywidgets.Text, "Write as Ada", placeholder="Message")
            write = guarded(self._say, self._write)
            # Enter, as the line itself reports it: `on_submit` would warn that it is old.
            self._line.on_msg(lambda _, message, __: write(None) if message.get("event") == "submit" else None)
            children += [row(self._line, button("Write", write, tooltip="Write to the Page as the person")), self._said]
        super().__init__(course, [*children, self._newcomers])
        self.show()
        self.follow()

    def refresh(self) -> None:
        event, self._newer = newcomers(self.course, self._person)
        for part in (self._psid, self._window):
            part.layout.display = "none" if event is None else ""
        if event is None:
            self._shown.value = f"<p>{NOBODY}</p>"
            return
        is_new = self._person != event.psid
        self._person, self._page = event.psid, event.page_id
        self._show(event)
        # The PSID first: who is behind it is asked afterwards.
        if self._names.look() or is_new:
            self._show(event)

    def beat(self) -> None:
        if self._person is not None and self._names.look():
            self.refresh()

    def _show(self, event: Event) -> None:
        name, psid = self._names.of(event.psid), self.masked(event.psid)
        self._psid.after = f"{name}, as your Page knows them" if name != "the person" else "as your Page knows them"
        self._psid.value = psid
        wrote = self._names.wrote(event.psid)
        self._window.expires = (event.received.timestamp() if wrote is None else wrote) + DAY
        said, when = self.masked(_quoted(event)), f"{event.received.astimezone():%H:%M:%S}"
        self._shown.value = (
            f"<p><bdi>{html.escape(said)}</bdi> "
            f'<span class="nbh-soft">{when} · to Page {html.escape(self.masked(event.page_id))}: you</span></p>'
        )
        words = newer_words(len(self._newer))
        with self._newcomers.hold_sync():
            self._newcomers.words = words
            self._newcomers.names = [self._names.of(each, f"…{one_line(each[-4:])}") for each in self._newer[:5]]
        if self.course.simulated:
            self._line.description = f"Write as {name}"
        self.head.said = f"PSID {psid}: {said}. {words}"

    def as_text(self) -> str:
        event, newer = newcomers(self.course, self._person)
        if event is None:
            return NOBODY
        lines = [f"PSID {event.psid}: the person. Page ID {event.page_id}: you.", _quoted(event)]
        return "\n".join([*lines, newer_words(len(newer))]).strip()

    def _pin(self, _widget: Any, message: Any, _buffers: Any) -> None:
        at = message.get("pin")
        with self._lock:
            if isinstance(at, int) and 0 <= at < len(self._newer):
                self._person = self._newer[at]
                self.show()

    def _write(self) -> None:
        if not self._line.value.strip():
            raise MessageError("There is nothing to write.", next="Type something into the line first.")
        known = self._names.wrote(self._person) is not None
        who = {"psid": self._person, "page": self._page} if known else {"page": self.course.facts.get("page_name")}
        written = self.course.control.write(text=self._line.value, **who)
        self._line.value = ""  # only now: what could not be written is not lost
        self._say("Written. " + ("Watch the PSID above." if written["passed_on"] else _NOT_PASSED_ON), "plain")

    def _say(self, words: str, kind: str = "bad") -> None:
        self._said.say(self.masked(words), kind)


_NOT_PASSED_ON = "It was not passed on: see step 4."


def _quoted(event: Event) -> str:
    return f"“{one_line(event.text, 120)}”" if event.text is not None else f"({one_line(event.message_type)})"
