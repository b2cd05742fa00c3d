"""The question at the end of each notebook: three choices, and why each is right or wrong (`questions.toml`)."""

from __future__ import annotations

import functools
import html
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.course.outcome import Outcome, in_hand
from nbhelpers.errors import SettingsError

__all__ = ["Choice", "Question", "question", "questions"]


@dataclass(frozen=True)
class Choice:
    """One of three answers, and why it is right or wrong."""

    letter: str
    says: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with its choices. Shown as text it can be answered with `answer("a")`; its panel asks the same."""

    key: str
    notebook: str
    asks: str
    choices: tuple[Choice, ...]

    def answer(self, letter: str) -> Outcome:
        """Say whether a choice is right, and why; `letter` is a, b or c."""
        given = letter.strip().strip("()").lower() if isinstance(letter, str) else letter
        chosen = next((choice for choice in self.choices if choice.letter == given), None)
        if chosen is None:
            letters = ", ".join(choice.letter for choice in self.choices)
            return Outcome("not yet", f"You gave {in_hand(letter)}. Choose one of {letters}.")
        return Outcome("done" if chosen.right else "wrong", f"{chosen.letter}) {chosen.says} {chosen.why}")

    def __repr__(self) -> str:
        lines = [self.asks, *(f"{choice.letter}) {choice.says}" for choice in self.choices)]
        return "\n".join([*lines, f'Answer with lab.question("{self.key}").answer("a"), or "b", or "c".'])

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{html.escape(repr(self))}</pre>'


@functools.cache
def questions() -> Mapping[str, Question]:
    """Return the table of the questions, by key."""
    table = tomllib.loads(Path(__file__).with_name("questions.toml").read_text(encoding="utf-8"))
    return {
        key: Question(
            key,
            entry["notebook"],
            entry["asks"],
            tuple(Choice(letter, **choice) for letter, choice in zip("abc", entry["choices"], strict=True)),
        )
        for key, entry in table.items()
    }


def question(key: str) -> Question:
    """Return the question of a notebook by its key. Raises SettingsError that names those there are."""
    found = questions().get(key) if isinstance(key, str) else None
    if found is None:
        raise SettingsError(
            "There is no such question.", f"You gave {in_hand(key)}.", f"There are {', '.join(questions())}."
        )
    return found
