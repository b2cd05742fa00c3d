"""The lessons panel: something goes wrong on purpose, time passes, several people write."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import Note, block, button, field, guarded, row

__all__ = ["LessonsPanel"]

_FASTER = 60  # seconds of waiting that pass in one, when the box is ticked
_ELSEWHERE = "Lessons belong to the simulator: what goes wrong at the real service cannot be ordered."


class LessonsPanel(Panel):
    """Choose a lesson, read what it does and what you will see, start it; and what is on now, until it ends."""

    heading = "Lessons in what goes wrong"

    def __init__(self, course: CourseContext) -> None:
        self._said, self._on, self._text = Note(), Note(), block()
        self._choice: ipywidgets.Dropdown | None = None
        children: list[ipywidgets.Widget] = [self._text]
        if course.simulated:
            self._table = {each["name"]: each for each in course.control.faults()}
            names = [(name.replace("-", " "), name) for name in self._table]
            self._choice = field(ipywidgets.Dropdown, "Lesson", options=names)
            self._choice.observe(lambda _: self.show(), "value")
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
            acts = row(
                button("Start", guarded(self._say, self._start), first=True, tooltip="Start this lesson"),
                button("End all", guarded(self._say, self._end), tooltip="End every lesson that is on"),
                button(
                    "25 hours later", guarded(self._say, self._later), tooltip="Let 25 hours pass for what is there"
                ),
            )
            children = [self._choice, self._text, acts, row(self._scene, self._fast), self._on, self._said]
        super().__init__(course, children)
        self.show()
        if course.simulated:
            self.follow()

    def refresh(self) -> None:
        if self._choice is None:
            self._text.value = f"<p>{html.escape(_ELSEWHERE)}</p>"
            return
        lesson = self._table[self._choice.value]
        self._text.value = (
            f"<p>{html.escape(lesson['does'])}</p><p><strong>You see:</strong> {html.escape(lesson['see'])}</p>"
            f'<p class="nbh-soft">Source: {html.escape(lesson["source"])}</p>'
        )
        on = [_lasts(each) for each in self.course.control.faults() if each["left"] is not None]
        self._on.say(f"On now: {', '.join(on) or 'nothing'}.", "warn" if on else "plain")

    def as_text(self) -> str:
        if not self.course.simulated:
            return _ELSEWHERE
        lines = []
        for each in self.course.control.faults():
            name = each["name"] if each["left"] is None else f"{_lasts(each)} is on"
            lines += [name, f"    {each['does']}", f"    You see: {each['see']}"]
        last = 'Start one with lab.simulator.fault("…"), end all with lab.simulator.clear_faults().'
        return "\n".join([*lines, last])

    def _start(self) -> None:
        assert self._choice is not None  # noqa: S101 - there is no button without it
        lesson = self.course.control.fault(self._choice.value)
        about = {"calls": "send something", "messages": "send something", "webhooks": "let the person write, or send"}
        self._say(f"Started: {lesson['name']}. Now {about.get(lesson['kind'], 'look at what has arrived')}.")
        self.show()

    def _end(self) -> None:
        self.course.control.clear_faults()
        self._say("Every lesson is over.")
        self.show()

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


def _lasts(lesson: dict[str, Any]) -> str:
    return f"{lesson['name']} ({lesson['left']}×)" if lesson["left"] else f"{lesson['name']} (until it is ended)"
