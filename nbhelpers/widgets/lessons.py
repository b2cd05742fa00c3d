"""The lessons panel: something goes wrong on purpose, time passes, several people write."""

from __future__ import annotations

import html

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.faults import FaultPicker, lasts
from nbhelpers.widgets.parts import Note, block, button, field, guarded, row

__all__ = ["LessonsPanel"]

_FASTER = 60  # seconds of waiting that pass in one, when the box is ticked
_ELSEWHERE = "Lessons belong to the simulator: what goes wrong at the real service cannot be ordered."


class LessonsPanel(Panel):
    """Choose a lesson, read what it does and what you will see, start it; and what is on now, until it ends."""

    heading = "Lessons in what goes wrong"
    pulse, lag = 2.0, 0.05

    def __init__(self, course: CourseContext) -> None:
        self._said = Note()
        self._picker: FaultPicker | None = None
        if not course.simulated:
            said = block()
            said.value = f"<p>{html.escape(_ELSEWHERE)}</p>"
            super().__init__(course, [said])
            return
        later = button("25 hours later", guarded(self._say, self._later), tooltip="Let 25 hours pass for what is there")
        self._picker = FaultPicker(course, self._say, later)
        self._fast = ipywidgets.Checkbox(
            description=f"A minute between two tries passes in {60 // _FASTER} second",
            indent=False,
            value=course.control.pace() > 1,
        )
        self._fast.add_class("nbh-field")
        self._fast.observe(guarded(self._say, self._set_pace), "value")
        scenes = [("choose who writes", ""), *((name, name) for name in course.control.scenes())]
        self._scene = field(ipywidgets.Dropdown, "People", options=scenes)
        self._scene.observe(guarded(self._say, self._play), "value")
        super().__init__(course, [self._picker, row(self._scene, self._fast), self._said])
        self.show()
        self.follow()

    def refresh(self) -> None:
        if self._picker is not None:
            self._picker.look()

    def beat(self) -> None:
        self.refresh()

    def as_text(self) -> str:
        if not self.course.simulated:
            return _ELSEWHERE
        lines = []
        for each in self.course.control.faults():
            name = each["name"] if each["left"] is None else f"{lasts(each)} is on"
            lines += [name, f"    {each['does']}", f"    You see: {each['see']}"]
        last = 'Start one with lab.simulator.fault("…"), end all with lab.simulator.clear_faults().'
        return "\n".join([*lines, last])

    def _later(self) -> None:
        self.course.control.advance(25)
        self._say("25 hours have passed for what was there. What you make now is fresh; the last message is not.")

    def _play(self) -> None:
        if not self._scene.value:
            return
        said = self.course.control.play(self._scene.value, self.course.facts.get("page_name"))
        self._scene.value = ""
        self._say(f"{len(said)} messages from {len({each['psid'] for each in said})} of the Page's people.")

    def _set_pace(self) -> None:
        pace = self.course.control.pace(_FASTER if self._fast.value else 1)
        words = f"{pace:g} seconds between two tries pass in one" if pace > 1 else "as long as they really are"
        self._say(f"The waits between two tries are now: {words}.")

    def _say(self, words: str) -> None:
        self._said.say(self.masked(words))
