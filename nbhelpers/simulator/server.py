"""Runs the simulator as a service, with its ready line."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from nbhelpers.config.settings import Settings
from nbhelpers.messages.urls import webhook_url
from nbhelpers.services.http_protocol import LimitedProtocol
from nbhelpers.services.record import Owner, is_alive, read_record, remembered_port
from nbhelpers.services.service import Service
from nbhelpers.simulator import demo
from nbhelpers.simulator.app import Simulator, assemble
from nbhelpers.simulator.storage.calls import Calls
from nbhelpers.simulator.storage.store import Store

__all__ = ["STORE", "Options", "assembled", "facts", "simulate"]

NAME = "simulator"
STORE = "simulator.sqlite3"  # the name of the store's file


@dataclass(frozen=True)
class Options:
    """How the simulator was asked to run; see `nbhelpers simulator --help`.

    `switches` are kept in the store, like any that were set before. `find_receiver` lets webhooks for which no URL is
    set go to the receiver recorded in the same state directory. Raises SettingsError when `inbound` or `status` is no
    URL.
    """

    inbound: str | None = None
    status: str | None = None
    demo: bool = False
    guide: bool = False
    accept_any: bool = False
    find_receiver: bool = False
    switches: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for which, url in (("inbound", self.inbound), ("status", self.status)):
            if url is not None:
                webhook_url(which, url)


def assembled(
    store: Store, options: Options, nonce: str, control: str, receiver: Callable[[str], str | None] | None = None
) -> Simulator:
    """Put the simulator together over a store.

    `receiver(kind)` gives the URL to which webhooks go that have no other.
    """

    def given(kind: str) -> str | None:
        return options.inbound if kind == "inbound" else options.status

    store.change_switches(options.switches)
    return assemble(store, nonce, control, given, receiver or (lambda _kind: None), options.accept_any)


def facts(store: Store, url: str) -> dict[str, Any]:
    """Return what a caller needs: `base_url`, `api_key`, `api_secret`, `signature_secret`."""
    account = store.account()
    return {
        "base_url": url,
        "api_key": account.api_key,
        "api_secret": account.api_secret,
        "signature_secret": account.signature_secret,
    }


def simulate(
    settings: Settings,
    options: Options,
    port: int | None = None,
    owner: Owner | None = None,
    following: Callable[[Calls], AbstractContextManager[None]] | None = None,
) -> None:
    """Run the simulator until its end. `port` is strict; without, the last one or the next free is taken.

    `following(calls)` is entered while it runs, and may show its calls. Raises ServiceError when it cannot start.
    """
    service = Service(NAME, settings.folder, owner)
    wished = remembered_port(settings.folder, NAME) or settings.simulator_port
    listener = service.bind(wished if port is None else port, strict=bool(port))
    store = Store(settings.folder / STORE)

    def receiver(kind: str) -> str | None:
        record = read_record(settings.folder, "receiver") if options.find_receiver else None
        if record is None or not is_alive(record.pid, record.created):
            return None
        return record.ready.get("inbound_url" if kind == "inbound" else "status_url")

    try:
        simulator = assembled(store, options, service.nonce, service.control, receiver)
        made = demo.prepare(store, simulator.people, settings.folder, options.guide) if options.demo else {}
        # What is loaded by now stays: without it in view, the collector takes a tenth less of every message.
        gc.collect()
        gc.freeze()
        with following(simulator.calls) if following else contextlib.nullcontext():
            service.run(simulator.app, listener, lambda url: facts(store, url) | made, LimitedProtocol)
    finally:
        store.close()
