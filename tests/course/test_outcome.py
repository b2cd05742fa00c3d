"""What a check says: one of the four outcomes or filled in, with its word, never by a sign or a colour alone."""

from __future__ import annotations

import dataclasses

import pytest

from nbhelpers.course.outcome import KINDS, Outcome

pytestmark = pytest.mark.fast


def test_there_are_the_four_outcomes_of_the_course_and_filled_in() -> None:
    assert set(KINDS) == {"done", "not yet", "wrong", "cannot tell", "filled in"}


@pytest.mark.parametrize(
    ("kind", "words", "shown"),
    [
        ("done", "It is so.", "Done. It is so."),
        ("not yet", "Run *Send it*.", "Not yet. Run *Send it*."),
        ("wrong", "It is not.", "Wrong. It is not."),
        ("cannot tell", "Nobody answers.", "Cannot tell. Nobody answers."),
        ("filled in", "with sample values: a Page.", "Filled in with sample values: a Page."),
    ],
)
def test_as_text_the_word_comes_first(kind: str, words: str, shown: str) -> None:
    assert repr(Outcome(kind, words)) == shown


@pytest.mark.parametrize("kind", list(KINDS))
def test_as_a_panel_the_sign_has_its_word_beside_it_and_is_not_read_out(kind: str) -> None:
    word, sign = KINDS[kind]
    shown = Outcome(kind, "So it is.")._repr_html_()
    assert f'<span aria-hidden="true">{sign}</span> <strong>{word}</strong> So it is.' in shown
    assert 'role="status"' in shown


def test_what_came_from_outside_is_escaped() -> None:
    shown = Outcome("done", "“<script>alert(1)</script>” & co")._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;” &amp; co" in shown


def test_the_next_step_can_stand_on_done_and_filled_in_alone() -> None:
    assert {kind for kind in KINDS if Outcome(kind, "").good} == {"done", "filled in"}


def test_an_outcome_cannot_be_changed_afterwards() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Outcome("wrong", "").kind = "done"
