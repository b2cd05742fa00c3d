"""Faults to pick from: what one does is said before it is started, and what is on is said until it ends."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from nbhelpers.widgets.faults import FaultPicker, lasts
from tests.support.labs import button, course_of, seen

pytestmark = pytest.mark.fast


def test_one_is_chosen_read_started_and_ended(ready: Lab) -> None:
    said: list[str] = []
    picker = FaultPicker(course_of(ready), said.append)
    picker.choice.value = "receiver-down"
    assert "finds nobody at your address" in seen(picker)
    button(picker, "Start").click()
    assert said[-1].startswith("Started: receiver-down. Now let the person write")
    assert "On now: receiver-down (3×)." in seen(picker)
    button(picker, "End all").click()
    assert said[-1] == "Every lesson is over."
    assert "On now: nothing." in seen(picker)


def test_how_long_one_lasts_is_said() -> None:
    assert lasts({"name": "unsigned", "left": 2}) == "unsigned (2×)"
    assert lasts({"name": "rate-limit", "left": 0}) == "rate-limit (until it is ended)"
