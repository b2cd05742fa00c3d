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
    """What a code means (`what`) and what to do about it (`next`)."""

    what: str
    next: str


@functools.cache
def _cures() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(resources.files("nbhelpers").joinpath("cures.toml").read_text(encoding="utf-8"))


def cure_for(space: str, *codes: str | int | None) -> Cure | None:
    """Return the cure of the first of `codes` that is known in `space`, else None.

    The spaces are apart because the service uses the same numbers for different things: `http` (status numbers of a
    refused call), `refusal` (fragments of its error types), `status` (codes in a message status) and `connection`.
    """
    known = _cures().get(space, {})
    for code in codes:
        if code is not None and str(code) in known:
            return Cure(**known[str(code)])
    return None
