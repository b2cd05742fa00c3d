"""How the steps stand for a program: noted when they are reached, by the lab's own looks, and read by anybody."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from nbhelpers.course.standing import KEYS, reached, standing
from nbhelpers.course.steps import STEPS

pytestmark = pytest.mark.fast


def test_its_keys_are_those_of_the_seven_steps():
    assert [step.key for step in STEPS] == list(KEYS)


def test_a_step_keeps_the_moment_at_which_it_was_first_reached():
    first = reached({}, {"page": True, "link": False})
    assert list(first) == ["page"]
    again = reached({"reached": first}, {"page": True, "application": True})
    assert again["page"] == first["page"]
    assert again["application"] >= first["page"]


def test_a_step_that_no_longer_stands_well_is_open_again_and_the_others_stay():
    known = {"reached": {"page": "a", "link": "b"}}
    assert reached(known, {"link": False}) == {"page": "a"}
    assert reached(known, {"jwt": False}) == {"page": "a", "link": "b"}


def test_nothing_noted_is_seven_open_steps():
    shown = standing({})
    assert [(step["number"], step["state"], step["since"]) for step in shown["steps"]] == [
        (number, "open", None) for number in range(1, 8)
    ]
    assert (shown["step"], shown["since"], shown["exercises"]) == (1, None, [])


def test_the_step_one_is_at_is_the_first_open_one_and_none_when_all_are_there():
    some = {"page": "2026-01-01T10:00:00", "jwt": "2026-01-01T11:00:00"}
    shown = standing({"reached": some, "filled": {"jwt": "x"}})
    assert [step["state"] for step in shown["steps"]][:3] == ["done", "open", "filled in"]
    assert (shown["step"], shown["since"]) == (2, "2026-01-01T11:00:00")
    assert standing({"reached": dict.fromkeys(KEYS, "2026")})["step"] is None


def test_what_the_lab_looked_at_is_what_a_program_reads(ready: Lab) -> None:
    ready.progress()
    states = {step["key"]: step["state"] for step in standing(ready.inbox.facts())["steps"]}
    assert states == {step.key: state for step, state in ready.progress().states}
    ready.user.write("Hello!")
    assert standing(ready.inbox.facts())["step"] == 6, "nobody has looked yet"
    assert ready.check("receive").good
    assert standing(ready.inbox.facts())["step"] == 7
    assert "reached" not in ready.facts


def test_a_wrong_value_in_hand_takes_nothing_back(ready: Lab) -> None:
    ready.user.write("Hello!")
    ready.check("receive")
    assert not ready.check("receive", "123").good
    assert standing(ready.inbox.facts())["step"] == 7
