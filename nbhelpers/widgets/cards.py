"""The small panels: hello, the credentials card, the token card, the webhooks panel."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from nbhelpers.api.webhook_settings import Changed, Proposal
from nbhelpers.auth import tokens
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.errors import CredentialsError, KitError
from nbhelpers.inbox.events import Delivery, one_line
from nbhelpers.widgets.base import Panel, block, guarded
from nbhelpers.widgets.copy_field import CopyField, TokenView

__all__ = ["CredentialsCard", "HelloPanel", "TokenCard", "WebhooksPanel"]

_TIGHT = "margin:2px 0;line-height:1.3"  # a panel stays under 240 px high as long as it asks nothing


class HelloPanel(Panel):
    """One button, to see that panels work."""

    heading = "Hello"

    def __init__(self, course: CourseContext) -> None:
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

    def __init__(self, course: CourseContext) -> None:
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


class WebhooksPanel(Panel):
    """The two webhook URLs with their labels of the settings form, the method, and the last call of the receiver.

    In live mode the URLs are the public ones, and with API key and secret they can be set from here: old and new are
    shown first, and asked about.
    """

    heading = "Webhooks"

    def __init__(self, course: CourseContext) -> None:
        self._inbound = CopyField(label="Webhook URL for Inbound Message")
        self._status = CopyField(label="Webhook URL for Delivery Receipt")
        self._facts = block()
        self._live, self._words, self._said = LiveWebhooks(course), "", block()
        self._said.layout.display = "none"
        self._asked: Callable[[], Proposal | Changed] | None = None  # what *Yes* does
        self._buttons = {
            "set": _button("Set the webhooks for me", self._guarded(self._ask_to_set)),
            "back": _button("Put the old ones back", self._guarded(self._ask_to_put_back)),
            "yes": _button("Yes, set them", self._guarded(self._do)),
            "no": _button("No", self._guarded(lambda: self._say("Nothing was changed."))),
        }
        children = [self._inbound, self._status, self._facts]
        if not course.simulated:
            children += [self._said, ipywidgets.HBox([*self._buttons.values()])]
        super().__init__(course, children)
        self.show()
        self.follow()

    def refresh(self) -> None:
        self._show_buttons()
        urls = self._urls()
        self._inbound.value, self._status.value = urls  # first: they are known even when the form cannot be asked
        method, call = self._now()
        self._facts.value = f'<p role="status" style="{_TIGHT}">{html.escape(method)}<br>{html.escape(call)}</p>'

    def as_text(self) -> str:
        labels = (self._inbound.label, self._status.label)
        lines = [f"{label}: {url}" for label, url in zip(labels, self._urls(), strict=True)]
        try:
            lines += self._now()
        except KitError as error:
            lines.append(str(error))
        return "\n".join([*lines, self._words] if self._words else lines)

    def _urls(self) -> tuple[str, str]:
        receiver = (self.course.facts.get("receiver") if self.course.simulated else self.course.public_urls()) or {}
        return receiver.get("inbound_url", ""), receiver.get("status_url", "")

    def _now(self) -> tuple[str, str]:
        saved = self.course.control.settings() if self.course.simulated else None
        if saved is None and self._live.settable:
            method = "HTTP method: POST. “Set the webhooks for me” shows what the application holds now."
        elif saved is None:
            method = "HTTP method: what the dashboard holds cannot be read. Set POST there."
        elif (saved["inbound_url"], saved["status_url"]) == ("", ""):
            method = "HTTP method: GET. Nothing is saved in the form yet."
        else:
            method = f"HTTP method: {saved['http_method']}. Saved in the form."
        # The doctor's test calls are no news: they must not push out what the service did.
        calls = (call for call in reversed(self.course.inbox.deliveries()) if call.origin != "doctor")
        last = next(calls, None)
        if last is None:
            return method, "Last call: none yet."
        path = one_line(last.path.partition("?")[0], 60)
        clock = f"{last.received.astimezone():%H:%M:%S}"
        mark = "" if last.origin == "wire" else f" ({last.origin})"
        called = f"Last call: {clock} {one_line(last.method)} {path}, answered {last.answer}{mark}."
        return method, f"{called} {_judged(last, self.course.simulated)}"

    # Setting them, in live mode

    def _ask_to_set(self) -> None:
        urls = self._urls()  # what is asked about is what is done, whatever the tunnel does meanwhile
        self._ask(self._live.save(*urls), lambda: self._live.save(*urls, yes=True))

    def _ask_to_put_back(self) -> None:
        self._ask(self._live.put_back(), lambda: self._live.put_back(yes=True))

    def _ask(self, proposal: Proposal | Changed, action: Callable[[], Proposal | Changed]) -> None:
        back = isinstance(proposal, Proposal) and proposal.back
        self._buttons["yes"].description = "Yes, put them back" if back else "Yes, set them"
        self._say("\n".join(proposal.lines), action if isinstance(proposal, Proposal) and proposal.changes else None)

    def _do(self) -> None:
        if self._asked is not None:
            self._say("\n".join(self._asked().lines))

    def _guarded(self, action: Callable[[], None]) -> Callable[[Any], None]:
        return guarded(lambda words: self._say(words), action)

    def _say(self, words: str, action: Callable[[], Proposal | Changed] | None = None) -> None:
        # What goes wrong ends the question as well: a second *Yes* to something else would be no answer to it.
        self._words, self._asked = words, action
        lines = html.escape(words).replace("\n", "<br>")
        self._said.value = f'<p role="status" style="{_TIGHT}">{lines}</p>'
        self._said.layout.display = "" if words else "none"
        self._show_buttons()

    def _show_buttons(self) -> None:
        settable, asking = self._live.settable, self._asked is not None
        shown = {"set": settable and not asking, "yes": asking, "no": asking}
        shown["back"] = shown["set"] and self._live.remembers
        for name, button in self._buttons.items():
            button.layout.display = "" if shown[name] else "none"


def _button(words: str, press: Callable[[Any], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=words, tooltip=words, layout={"width": "auto"})
    button.on_click(press)
    return button


def _judged(call: Delivery, simulated: bool) -> str:
    """How the signature of a call was judged, in words."""
    if call.verdict == "signed":
        return "Signature verified."
    if call.verdict == "wrong":
        return f"Signature wrong: {one_line(call.why, 120)}."
    if call.verdict == "unsigned":
        return "Unsigned."
    if not call.why:  # whatever is refused for its method or path is refused before anybody looks
        return "Signature not looked at: the call was refused before."
    unset = "no signature secret is known" if simulated else "VONAGE_SIGNATURE_SECRET is not set"
    return f"Signature not verified: {unset}."
