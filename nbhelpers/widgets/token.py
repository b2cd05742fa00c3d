"""The token card: what a token says, its countdown, *Copy JWT* and *Mint again*."""

from __future__ import annotations

import html
from typing import Any

from nbhelpers.auth import tokens
from nbhelpers.course.context import CourseContext
from nbhelpers.inbox.events import one_line
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.copy_field import TokenView

__all__ = ["TokenCard"]


class TokenCard(Panel):
    """What a token says, how long it is good, *Copy JWT* and *Mint again*. It never shows the token."""

    heading = "Your JWT"

    def __init__(self, course: CourseContext, token: str) -> None:
        self._token = tokens.clean(token)[0]
        self._claims, self._view = block(), TokenView()
        self._view.on_msg(self._hear)
        super().__init__(course, [self._claims, self._view])
        self.refresh()

    def refresh(self) -> None:
        facts = tokens.inspect(self._token)
        self._claims.value = "<table>" + "".join(_claim(name, value) for name, value in self._lines()) + "</table>"
        self._view.expires = facts.expires.timestamp() if facts.expires else 0.0

    def as_text(self) -> str:
        facts = tokens.inspect(self._token)
        return "\n".join([*(f"{name}: {value}" for name, value in self._lines()), facts.remaining_text])

    def _lines(self) -> list[tuple[str, str]]:
        facts = tokens.inspect(self._token)
        times = {"iat": facts.issued, "exp": facts.expires}
        lines = []
        for name, value in facts.claims.items():
            moment = times.get(name)
            words = f" ({moment.astimezone():%H:%M:%S})" if moment else ""
            lines.append((one_line(name), one_line(str(value)) + words))
        return lines

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if message.get("ask") == "copy":
            self._view.send({"token": self._token})
        elif message.get("ask") == "mint":
            guarded(lambda words: self._view.send({"words": words}), self._mint)(None)

    def _mint(self) -> None:
        self._token = str(self.course.identity().token())
        self.refresh()
        self._view.send({"words": "Minted."})


def _claim(name: str, value: str) -> str:
    return (
        f'<tr><th scope="row" style="text-align:left;padding-right:1em">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(value)}</td></tr>'
    )
