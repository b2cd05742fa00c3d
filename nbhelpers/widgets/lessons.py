"""The lessons panel: something goes wrong on purpose, time passes, several people write."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.widgets.base import Panel, block, guarded

__all__ = ["LessonsPanel"]

_FASTER = 60  # seconds of waiting that pass in one, when the box is ticked
_ELSEWHERE = "Lessons belong to the simulator: what goes wrong at the real service cannot be ordered."


class LessonsPanel(Panel):
    """Choose a lesson, read what it does and what you will see, start it; and what is on now, until it ends."""

    heading = "Lessons in what goes wrong"

    def __init__(self, course: CourseContext) -> None:
        self._said, self._on, self._text = block(), block(), block()
        self._choice: ipywidgets.Dropdown | None = None
        children: list[ipywidgets.Widget] = [self._text]
        if course.simulated:
            self._table = {each["name"]: each for each in course.control.faults()}
            names = [(name.replace("-", " "), name) for name in self._table]
            self._choice = ipywidgets.Dropdown(options=names, description="Lesson", tooltip="Which lesson")
            self._choice.observe(lambda _: self.show(), "value")
            self._fast = ipywidgets.Checkbox(
                description=f"A minute between two tries passes in {60 // _FASTER} second",
                indent=False,
                value=course.control.pace() > 1,
            )
            self._fast.layout.width = "auto"  # the default cuts its words off
            self._fast.observe(guarded(self._say, self._set_pace), "value")
            acts = (
                ("Start", "Start this lesson", self._start),
                ("End all", "End every lesson that is on", self._end),
                ("25 hours later", "Let 25 hours pass for what is there already", self._later),
            )
            buttons = []
            for words, tooltip, act in acts:
                buttons.append(ipywidgets.Button(description=words, tooltip=tooltip))
                buttons[-1].on_click(guarded(self._say, act))
            scenes = [("choose who writes", ""), *((name, name) for name in course.control.scenes())]
            self._scene = ipywidgets.Dropdown(options=scenes, description="People", tooltip="Who writes to the Page")
            self._scene.observe(guarded(self._say, self._play), "value")
            acts_on = [ipywidgets.HBox(buttons), self._fast, self._scene]
            children = [self._choice, self._text, *acts_on, self._on, self._said]
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
            f'<p style="margin:0.3em 0">{html.escape(lesson["does"])}<br>'
            f"<strong>You see:</strong> {html.escape(lesson['see'])}<br>"
            f"<small>Source: {html.escape(lesson['source'])}</small></p>"
        )
        on = [_lasts(each) for each in self.course.control.faults() if each["left"] is not None]
        self._on.value = (
            f'<p role="status" style="margin:0.3em 0">On now: {html.escape(", ".join(on) or "nothing")}.</p>'
        )

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
        self._said.value = f'<p role="status" style="margin:0">{html.escape(words)}</p>'


def _lasts(lesson: dict[str, Any]) -> str:
    return f"{lesson['name']} ({lesson['left']}×)" if lesson["left"] else f"{lesson['name']} (until it is ended)"
