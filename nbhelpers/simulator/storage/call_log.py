"""The calls that were made lately, in memory: what the API was asked, and each try of a webhook, with its answer."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CallLog", "LoggedCall"]

_KEPT = 1000  # calls
_LONGEST = 16_384  # bytes kept of a body: a thousand of them must not fill the memory
_SECRET = ("authorization", "x-simulator-token", "cookie")
Headers = Mapping[str, str] | Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True)
class LoggedCall:
    """One call: `way` is `api` (we were asked) or `webhook` (we called), `at` Unix seconds, `took` seconds.

    `status` is 0 when nobody answered; `words` say why. `webhook` is the id in the queue, `uuid` the message's.
    """

    number: int
    way: str
    at: float
    took: float
    method: str
    url: str
    headers: Headers
    body: bytes
    status: int
    words: str
    answer: bytes
    uuid: str | None
    webhook: int | None

    @property
    def shown(self) -> dict[str, Any]:
        """The call as plain values; of a header that lets one in only its kind is shown."""
        names = ("number", "way", "at", "took", "method", "url", "status", "words", "webhook")
        headers = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        texts = {name: _text(value) for name, value in (("body", self.body), ("answer", self.answer))}
        shown = {name: getattr(self, name) for name in names} | texts
        shown["headers"] = [_header(_text(name), _text(value)) for name, value in headers]
        return shown | {"uuid": self.uuid or _uuid(texts["answer"])}


class CallLog:
    """The newest calls, oldest first. Noting one costs next to nothing: it is read when somebody asks."""

    def __init__(self) -> None:
        self._calls: collections.deque[LoggedCall] = collections.deque(maxlen=_KEPT)
        self._number = 0

    def note(
        self,
        way: str,
        at: float,
        took: float,
        request: tuple[str, str, Headers, bytes],
        answered: tuple[int, str, bytes],
        uuid: str | None = None,
        webhook: int | None = None,
    ) -> None:
        """Keep a call: `request` is method, URL, headers and body, `answered` status, words and body."""
        self._number += 1
        method, url, headers, body = request
        status, words, answer = answered
        self._calls.append(
            LoggedCall(
                self._number,
                way,
                at,
                took,
                method,
                url,
                headers,
                body[:_LONGEST],
                status,
                words,
                answer[:_LONGEST],
                uuid,
                webhook,
            )
        )

    def since(self, moment: float, uuid: str | None = None) -> list[dict[str, Any]]:
        """Return the calls made since a moment (Unix seconds), or those about one message, as plain values."""
        if uuid is None:
            return [call.shown for call in tuple(self._calls) if call.at >= moment]
        about = (call.shown for call in tuple(self._calls) if call.uuid == uuid or (call.way == "api" and call.answer))
        return [call for call in about if call["uuid"] == uuid]


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _header(name: str, value: str) -> list[str]:
    if name.lower() not in _SECRET:
        return [name, value[:500]]
    kind, _, rest = value.partition(" ")
    return [name, f"{kind} •••• ({len(rest)} characters)" if rest else "••••"]


def _uuid(answer: str) -> str | None:
    try:
        found = json.loads(answer).get("message_uuid")
    except (ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
