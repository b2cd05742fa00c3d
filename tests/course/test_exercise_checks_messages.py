"""The checks of steps 6 and 7: a function of the learner's is tried with every type in both shapes, and may raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.course.exercise_checks_messages import CHECKS
from tests.support.labs import course_of

pytestmark = pytest.mark.fast


def right(body: dict[str, Any]) -> tuple[str, str]:
    ends = (body["from"], body["to"])
    first, second = (end["id"] if isinstance(end, dict) else end for end in ends)
    return first, second


def raises(body: dict[str, Any]) -> tuple[str, str]:
    raise KeyError("from")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (right, "six"),
        (lambda body: (body["from"], body["to"]), "returned"),
        (lambda body: None, "empty"),
        (raises, "raised"),
        ("no function", "no_function"),
    ],
)
def test_a_function_that_reads_both_ids_is_told_from_one_that_does_not(
    ready: Lab, function: Callable[..., Any], sentence: str
) -> None:
    assert CHECKS["6.1"](course_of(ready), function)[0] == sentence


def test_each_exercise_of_steps_6_and_7_has_one() -> None:
    assert {number.partition(".")[0] for number in CHECKS} == set("67")
