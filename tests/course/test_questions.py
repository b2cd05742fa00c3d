"""The questions: three choices each, one right, a reason for all; answered as text they say why."""

from __future__ import annotations

from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.course.questions import question, questions
from nbhelpers.errors import SettingsError
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.fast

KEYS = list(questions())
every = pytest.mark.parametrize("key", KEYS)


def test_every_notebook_has_one_question() -> None:
    notebooks = sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
    assert sorted(asked.notebook for asked in questions().values()) == notebooks


@every
def test_one_of_three_choices_is_right_and_each_has_its_reason(key: str) -> None:
    asked = question(key)
    assert [choice.letter for choice in asked.choices] == ["a", "b", "c"]
    assert [choice.right for choice in asked.choices].count(True) == 1
    assert asked.asks.endswith("?")
    for choice in asked.choices:
        assert choice.says.endswith(".") and choice.why.endswith(".")
        assert len(choice.why.split()) >= 8
        outcome = asked.answer(choice.letter)
        assert (outcome.kind, outcome.words) == (
            "done" if choice.right else "wrong",
            f"{choice.letter}) {choice.says} {choice.why}",
        )


def test_the_right_one_is_not_always_in_the_same_place() -> None:
    places = [next(choice.letter for choice in question(key).choices if choice.right) for key in KEYS]
    assert {places.count(letter) for letter in "abc"} <= {3, 4, 5}


@every
def test_as_text_it_says_the_choices_and_how_to_answer(key: str) -> None:
    shown = repr(question(key))
    assert shown.splitlines()[0] == question(key).asks
    assert [line[:3] for line in shown.splitlines()[1:4]] == ["a) ", "b) ", "c) "]
    assert f'lab.question("{key}").answer("a")' in shown
    assert "None" not in shown
    assert question(key)._repr_html_().startswith("<pre")


@pytest.mark.parametrize("given", ["B", " b ", "(b)", "b)"])
def test_an_answer_is_taken_as_people_write_it(ready: Lab, given: str) -> None:
    assert ready.question("start").answer(given).kind == "done"


@pytest.mark.parametrize("given", ["d", "", "yes", 2, None, ["b"], "x" * 500])
def test_what_is_no_choice_is_not_yet(given: Any) -> None:
    outcome = question("start").answer(given)
    assert outcome.kind == "not yet"
    assert outcome.words.endswith("Choose one of a, b, c.")
    assert len(outcome.words) < 120


@pytest.mark.parametrize("unknown", ["", "jwts", None, 3, ["jwt"]])
def test_an_unknown_question_is_said_with_those_there_are(unknown: Any) -> None:
    with pytest.raises(SettingsError, match="There are start, page, application, jwt"):
        question(unknown)
