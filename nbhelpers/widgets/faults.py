"""Faults to pick from: what a lesson does, what one will see, start and end; a part of several panels."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.parts import Note, block, button, field, guarded, row

__all__ = ["FaultPicker", "lasts"]

_ABOUT = {"calls": "send something", "messages": "send something", "webhooks": "let the person write, or send"}


class FaultPicker(ipywidgets.VBox):
    """Choose a lesson in what goes wrong, read what it does, start it; and what is on now, until it ends.

    `say` shows what came of a press; `more` are buttons of the panel's own. Simulator mode only.
    """

    def __init__(self, course: CourseContext, say: Callable[[str], None], *more: ipywidgets.Widget) -> None:
        self._course, self._say_it = course, say
        self._table = {each["name"]: each for each in course.control.faults()}
        names = [(name.replace("-", " "), name) for name in self._table]
        self.choice = field(ipywidgets.Dropdown, "Lesson", options=names)
        self.choice.observe(lambda _: self._tell(), "value")
        self._text, self._on = block(), Note()
        buttons = row(
            button("Start", guarded(say, self._start), first=True, tooltip="Start this lesson"),
            button("End all", guarded(say, self._end), tooltip="End every lesson that is on"),
            *more,
        )
        super().__init__([self.choice, self._text, buttons, self._on])
        self.add_class("nbh-column")
        self._tell()

    def look(self) -> None:
        """Show what is on now. Raises ServiceError when the simulator does not answer."""
        on = [lasts(each) for each in self._course.control.faults() if each["left"] is not None]
        self._on.say(f"On now: {', '.join(on) or 'nothing'}.", "warn" if on else "plain")

    def _tell(self) -> None:
        lesson = self._table[self.choice.value]
        self._text.value = (
            f"<p>{html.escape(lesson['does'])}</p><p><strong>You see:</strong> {html.escape(lesson['see'])}</p>"
            f'<p class="nbh-soft">Source: {html.escape(lesson["source"])}</p>'
        )

    def _start(self) -> None:
        lesson = self._course.control.fault(self.choice.value)
        self._say_it(f"Started: {lesson['name']}. Now {_ABOUT.get(lesson['kind'], 'look at what has arrived')}.")
        self.look()

    def _end(self) -> None:
        self._course.control.clear_faults()
        self._say_it("Every lesson is over.")
        self.look()


def lasts(lesson: dict[str, Any]) -> str:
    """Name a lesson that is on, with how often it still happens."""
    return f"{lesson['name']} ({lesson['left']}×)" if lesson["left"] else f"{lesson['name']} (until it is ended)"
