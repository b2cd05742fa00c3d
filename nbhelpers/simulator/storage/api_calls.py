"""The send requests that came lately, in memory, each with its answer: those that were refused leave no other trace."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["KEPT", "ApiCall", "ApiCalls"]

KEPT = 200  #: requests: with the longest headers and bodies some megabytes
_LONGEST = 16_384  # bytes kept of a body


class ApiCall(NamedTuple):
    """One send request: when it began (`at`, Unix seconds), how long it took, and what was answered.

    `uuid` is that of the message, None when it was refused.
    """

    id: int
    at: float
    seconds: float
    url: str
    headers: Iterable[tuple[bytes, bytes]]
    body: bytes
    status: int
    answer_body: bytes
    uuid: str | None


class ApiCalls:
    """The newest send requests. To keep one costs next to nothing: it is made readable when somebody asks."""

    def __init__(self) -> None:
        self._calls: collections.deque[ApiCall] = collections.deque(maxlen=KEPT)
        self._last = 0

    def keep(
        self,
        at: float,
        seconds: float,
        url: str,
        headers: Iterable[tuple[bytes, bytes]],
        body: bytes,
        status: int,
        answer: bytes,
        uuid: str | None,
    ) -> None:
        """Keep a request, over the oldest."""
        self._last += 1
        kept = ApiCall(self._last, at, seconds, url, headers, body[:_LONGEST], status, answer[:_LONGEST], uuid)
        self._calls.append(kept)

    @property
    def newest(self) -> int:
        """The number of the newest request, 0 when there was none."""
        return self._last

    def whole(self, since: float, uuid: str | None = None) -> list[dict[str, Any]]:
        """Return the requests, oldest first, as plain values: those since a moment, or that of one message."""
        kept = tuple(self._calls)
        return [_plain(call) for call in kept if (call.at >= since if uuid is None else call.uuid == uuid)]


def _plain(call: ApiCall) -> dict[str, Any]:
    bodies = {name: getattr(call, name).decode("utf-8", "replace") for name in ("body", "answer_body")}
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in call.headers]
    return call._asdict() | bodies | {"headers": headers, "method": "POST", "words": f"answered {call.status}"}
