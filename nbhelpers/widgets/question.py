"""The question at the end of a notebook, with three choices to pick from and why each is right or wrong."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.course.outcome import KINDS, Outcome
from nbhelpers.course.questions import Question
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import Note, script

__all__ = ["Choices", "QuestionPanel"]


class Choices(anywidget.AnyWidget):
    """A question and its choices as the browser's own radio buttons; `picked` is the place of the one chosen, or -1."""

    _esm = script("choices")
    asks = traitlets.Unicode("").tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    picked = traitlets.Int(-1).tag(sync=True)


class QuestionPanel(Panel):
    """One question before going on: pick a choice, and read why it is right or wrong. Nothing is counted."""

    heading = "Before you go on"

    def __init__(self, course: CourseContext, question: Question) -> None:
        self._question, self._said = question, Note()
        words = [f"{choice.letter}) {choice.says}" for choice in question.choices]
        self._choices = Choices(asks=question.asks, choices=words)
        self._choices.observe(self._answer, "picked")
        super().__init__(course, [self._choices, self._said])

    def as_text(self) -> str:
        outcome = self._outcome()
        return repr(self._question) + (f"\n{outcome!r}" if outcome else "")

    def _outcome(self) -> Outcome | None:
        at = self._choices.picked
        known = 0 <= at < len(self._question.choices)
        return self._question.answer(self._question.choices[at].letter) if known else None

    def _answer(self, _change: Any) -> None:
        outcome = self._outcome()
        if outcome is not None:
            kind = "ok" if outcome.good else "bad"
            self._said.say(f"{KINDS[outcome.kind][1]} {outcome!r}", kind)
