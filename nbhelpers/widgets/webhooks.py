"""The webhooks panel: both URLs with their labels, the method, and the last call of the receiver."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from typing import Any

import ipywidgets

from nbhelpers.api.webhook_settings import Changed, Proposal
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.course.destinations import Destinations, destinations
from nbhelpers.diagnosis.exchanged import signature_words
from nbhelpers.errors import KitError
from nbhelpers.inbox.events import channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.services import launcher
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.page_origin import PageOrigin
from nbhelpers.widgets.parts import CopyField, Note, block, button, guarded, row

__all__ = ["WebhooksPanel"]

_DOWN = "Your receiver does not run, so nothing can arrive. Run `lab.receiver`."
_KINDS = {"inbound": "message", "status": "receipt"}


class WebhooksPanel(Panel):
    """The two webhook URLs with their labels of the settings form, the method, and the last call of the receiver.

    In live mode the URLs are the public ones, and with API key and secret they can be set from here: old and new are
    shown first, and asked about.
    """

    heading = "Webhooks"
    pulse, lag = 2.0, 0.03

    def __init__(self, course: CourseContext) -> None:
        held = course.presenting
        labels = ("Webhook URL for Inbound Message", "Webhook URL for Delivery Receipt")
        self._fields = [
            CopyField(whole=functools.partial(self._url, at) if held else None, label=label)
            for at, label in enumerate(labels)
        ]
        for each in self._fields:
            each.add_class("nbh-aligned")
        self._facts, self._down = block(), Note()
        self._live, self._said = LiveWebhooks(course), Note()
        self._asked: Callable[[], Proposal | Changed] | None = None  # what *Yes* does
        self._buttons: dict[str, ipywidgets.Button] = {}
        children: list[ipywidgets.Widget] = [*self._fields, self._down, self._facts, self._said]
        if not course.simulated:
            self._buttons = {
                "set": button("Set the webhooks for me", self._guarded(self._ask_to_set), first=True),
                "back": button("Put the old ones back", self._guarded(self._ask_to_put_back)),
                "yes": button("Yes, set them", self._guarded(self._do), first=True),
                "no": button("No", self._guarded(lambda: self._say("Nothing was changed."))),
            }
            children.append(row(*self._buttons.values()))
        if course.settings.tunnel == "jupyter":
            children.append(_asking_the_page(course))
        super().__init__(course, children)
        self.show()
        self.follow()

    def refresh(self) -> None:
        self._show_buttons()
        for field, url in zip(self._fields, self._urls(), strict=True):
            field.value = self.masked(url)  # first: they are known even when the form cannot be asked
        self._down.say(self._why_down(), "bad")
        method, call = self._now()
        self.head.said = self.masked(f"{method} {call}")
        kind = "nbh-ok" if " answered 2" in call else "nbh-bad" if " answered " in call else ""
        self._facts.value = (
            f'<p>{html.escape(method)}</p><p class="nbh-note {kind}" style="margin-top:6px">'
            f"{html.escape(self.masked(call))}</p>"
        )

    def beat(self) -> None:
        self.refresh()

    def as_text(self) -> str:
        lines = [f"{field.label}: {url}" for field, url in zip(self._fields, self._urls(), strict=True)]
        lines += [self._why_down()] if self._why_down() else []
        try:
            lines += self._now()
        except KitError as error:
            lines.append(str(error))
        return "\n".join([*lines, self._said.words] if self._said.words else lines)

    def _urls(self) -> tuple[str, str]:
        receiver = (self.course.facts.get("receiver") if self.course.simulated else self.course.public_urls()) or {}
        return receiver.get("inbound_url", ""), receiver.get("status_url", "")

    def _why_down(self) -> str:
        opened = self.course.facts.get("receiver") is not None
        running = launcher.find("receiver", self.course.settings) is not None
        return _DOWN if opened and not running else ""

    def _url(self, at: int) -> str:
        return self._urls()[at]

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
        return method, " ".join([*what, signature_words(last, self.course.simulated)]).strip()

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
        self._asked = action
        self._said.say(self.masked(words))
        self._show_buttons()

    def _show_buttons(self) -> None:
        settable, asking = self._live.settable, self._asked is not None
        shown = {"set": settable and not asking, "yes": asking, "no": asking}
        shown["back"] = shown["set"] and self._live.remembers
        for name, each in self._buttons.items():
            each.layout.display = "" if shown[name] else "none"


def _asking_the_page(course: CourseContext) -> PageOrigin:
    asking = PageOrigin()

    def keep(change: dict[str, Any]) -> None:
        if change["new"] != course.facts.get("page_origin"):
            course.inbox.note(page_origin=change["new"])

    asking.observe(keep, "origin")
    return asking


def _in_force(found: Destinations) -> str:
    """Say the method, and what says where webhooks go: the form, unless something else counts more."""
    named = [each for each in found.both if each.url]
    if not named and found.holder == "account":
        return "HTTP method: GET. Nothing is saved in the form yet."
    method = f"HTTP method: {named[0].method if named else 'POST'}."
    if all(each.source == "account" for each in named) and named:
        return f"{method} Saved in the form."
    return f"{method} The form does not count here. {' '.join(map(str, found.both))}"
