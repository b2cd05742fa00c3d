"""The kit's exceptions: what happened, what was seen, and the next action."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ApiError",
    "CredentialsError",
    "InboxError",
    "KitError",
    "MessageError",
    "ServiceError",
    "SettingsError",
    "TokenError",
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
