"""The hop map as a panel: how far a message comes, and the one thing to do next."""

from __future__ import annotations

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.doctor import examine
from nbhelpers.diagnosis.hop_map import HopMap
from nbhelpers.widgets.base import Panel, block

__all__ = ["HopMapPanel"]


class HopMapPanel(Panel):
    """The doctor's map. It looks when it is made and when *Look again* is pressed: each look makes test calls."""

    heading = "The way of a message"

    def __init__(self, course: CourseContext) -> None:
        self._found: HopMap | None = None
        self._map = block()
        again = ipywidgets.Button(description="Look again", tooltip="Walk the hops once more")
        again.on_click(lambda _: self.show())
        super().__init__(course, [self._map, again])
        self.show()

    def refresh(self) -> None:
        self._found = examine(self.course)
        self._map.value = self._found._repr_html_()

    def as_text(self) -> str:
        found = self._found or examine(self.course)
        return repr(found).partition("\n")[2]
