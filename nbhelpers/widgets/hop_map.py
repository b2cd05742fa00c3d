"""The hop map as a panel: how far a message comes, and the one thing to do next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.doctor import examine
from nbhelpers.diagnosis.hop_map import HopMap
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import block, button, row

__all__ = ["HopMapPanel"]


class HopMapPanel(Panel):
    """The doctor's map. It looks when it is made and when *Look again* is pressed: each look makes test calls."""

    heading = "The way of a message"

    def __init__(self, course: CourseContext) -> None:
        self._found: HopMap | None = None
        self._note, self._list = block(), block()
        self._note.add_class("nbh-grows")
        again = button("Look again", self._again, tooltip="Walk the hops once more")
        super().__init__(course, [row(self._note, again), self._list])
        self.show()

    def _again(self, _: Any) -> None:
        self.show()

    def refresh(self) -> None:
        self._found = examine(self.course)
        note = self._found.note(f"Looked at {datetime.now().astimezone():%H:%M:%S}.")
        self._note.value, self._list.value = self.masked(note), self.masked(self._found.listing())

    def as_text(self) -> str:
        found = self._found or examine(self.course)
        return repr(found).partition("\n")[2]
