"""The lessons panel: what a lesson does and shows, starting and ending one, and time that passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.services import launcher
from nbhelpers.widgets.lessons import LessonsPanel
from tests.conftest import wait_until
from tests.support.labs import button, inside, printed, says, seen


@pytest.fixture
def panel(ready: Lab) -> Iterator[LessonsPanel]:
    made = ready.panels.lessons()
    yield made
    made.close()
    ready.simulator.clear_faults()
    ready.simulator.pace(1)


def choose(panel: LessonsPanel, name: str) -> None:
    next(widget for widget in inside(panel) if isinstance(widget, ipywidgets.Dropdown)).value = name


@pytest.mark.fast
def test_it_says_what_the_chosen_lesson_does_and_what_you_will_see(panel: LessonsPanel) -> None:
    choose(panel, "outside-window")
    words = seen(panel)
    assert words.startswith("Lessons in what goes wrong SIMULATOR The next message counts as sent more than 24 hours")
    assert "You see: 202 first, then the status rejected with 1340." in words
    assert "On now: nothing." in words


@pytest.mark.fast
def test_a_lesson_is_started_shown_as_on_and_ended(panel: LessonsPanel, ready: Lab) -> None:
    choose(panel, "rate-limit")
    button(panel, "Start").click()
    assert "On now: rate-limit (3×)." in seen(panel)
    assert "Started: rate-limit. Now send something." in seen(panel)
    choose(panel, "low-balance")
    button(panel, "Start").click()
    assert "On now: low-balance (until it is ended), rate-limit (3×)." in seen(panel)
    button(panel, "End all").click()
    assert "On now: nothing." in seen(panel)
    assert "Every lesson is over." in seen(panel)
    assert all(each["left"] is None for each in ready.simulator.faults())


@pytest.mark.fast
def test_a_lesson_that_has_ended_by_itself_is_no_longer_shown_as_on(panel: LessonsPanel, ready: Lab) -> None:
    choose(panel, "unsigned")
    button(panel, "Start").click()
    assert "On now: unsigned (1×)." in seen(panel)
    ready.user.write("hi")
    says(panel, "On now: nothing.")


@pytest.mark.fast
def test_the_pace_is_said_on_the_panel(panel: LessonsPanel, ready: Lab) -> None:
    tick = next(widget for widget in inside(panel) if isinstance(widget, ipywidgets.Checkbox))
    assert tick.description == "A minute between two tries passes in 1 second"
    tick.value = True
    assert "60 seconds between two tries pass in one." in seen(panel)
    tick.value = False
    assert "as long as they really are." in seen(panel)


@pytest.mark.fast
def test_a_pace_that_holds_already_is_shown(panel: LessonsPanel, ready: Lab) -> None:
    ready.simulator.pace(60)
    again = ready.panels.lessons()
    assert next(widget for widget in inside(again) if isinstance(widget, ipywidgets.Checkbox)).value is True
    again.close()


@pytest.mark.fast
def test_several_people_write_from_the_panel(panel: LessonsPanel) -> None:
    scene = [widget for widget in inside(panel) if isinstance(widget, ipywidgets.Dropdown)][1]
    scene.value = "several"
    assert "6 messages from 5 of the Page's people." in seen(panel)
    assert scene.value == ""


@pytest.mark.fast
def test_what_goes_wrong_is_said_in_the_panel(panel: LessonsPanel, ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ready._course.control, "base_url", "http://127.0.0.1:9")
        button(panel, "Start").click()
    assert "The simulator does not answer." in seen(panel)


@pytest.mark.fast
def test_it_prints_as_text(panel: LessonsPanel, ready: Lab) -> None:
    ready.simulator.fault("receiver-down")
    text = printed(panel)
    assert text.startswith("Lessons in what goes wrong (SIMULATOR)\nexpired-token\n    The next message sent")
    assert "receiver-down (3×) is on\n" in text
    assert text.endswith('Start one with lab.simulator.fault("…"), end all with lab.simulator.clear_faults().')


@pytest.mark.fast
def test_where_nothing_is_simulated_it_says_so(tmp_path: Path) -> None:
    lab = Lab(state=tmp_path / "lab", mode="live")
    try:
        assert "Lessons belong to the simulator" in seen(lab.panels.lessons())
        assert "cannot be ordered" in printed(lab.panels.lessons())
    finally:
        lab.stop()


def test_25_hours_later_an_answer_is_rejected(fresh: Lab) -> None:
    # A lab of its own: the tokens of whoever shared it would be a day old too.
    fresh.need("webhooks")
    panel = fresh.panels.lessons()
    fresh.user.write("hi")
    button(panel, "25 hours later").click()
    assert "25 hours have passed for what was there." in seen(panel)
    said = fresh.reply("Sorry, I was away.")
    uuid = said.words.split()[-4]
    assert "1340" in repr(fresh.inbox.wait_for_receipt(uuid, "rejected"))
    panel.close()


def test_it_says_that_the_simulator_is_gone(fresh: Lab) -> None:
    panel = fresh.panels.lessons()
    launcher.stop(fresh.settings)
    wait_until(lambda: "The simulator does not answer." in seen(panel), 15, "the panel's words")
    panel.close()
