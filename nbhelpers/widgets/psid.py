"""The captured PSID as a panel, with a line to write as the person."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.person import NOBODY, newer_words, pinned

__all__ = ["PsidPanel"]


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
            self._shown.value = f'<p role="status">{NOBODY}</p>'
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
            return NOBODY
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


def _quoted(event: Event) -> str:
    return f"“{one_line(event.text, 120)}”" if event.text is not None else f"({one_line(event.message_type)})"
