"""The outcome of a check: one of four, or that the step was filled in, as text and as a panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbhelpers.course.look import dressed, marked
from nbhelpers.inbox.events import one_line

__all__ = ["KINDS", "Outcome", "in_hand", "last_four"]

_LONGEST_SHOWN = 50  # characters of a value in hand: no ID is longer, and a token must not be shown

#: kind: (its word, the sign that goes with it; never the sign or a colour alone)
KINDS = {
    "done": ("Done.", "✓"),
    "filled in": ("Filled in", "✓"),
    "not yet": ("Not yet.", "…"),
    "wrong": ("Wrong.", "✗"),
    "cannot tell": ("Cannot tell.", "?"),
}


_COLOURS = {"done": "nbh-ok", "filled in": "nbh-ok", "wrong": "nbh-bad", "cannot tell": "nbh-warn"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check: its `kind`, one of KINDS, and the sentence, `words`."""

    kind: str
    words: str

    @property
    def good(self) -> bool:
        """Whether the next step can stand on this one."""
        return self.kind in ("done", "filled in")

    def __repr__(self) -> str:
        return f"{KINDS[self.kind][0]} {self.words}"

    def _repr_html_(self) -> str:
        word, sign = KINDS[self.kind]
        return dressed(
            f'<p role="status" class="nbh-note {_COLOURS.get(self.kind, "")}">'
            f'<span aria-hidden="true">{sign}</span> <strong>{word}</strong> {marked(self.words)}</p>'
        )


def last_four(text: str | None) -> str:
    """Return the end of an ID, enough to tell it from another."""
    return f"…{one_line(text[-4:])}" if text else "(none)"


def in_hand(value: Any) -> str:
    """Return what a learner holds as it may be shown, or its type: it may be the wrong thing, even a token or a key."""
    if isinstance(value, str | int) and len(str(value)) <= _LONGEST_SHOWN:
        return one_line(str(value))
    return f"something of type {type(value).__name__}"
