"""The webhooks panel: both URLs with their labels, the method, and the last call of the receiver."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from nbhelpers.api.webhook_settings import Changed, Proposal
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.course.destinations import Destinations, destinations
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import Delivery, channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.widgets.base import TIGHT, Panel, block, guarded
from nbhelpers.widgets.copy_field import CopyField
from nbhelpers.widgets.page_origin import PageOrigin

__all__ = ["WebhooksPanel"]


_KINDS = {"inbound": "message", "status": "receipt"}


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
        if course.settings.tunnel == "jupyter":
            children.append(_asking_the_page(course))
        super().__init__(course, children)
        self.show()
        self.follow()

    def refresh(self) -> None:
        self._show_buttons()
        urls = self._urls()
        self._inbound.value, self._status.value = urls  # first: they are known even when the form cannot be asked
        method, call = self._now()
        self._facts.value = f'<p role="status" style="{TIGHT}">{html.escape(method)}<br>{html.escape(call)}</p>'

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
        if self.course.simulated:
            method = _in_force(destinations(self.course))
        elif self._live.settable:
            method = "HTTP method: POST. “Set the webhooks for me” shows what the application holds now."
        else:
            method = "HTTP method: what the dashboard holds cannot be read. Set POST there."
        # The doctor's test calls are no news: they must not push out what the service did.
        calls = (call for call in reversed(self.course.inbox.deliveries()) if call.origin != "doctor")
        last = next(calls, None)
        if last is None:
            return method, "Last call: none yet."
        path = one_line(last.path.partition("?")[0], 60)
        clock = f"{last.received.astimezone():%H:%M:%S}"
        mark = "" if last.origin == "wire" else f" ({last.origin})"
        called = f"Last call: {clock} {one_line(last.method)} {path}, answered {last.answer}{mark}."
        told = self.course.inbox.event(last)
        if told is not None and told.kind == "call":
            return method, f"{called} It was {one_line(told.message_type, 200)}. Next: {told.next}"
        what = [called]
        if told is not None and told.channel != MESSENGER:
            what.append(f"A {_KINDS[told.kind]} on {channel_name(told.channel)}.")
        if told is not None and told.notes:
            what.append(f"It came {told.notes}. {told.next}")
        return method, " ".join([*what, _judged(last, self.course.simulated)])

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
        self._said.value = f'<p role="status" style="{TIGHT}">{lines}</p>'
        self._said.layout.display = "" if words else "none"
        self._show_buttons()

    def _show_buttons(self) -> None:
        settable, asking = self._live.settable, self._asked is not None
        shown = {"set": settable and not asking, "yes": asking, "no": asking}
        shown["back"] = shown["set"] and self._live.remembers
        for name, button in self._buttons.items():
            button.layout.display = "" if shown[name] else "none"


def _asking_the_page(course: CourseContext) -> PageOrigin:
    asking = PageOrigin()

    def keep(change: dict[str, Any]) -> None:
        if change["new"] != course.facts.get("page_origin"):
            course.inbox.note(page_origin=change["new"])

    asking.observe(keep, "origin")
    return asking


def _button(words: str, press: Callable[[Any], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=words, tooltip=words, layout={"width": "auto"})
    button.on_click(press)
    return button


def _in_force(found: Destinations) -> str:
    """Say the method, and what says where webhooks go: the form, unless something else counts more."""
    named = [each for each in found.both if each.url]
    if not named and found.holder == "account":
        return "HTTP method: GET. Nothing is saved in the form yet."
    method = f"HTTP method: {named[0].method if named else 'POST'}."
    if all(each.source == "account" for each in named) and named:
        return f"{method} Saved in the form."
    return f"{method} The form does not count here. {' '.join(map(str, found.both))}"


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
