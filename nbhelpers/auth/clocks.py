"""Compares this computer's clock with the service's: every token states when it was made."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

__all__ = ["APART", "SET_IT", "apart", "apart_in_words"]

APART = 30  #: seconds that two clocks may differ. How far the service lets them is not known
#: The next action where a clock is wrong.
SET_IT = "Let this computer set its clock from the internet"


def apart(date: str | None, here: float) -> int | None:
    """Return by how many seconds the clock `here` (Unix seconds) is ahead of a `Date` header; None without a date."""
    try:
        there = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError):  # none, or none that can be read
        return None
    return int(here) - int(there)


def apart_in_words(seconds: int) -> str:
    """Say by how much a clock is wrong: “3600 s ahead”."""
    return f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}"
