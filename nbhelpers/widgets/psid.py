"""The captured PSID as a panel, with a line to write as the person."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import channel_name
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.person import NOBODY, beside, newer_words, pinned

__all__ = ["PsidPanel"]


class PsidPanel(Panel):
    """The PSID as it comes in, with a line to write as the person. The person on screen stays the one on screen."""

    heading = "Captured PSID"

    def __init__(self, course: CourseContext, channel: str = MESSENGER) -> None:
        self._person: str | None = None
        self._channel = channel
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
        event, newer = pinned(self.course, self._person, self._channel)
        others = beside(self.course, event, self._channel)
        small = '<small style="display:block;line-height:1.35">'
        more = "".join(f"{small}{html.escape(words)}</small>" for words in (newer_words(newer), others) if words)
        if event is None:
            self._shown.value = f'<p role="status">{self._nobody}{more}</p>'
            return
        self._person = event.psid
        person, you = self._names
        self._shown.value = (
            '<p role="status"><span style="font-size:1.6em;font-family:monospace">'
            f"{html.escape(event.psid or '')}</span><br>{person}: the person, as {you[1]} knows them. "
            f"{you[0]} {html.escape(event.page_id or '')}: you.<br>"
            f"{event.received.astimezone():%H:%M:%S} <bdi>{html.escape(event.said)}</bdi>{more}</p>"
        )

    def as_text(self) -> str:
        event, newer = pinned(self.course, self._person, self._channel)
        others = beside(self.course, event, self._channel)
        if event is None:
            return "\n".join(line for line in (self._nobody, others) if line)
        person, you = self._names
        told = f"{person} {event.psid}: the person. {you[0]} {event.page_id}: you."
        return "\n".join(line for line in (told, event.said, newer_words(newer), others) if line)

    @property
    def _names(self) -> tuple[str, tuple[str, str]]:
        if self._channel == MESSENGER:
            return "PSID", ("Page ID", "your Page")
        return f"Sender on {html.escape(channel_name(self._channel))}", ("Recipient", "the service")

    @property
    def _nobody(self) -> str:
        if self._channel == MESSENGER:
            return NOBODY
        return f"Nobody has written on {html.escape(channel_name(self._channel))} yet."

    def _write(self) -> None:
        if not self._line.value.strip():
            raise MessageError("There is nothing to write.", next="Type something into the line first.")
        written = self.course.control.write(text=self._line.value, page=self.course.facts.get("page_name"))
        self._line.value = ""  # only now: what could not be written is not lost
        passed_on = "Watch the PSID above." if written["passed_on"] else "It was not passed on: see step 4."
        self._say(f"Written. {passed_on}")

    def _say(self, words: str) -> None:
        self._said.value = f'<small role="status">{html.escape(words)}</small>'
