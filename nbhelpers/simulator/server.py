"""Runs the simulator as a service, with its ready line."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from nbhelpers.config.presented import presented
from nbhelpers.config.settings import Settings
from nbhelpers.services.record import Owner, is_alive, read_record
from nbhelpers.services.service import Service
from nbhelpers.simulator import demo
from nbhelpers.simulator.app import Options, assemble
from nbhelpers.simulator.storage.calls import Calls
from nbhelpers.simulator.storage.store import Store
from nbhelpers.storage.damage import set_aside_if_damaged

__all__ = ["STORE", "facts", "simulate"]

_log = logging.getLogger(__name__)

NAME = "simulator"
STORE = "simulator.sqlite3"  #: the name of the store's file


def facts(store: Store, url: str) -> dict[str, Any]:
    """Return what a caller needs: `base_url`, `api_key`, `api_secret`, `signature_secret`."""
    account = store.account
    names = ("api_key", "api_secret", "signature_secret")
    return {"base_url": url} | {name: getattr(account, name) for name in names}


def simulate(
    settings: Settings,
    options: Options,
    port: int | None = None,
    owner: Owner | None = None,
    following: Callable[[Calls], AbstractContextManager[None]] | None = None,
) -> None:
    """Run the simulator until its end. `port` is strict; without, the last one or the next free is taken.

    `following(calls)` is entered while it runs, and may show its calls. A damaged store is set aside, said on
    standard error, and an empty one opened. Raises ServiceError when it cannot start.
    """
    service = Service(NAME, settings.folder, owner)
    listener = service.bind(port, settings.simulator_port)
    aside = set_aside_if_damaged(settings.folder / STORE)
    if aside is not None:
        _log.warning("%s `nbhelpers doctor` says how to go on.", aside)
    store = Store(settings.folder / STORE)

    def receiver(kind: str) -> str | None:
        record = read_record(settings.folder, "receiver")
        if record is None or not is_alive(record.pid, record.created):
            return None
        return record.ready.get("inbound_url" if kind == "inbound" else "status_url")

    try:
        looks = receiver if options.find_receiver else None
        app, people, calls = assemble(
            store, options, service.control, looks, lambda: presented(settings.state) % 2 == 1
        )
        made = demo.prepare(store, people, settings.folder, options.guide) if options.demo else {}
        # What is loaded by now stays: without it in view, the collector takes a tenth less of every message.
        gc.collect()
        gc.freeze()
        with following(calls) if following else contextlib.nullcontext():
            service.run(app, listener, lambda url: facts(store, url) | made, lifespan="on")
    finally:
        store.close()
