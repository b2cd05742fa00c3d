"""The question panel: what is picked is answered below it, and as text it says how to answer without a mouse."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from nbhelpers.course.questions import question
from nbhelpers.widgets.question import Choices
from tests.support.labs import printed, seen

pytestmark = pytest.mark.fast


def test_a_choice_is_answered_with_its_reason(ready: Lab) -> None:
    panel = ready.panels.question("jwt")
    choices = next(part for part in panel.children[1].children if isinstance(part, Choices))
    assert choices.asks == question("jwt").asks
    assert [words[:3] for words in choices.choices] == ["a) ", "b) ", "c) "]
    assert "Wrong." not in seen(panel)
    choices.picked = 0
    assert "✗ Wrong. a) Nothing: it is unreadable without your key. A JWT is sealed, not hidden." in seen(panel)
    choices.picked = 1
    assert "✓ Done. b) Send in your name, until it runs out." in seen(panel)
    assert "Wrong." not in seen(panel)


@pytest.mark.parametrize("place", [-2, 3, 99])
def test_what_a_browser_may_not_send_changes_nothing(ready: Lab, place: int) -> None:
    panel = ready.panels.question("jwt")
    next(part for part in panel.children[1].children if isinstance(part, Choices)).picked = place
    assert "Done." not in seen(panel) and "Wrong." not in seen(panel)


def test_as_text_it_has_the_choices_and_then_the_answer(ready: Lab) -> None:
    panel = ready.panels.question("link")
    assert printed(panel).startswith("Before you go on (SIMULATOR)\nYour token is good")
    assert 'lab.question("link").answer("a")' in printed(panel)
    next(part for part in panel.children[1].children if isinstance(part, Choices)).picked = 0
    assert printed(panel).endswith(
        "Done. a) Nothing. The service does not know whose Page this is, so it has nobody to pass the message on to."
    )
