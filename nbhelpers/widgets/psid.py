"""The captured PSID as a panel, with a line to write as the person."""

from __future__ import annotations

import html
import time
from typing import Any

import anywidget
import ipywidgets
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import Event, channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.simulator.rules.messenger import DAY
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import CopyField, Countdown, Line, Note, block, script
from nbhelpers.widgets.person import Names, beside, newcomers, newer_words

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

    def __init__(self, course: CourseContext, channel: str = MESSENGER) -> None:
        self._channel = channel
        self._person: str | None = None
        self._page: str | None = None
        self._newer: list[str] = []
        self._names = Names(course)
        self._psid = CopyField(
            whole=(lambda: self._person or "") if course.presenting else None,
            label=self._ends[0],
            words="Copy PSID" if channel == MESSENGER else "Copy",
            big=True,
        )
        self._window = Countdown(
            running="You may answer for {left}", over="24 hours are over: they must write again first", whole=DAY
        )
        self._shown, self._newcomers, self._said, self._beside = block(), Newcomers(), Note(), Note()
        self._newcomers.on_msg(self._pin)
        children: list[ipywidgets.Widget] = [self._psid, self._window, self._shown]
        if course.simulated:
            self._line = Line(
                self._say,
                self._write,
                label="Write as Ada",
                placeholder="Message",
                go="Write",
                says="Write to the Page as the person",
            )
            children += [self._line, self._said]
        super().__init__(course, [*children, self._newcomers, self._beside])
        self.show()
        self.follow()

    def refresh(self) -> None:
        event, self._newer = newcomers(self.course, self._person, self._channel)
        for part in (self._psid, self._window):
            part.layout.display = "none" if event is None else ""
        if event is None:
            self._shown.value = f"<p>{html.escape(self._nobody)}</p>"
        else:
            self._person, self._page = event.psid, event.page_id
            self._show(event)
            # The PSID first: who is behind it is asked afterwards.
            if self._names.meet(event.psid, *self._newer):
                self._show(event)
        self._beside.say(self.masked(beside(self.course, event, self._channel)))

    def beat(self) -> None:
        if self._names.ask() and self._person is not None:
            self.refresh()

    def _show(self, event: Event) -> None:
        name, psid = self._names.of(event.psid), self.masked(event.psid)
        person, you, whose = self._ends
        said, when = self.masked(_said(event)), f"{event.received.astimezone():%H:%M:%S}"
        self._shown.value = (
            f"<p><bdi>{html.escape(said)}</bdi> "
            f'<span class="nbh-soft">{when} · to {you.removesuffix(" ID")} '
            f"{html.escape(self.masked(event.page_id))}: you</span></p>"
        )
        self._psid.after = f"{name}, as {whose} knows them" if name != "the person" else f"as {whose} knows them"
        self._psid.value = psid
        # Not later than now: a clock may have been set back since.
        wrote, came = self._names.wrote(event.psid), min(event.received.timestamp(), time.time())
        self._window.expires = (wrote if wrote is not None and came < self._names.asked else came) + DAY
        words = newer_words(len(self._newer))
        with self._newcomers.hold_sync():
            self._newcomers.words = words
            self._newcomers.names = [self._names.of(each, f"…{one_line(each[-4:])}") for each in self._newer[:5]]
        if self.course.simulated:
            self._line.label = f"Write as {name}"
        self.head.said = f"{person} {psid}: {said}. {words}"

    def as_text(self) -> str:
        event, newer = newcomers(self.course, self._person, self._channel)
        others = beside(self.course, event, self._channel)
        if event is None:
            return "\n".join(line for line in (self._nobody, others) if line)
        person, you, _ = self._ends
        told = f"{person} {event.psid}: the person. {you} {event.page_id}: you."
        return "\n".join(line for line in (told, _said(event), newer_words(len(newer)), others) if line)

    @property
    def _ends(self) -> tuple[str, str, str]:
        """What the two ends are called here, and who knows the person by it."""
        if self._channel == MESSENGER:
            return "PSID", "Page ID", "your Page"
        return f"Sender on {channel_name(self._channel)}", "Recipient", "the service"

    @property
    def _nobody(self) -> str:
        return _NOBODY if self._channel == MESSENGER else f"Nobody has written on {channel_name(self._channel)} yet."

    def _pin(self, _widget: Any, message: Any, _buffers: Any) -> None:
        at = message.get("pin")
        with self._lock:
            if isinstance(at, int) and 0 <= at < len(self._newer):
                self._person = self._newer[at]
                self.show()

    def _write(self, text: str) -> None:
        if not text.strip():
            raise MessageError("There is nothing to write.", next="Type something into the line first.")
        known = self._names.wrote(self._person) is not None
        who = {"psid": self._person, "page": self._page} if known else {"page": self.course.facts.get("page_name")}
        written = self.course.control.write(text=text, **who)
        self._say("Written. " + ("Watch the PSID above." if written["passed_on"] else _NOT_PASSED_ON), "plain")

    def _say(self, words: str, kind: str = "bad") -> None:
        self._said.say(self.masked(words), kind)


_NOBODY = "Nobody has written yet. A PSID appears here with the first message."
_NOT_PASSED_ON = "It was not passed on: see step 4."


def _said(event: Event) -> str:
    """Return what was said, in one line: of a text more than a list of events has room for."""
    return f"“{one_line(event.text, 120)}”" if event.text is not None and event.message_type == "text" else event.said
