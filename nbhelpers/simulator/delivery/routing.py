"""Finds the URL of a webhook: the message's own, the application's, the account's, or that of a receiver found here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nbhelpers.simulator.storage.store import Store

__all__ = ["SOURCES", "Route", "Router"]

#: What may say where a webhook goes, in the order in which it counts.
SOURCES = ("message", "application", "command line", "account", "receiver")

_LOOK = 0.25  # seconds for which an answer about a receiver is believed: to look takes longer than to deliver


@dataclass(frozen=True)
class Route:
    """Where a webhook goes, by which HTTP method, and what says so: one of SOURCES."""

    url: str
    method: str
    source: str


class Router:
    """Finds the way of each webhook anew, so that a changed URL counts for what is queued already.

    `given(kind)` gives a URL that stands in for the account's settings, `receiver(kind)` that of a receiver which may
    be found, for what has no other; each None when there is none. `kind` is `inbound` or the status. Without `receiver`
    none is looked for.
    """

    def __init__(
        self, store: Store, given: Callable[[str], str | None], receiver: Callable[[str], str | None] | None
    ) -> None:
        self._store, self._given, self._find_receiver = store, given, receiver
        self._found: dict[bool, tuple[float, str | None]] = {}

    def route(self, kind: str, application_id: str | None, webhook_url: str | None) -> Route | None:
        """Say where a webhook goes now, None when there is nowhere yet.

        A status goes to the message's own `webhook_url` if it has one (v1). Otherwise, as documented, what belongs to
        an application goes to the application's URLs, by POST, and everything else to the account's, by its method;
        so does what belongs to an application without the messages capability, such as the guide's.
        """
        if webhook_url and kind != "inbound":
            return Route(webhook_url, "POST", "message")
        name = "inbound_url" if kind == "inbound" else "status_url"
        application = self._store.application(application_id)
        messages, account = application.messages if application else None, self._store.account
        if url := (messages or {}).get("webhooks", {}).get(name, {}).get("address"):
            return Route(url, "POST", "application")
        if url := self._given(kind):
            return Route(url, "POST", "command line")
        if messages is None and (url := getattr(account, name)):
            return Route(url, account.http_method, "account")
        receiver = self._receiver(kind)
        return Route(receiver, "POST", "receiver") if receiver else None

    @property
    def finds_receiver(self) -> bool:
        """Whether what has nowhere to go waits for a receiver, and goes there as soon as one runs."""
        return self._find_receiver is not None

    def look_again(self) -> None:
        """Believe no earlier answer about a receiver: it did not answer a call."""
        self._found.clear()

    def _receiver(self, kind: str) -> str | None:
        if self._find_receiver is None:
            return None
        now = time.monotonic()
        looked, url = self._found.get(kind == "inbound", (-_LOOK, None))
        if now - looked >= _LOOK:
            url = self._find_receiver(kind)
            self._found[kind == "inbound"] = now, url
        return url
