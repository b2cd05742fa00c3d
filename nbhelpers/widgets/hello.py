"""The hello panel: a button that shows whether panels work here."""

from __future__ import annotations

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.base import Panel, block

__all__ = ["HelloPanel"]


class HelloPanel(Panel):
    """One button, to see that panels work."""

    heading = "Hello"

    def __init__(self, course: CourseContext) -> None:
        self._said = block()
        button = ipywidgets.Button(description="Press me", tooltip="Press me, to see whether panels work")
        button.on_click(lambda _: self._press())
        super().__init__(course, [ipywidgets.HBox([button, self._said])])

    def _press(self) -> None:
        self._said.value = '<span role="status">✓ Panels work.</span>'

    def as_text(self) -> str:
        return "Panels work as text. In JupyterLab a button stands here."
