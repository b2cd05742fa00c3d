"""The cure of every code that the service, ngrok or a broken connection answers with, read from `cures.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cure", "cure_for", "cures"]


@dataclass(frozen=True)
class Cure:
    """What a code means (`what`), what to do about it (`next`), and how it looks where one meets it (`seen`).

    `fault` is how to meet it in the simulator: `lesson:` and a name in its table of faults, `refuse:` and a code that
    can be asked for, `do:` and a sentence that says what to do, or `none` when it cannot be shown there.
    """

    what: str
    next: str
    seen: str = ""
    fault: str = "none"


def cures() -> dict[str, dict[str, Cure]]:
    """Return every cure there is, by space and code."""
    return {space: dict(known) for space, known in _read().items()}


@functools.cache
def _read() -> dict[str, dict[str, Cure]]:
    table = tomllib.loads(Path(__file__).with_name("cures.toml").read_text(encoding="utf-8"))
    found = {}
    for space, usual in table.pop("usually").items():
        # What a cure leaves out is as in its whole space, with the code in it.
        found[space] = {
            code: Cure(**{name: words.replace("{code}", code) for name, words in usual.items()} | entry)
            for code, entry in table.pop(space).items()
        }
    return found


def cure_for(space: str, *codes: str | int | None) -> Cure | None:
    """Return the cure of the first of `codes` that is known in `space`, else None.

    The spaces are apart because the same numbers mean different things: `http` (status numbers of a refused call),
    `refusal` (fragments of the service's error types), `status` (codes in a message status), `connection` (why there
    was no answer, see `connection.py`), `ngrok` (numbers of its errors, and words where it names none) and `python`
    (the names of errors that a cell stops with).
    """
    known = _read().get(space, {})
    for code in codes:
        if code is not None and str(code) in known:
            return known[str(code)]
    return None
