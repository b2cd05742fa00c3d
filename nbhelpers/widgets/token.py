"""The token card: what a token says, its countdown, *Copy JWT* and *Mint again*."""

from __future__ import annotations

from typing import Any

from nbhelpers.auth import tokens
from nbhelpers.course.context import CourseContext
from nbhelpers.inbox.events import one_line
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import Countdown, block, guarded, script, table

__all__ = ["TokenCard", "TokenView"]

_MEANS = {
    "application_id": "who it speaks for",
    "iat": "issued then",
    "exp": "good until then",
    "jti": "the ID of this one token",
}


class TokenView(Countdown):
    """A countdown, *Copy JWT* and *Mint again*. The token is no trait: it is sent when it is to be copied.

    Widget state can end up in the saved notebook; the token must not.
    """

    _esm = script("token")


class TokenCard(Panel):
    """What a token says, how long it is good, *Copy JWT* and *Mint again*. It never shows the token."""

    heading = "Your JWT"

    def __init__(self, course: CourseContext, token: str) -> None:
        self._token = tokens.clean(token)[0]
        self._claims, self._view = block(), TokenView(over="expired: mint a new one")
        self._view.on_msg(self._hear)
        super().__init__(course, [self._claims, self._view])
        self.refresh()

    def refresh(self) -> None:
        facts = tokens.inspect(self._token)
        self._claims.value = table([(name, self.masked(value), means) for name, value, means in self._lines()])
        expires, issued = (moment.timestamp() if moment else 0.0 for moment in (facts.expires, facts.issued))
        with self._view.hold_sync():
            self._view.whole = max(1.0, expires - issued) if issued else float(tokens.TTL)
            self._view.expires = expires

    def as_text(self) -> str:
        facts = tokens.inspect(self._token)
        return "\n".join([*(f"{name}: {value}" for name, value, _ in self._lines()), facts.remaining_text])

    def _lines(self) -> list[tuple[str, str, str]]:
        facts = tokens.inspect(self._token)
        times = {"iat": facts.issued, "exp": facts.expires}
        lines = []
        for name, value in facts.claims.items():
            moment = times.get(name)
            words = f" ({moment.astimezone():%H:%M:%S})" if moment else ""
            lines.append((one_line(name), one_line(str(value)) + words, _MEANS.get(name, "")))
        header = ", ".join(f"{one_line(name)} {one_line(str(value))}" for name, value in facts.header.items())
        return [*lines, ("header", header, "how it is signed")]

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if message.get("ask") == "copy":
            self._view.send({"token": self._token})
        elif message.get("ask") == "mint":
            guarded(lambda words: self._view.send({"words": self.masked(words)}), self._mint)(None)

    def _mint(self) -> None:
        self._token = str(self.course.identity().token())
        self.refresh()
        self._view.send({"words": "Minted."})
