"""The hello panel: a button that shows whether panels work here."""

from __future__ import annotations

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import Note, button, row

__all__ = ["HelloPanel"]


class HelloPanel(Panel):
    """One button, to see that panels work."""

    heading = "Hello"

    def __init__(self, course: CourseContext) -> None:
        self._said = Note()
        press = button("Press me", lambda _: self._said.say("✓ Panels work.", "ok"), first=True)
        super().__init__(course, [row(press, self._said)])

    def as_text(self) -> str:
        return "Panels work as text. In JupyterLab a button stands here."
