"""The small panels: hello, the credentials card, the token card, the webhooks panel."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from nbhelpers import tokens
from nbhelpers.course import Course
from nbhelpers.errors import CredentialsError, KitError
from nbhelpers.events import one_line
from nbhelpers.tokens import Minter
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.copying import CopyField, TokenView

__all__ = ["CredentialsCard", "HelloPanel", "TokenCard", "WebhooksPanel"]


class HelloPanel(Panel):
    """One button, to see that panels work."""

    heading = "Hello"

    def __init__(self, course: Course) -> None:
        self._said = block()
        button = ipywidgets.Button(description="Press me", tooltip="Press me, to see whether panels work")
        button.on_click(lambda _: self._press())
        super().__init__(course, [ipywidgets.HBox([button, self._said])])

    def _press(self) -> None:
        self._said.value = '<span role="status">✓ Panels work.</span>'

    def as_text(self) -> str:
        return "Panels work as text. In JupyterLab a button stands here."


class CredentialsCard(Panel):
    """The application's ID, its key file, and the public half of the key: nothing that is secret."""

    heading = "Credentials"

    def __init__(self, course: Course) -> None:
        self._facts = block()
        super().__init__(course, [self._facts])
        self.show()

    def refresh(self) -> None:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;vertical-align:top;padding-right:1em">{name}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self._rows()[:2]
        )
        name, value = self._rows()[2]
        self._facts.value = (
            f"<table>{rows}</table><details><summary>{name}</summary>"
            f'<pre style="font-size:0.8em;margin:0">{html.escape(value)}</pre></details>'
        )

    def as_text(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        try:
            key = self.course.key()
            public, where = key.public_pem.strip(), key.source
        except CredentialsError as error:
            public, where = str(error), "none that can be used"
        application_id = self.course.application_id or "none noted"
        return [("Application ID", application_id), ("Private key", where), ("Public half", public)]


class TokenCard(Panel):
    """What a token says, how long it is good, *Copy JWT* and *Mint again*. It never shows the token."""

    heading = "Your JWT"

    def __init__(self, course: Course, token: str) -> None:
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
        identity = self.course.identity()
        self._token = str(Minter(identity.application_id, identity.key)())
        self.refresh()
        self._view.send({"words": "Minted."})


def _claim(name: str, value: str) -> str:
    return (
        f'<tr><th scope="row" style="text-align:left;padding-right:1em">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(value)}</td></tr>'
    )


class WebhooksPanel(Panel):
    """The two webhook URLs with their labels of the settings form, the method, and the last call at the door."""

    heading = "Webhooks"

    def __init__(self, course: Course) -> None:
        self._inbound = CopyField(label="Webhook URL for Inbound Message")
        self._status = CopyField(label="Webhook URL for Delivery Receipt")
        self._facts = block()
        super().__init__(course, [self._inbound, self._status, self._facts])
        self.show()
        self.follow()

    def refresh(self) -> None:
        urls = self._urls()
        self._inbound.value, self._status.value = urls  # first: they are known even when the form cannot be asked
        method, call = self._now()
        self._facts.value = f'<p role="status">{html.escape(method)}<br>{html.escape(call)}</p>'

    def as_text(self) -> str:
        labels = (self._inbound.label, self._status.label)
        lines = [f"{label}: {url}" for label, url in zip(labels, self._urls(), strict=True)]
        try:
            return "\n".join([*lines, *self._now()])
        except KitError as error:
            return "\n".join([*lines, str(error)])

    def _urls(self) -> tuple[str, str]:
        door = self.course.facts.get("door") or {}
        return door.get("inbound_url", ""), door.get("status_url", "")

    def _now(self) -> tuple[str, str]:
        saved = self.course.control.settings() if self.course.played else None
        if saved is None:
            method = "HTTP method: what the dashboard holds cannot be read. Set POST there."
        elif (saved["inbound_url"], saved["status_url"]) == ("", ""):
            method = "HTTP method: GET. Nothing is saved in the form yet."
        else:
            method = f"HTTP method: {saved['http_method']}. Saved in the form."
        last = next(reversed(self.course.inbox.deliveries(limit=1)), None)
        if last is None:
            return method, "Last call: none yet."
        path = one_line(last.path.partition("?")[0], 60)
        clock = f"{last.received.astimezone():%H:%M:%S}"
        mark = "" if last.origin == "wire" else f" ({last.origin})"
        return method, f"Last call: {clock} {one_line(last.method)} {path}, answered {last.answer}{mark}."
