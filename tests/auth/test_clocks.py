"""Two clocks are compared by the date of an answer; what is no date says nothing."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from nbhelpers.auth.clocks import apart, apart_in_words

pytestmark = pytest.mark.fast

NOW = 1_790_000_000.0


@pytest.mark.parametrize(("ahead", "words"), [(3600, "3600 s ahead"), (-3600, "3600 s behind"), (31, "31 s ahead")])
def test_a_date_says_by_how_much_our_clock_is_wrong_and_which_way(ahead: int, words: str) -> None:
    wrong = apart(formatdate(NOW - ahead, usegmt=True), NOW)
    assert wrong == ahead
    assert apart_in_words(wrong) == words


@pytest.mark.parametrize("date", [None, "", "yesterday", "Sat, 99 Nov 2026 13:10:13 GMT"])
def test_what_is_no_date_says_nothing(date: str | None) -> None:
    assert apart(date, NOW) is None
