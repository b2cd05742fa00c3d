"""What went wrong, in words: the kit's exceptions, and the cure of every code the service can answer with."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = [
    "ApiError",
    "CredentialsError",
    "Cure",
    "InboxError",
    "KitError",
    "MessageError",
    "ServiceError",
    "SettingsError",
    "TokenError",
    "cure_for",
    "cures",
]


class KitError(Exception):
    """Something a learner can mend: `what` happened, what was `seen`, and the `next` action.

    In a notebook it shows as one readable line instead of a traceback; `str()` gives the same line.
    """

    def __init__(self, what: str, seen: str = "", next: str = "") -> None:  # noqa: A002 - the field's own word
        super().__init__(what, seen, next)
        self.what, self.seen, self.next = what, seen, next

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.seen, self.next) if part)

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class SettingsError(KitError):
    """A setting has a value that cannot be meant."""


class CredentialsError(KitError):
    """The private key is missing or cannot be one."""


class TokenError(KitError):
    """A JWT cannot be made from, or read out of, what was given."""


class MessageError(KitError):
    """A message cannot be sent as it stands."""


class InboxError(KitError):
    """The inbox cannot be read or written, or what was waited for did not come."""


class ServiceError(KitError):
    """A service of the kit (receiver, simulator) did not start, or cannot be reached."""


class ApiError(KitError):
    """The Messages API said no, or could not be asked.

    `status` is the HTTP status (None when there was no answer), `body` the service's own JSON (or text), `code` the
    fragment or number that names the error, `trace` the service's trace id where it gave one.
    """

    def __init__(
        self,
        what: str,
        seen: str = "",
        next: str = "",  # noqa: A002
        *,
        status: int | None = None,
        body: Any = None,
        code: str = "",
        trace: str = "",
    ) -> None:
        super().__init__(what, seen, next)
        self.status, self.body, self.code, self.trace = status, body, code, trace


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
    table = tomllib.loads(resources.files("nbhelpers").joinpath("cures.toml").read_text(encoding="utf-8"))
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
    was no answer, see `unanswered.py`) and `ngrok` (numbers of its errors, and words where it names none).
    """
    known = _read().get(space, {})
    for code in codes:
        if code is not None and str(code) in known:
            return known[str(code)]
    return None
