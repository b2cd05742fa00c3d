"""The exercises: a check that reads the real state, graded hints, a solution; their words are in `exercises.toml`."""

from __future__ import annotations

import functools
import html
import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from nbhelpers.course import exercise_checks, exercise_checks_messages
from nbhelpers.course.context import CourseContext
from nbhelpers.course.look import marked
from nbhelpers.course.outcome import Outcome
from nbhelpers.course.steps import STEPS, glance, step_of
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.inbox.events import one_line

__all__ = ["Exercise", "Told", "exercise", "tasks"]

_CHECKS = exercise_checks.CHECKS | exercise_checks_messages.CHECKS
_KINDS = {"done": "done", "not_yet": "not yet", "wrong": "wrong"}
_MOMENT = 3.0  # seconds that the receipts of an answer may take on loopback


@dataclass(frozen=True)
class Task:
    """What `exercises.toml` says of one exercise; `sentences` have their kind of outcome beside them."""

    number: str
    step: str
    title: str
    blanks: tuple[str, ...]
    hints: tuple[str, ...]
    solution: str
    sentences: Mapping[str, tuple[str, str]]


@functools.cache
def tasks() -> Mapping[str, Task]:
    """Return the table of the exercises, by number."""
    table = tomllib.loads(Path(__file__).with_name("exercises.toml").read_text(encoding="utf-8"))
    return {number: _task(number, entry) for number, entry in table.items()}


def _task(number: str, entry: Mapping[str, Any]) -> Task:
    sentences = {name: (kind, words) for table, kind in _KINDS.items() for name, words in entry.get(table, {}).items()}
    names, hints = tuple(entry["blanks"]), tuple(entry["hints"])
    return Task(number, entry["step"], entry["title"], names, hints, entry["solution"], sentences)


@dataclass(frozen=True)
class Told:
    """A hint, or a solution with its `code`: as text, and as a cell shows it."""

    words: str
    code: str = ""

    def __repr__(self) -> str:
        return f"{self.words}\n\n{self.code}".strip()

    def _repr_html_(self) -> str:
        code = f"<pre><code>{html.escape(self.code)}</code></pre>" if self.code else ""
        return f'<p role="status">{marked(self.words)}</p>{code}'


class Exercise:
    """One exercise: `check(…)` says how it stands, `hint()` helps, `solution()` shows a way."""

    def __init__(self, course: CourseContext, task: Task) -> None:
        self._course, self._task = course, task

    def check(self, *given: Any) -> Outcome:
        """Say how the exercise stands: done, not yet, wrong with what was seen, or why that cannot be told.

        `given` are the values of the cell's blanks, in their order. Nothing is changed but the exercise's own mark.
        """
        task = self._task
        blank = [name for name, value in zip(task.blanks, given, strict=False) if value is ...]
        if len(given) != len(task.blanks):
            names = ", ".join(task.blanks)
            return Outcome("not yet", f"Check takes {names}, in this order; {len(given)} of {len(task.blanks)} came.")
        if not self._course.simulated:
            words = f"Exercises need the simulator, and this is {self._course.settings.mode} mode. Nothing was sent."
            return Outcome("cannot tell", words)
        if blank:
            *most, last = (f"`{name}`" for name in blank)
            names = f"{', '.join(most)} and {last}" if most else last
            help_ = f'`lab.exercise("{task.number}").hint()` helps.'
            return Outcome("not yet", f"{names} {'has' if len(blank) == 1 else 'have'} no value yet. {help_}")
        try:
            outcome = self._judged(given)
        except (KitError, requests.RequestException) as error:
            return Outcome("cannot tell", one_line(str(error), 400))
        if outcome.kind == "done":
            self._course.inbox.note(exercises=sorted({*self._course.facts.get("exercises", []), task.number}))
        return outcome

    def _judged(self, given: tuple[Any, ...]) -> Outcome:
        sentence, seen = _CHECKS[self._task.number](self._course, *given)
        kind, words = self._task.sentences[sentence]
        told = words.format(**seen)
        left = _left_undone(self._course, step_of(self._task.step).number) if kind == "done" else None
        if left is None:
            return Outcome(kind, told)
        return Outcome("not yet", f"Your answers are right. One thing is left, in {left} Then run the check again.")

    def hint(self, number: int = 1) -> Told:
        """Say more, a little: `hint()`, then `hint(2)` and on. The last one says that there is no more."""
        hints = self._task.hints
        number = number if isinstance(number, int) and 1 <= number <= len(hints) else len(hints)
        more = f"`.hint({number + 1})` says more." if number < len(hints) else "`.solution()` shows a way."
        return Told(f"Hint {number} of {len(hints)}: {hints[number - 1]} {more}")

    def solution(self) -> Told:
        """Show one way to do it, as code for the cell."""
        return Told(f"One way to do exercise {self._task.number}, in the place of the whole cell:", self._task.solution)

    def __repr__(self) -> str:
        task = self._task
        state = "done" if task.number in self._course.facts.get("exercises", []) else "open"
        return f"Exercise {task.number}, {task.title}: {state}. check({', '.join(task.blanks)}), hint(), solution()"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def exercise(course: CourseContext, number: str | float) -> Exercise:
    """Return an exercise by its number, such as "3.1". Raises SettingsError that names those there are."""
    task = tasks().get(str(number))
    if task is None:
        given = repr(number) if len(repr(number)) <= 20 else f"something of type {type(number).__name__}"
        raise SettingsError("There is no such exercise.", f"You gave {given}.", f"There are {', '.join(tasks())}.")
    return Exercise(course, task)


def _left_undone(course: CourseContext, last: int) -> str | None:
    """Say which step up to this one is not done (any more), with what its check says; None when all are."""
    for step in STEPS[:last]:
        outcome = glance(course, step)
        until = time.monotonic() + _MOMENT
        while step.key == "reply" and outcome.kind == "not yet" and time.monotonic() < until:
            time.sleep(0.02)  # its receipts are on their way
            outcome = glance(course, step)
        if not outcome.good:
            return f"step {step.number}: {outcome.words}"
    return None
