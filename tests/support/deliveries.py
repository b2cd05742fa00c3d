"""Webhooks of the simulator on their way: settings and switches for a while, a message, its call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.conftest import wait_until
from tests.support.simulation import Call, Detached, Program, Target


@contextmanager
def account_settings(world: Detached, **changes: str) -> Iterator[None]:
    """The account's settings, for as long as it takes; each test may count on the defaults."""
    world.control.change_settings(**changes)
    try:
        yield
    finally:
        world.control.change_settings(inbound_url="", status_url="", http_method="GET", shape="v0.1")


def write(world: Detached, program: Program | None, **details: str) -> dict[str, Any]:
    return world.control.write(page=world.page(program), **{"text": "hi", **details})


def call_of(hook: Target, message_uuid: str) -> Call:
    wait_until(lambda: hook.of(message_uuid), what=f"a webhook of {message_uuid} at {hook.url}")
    return hook.of(message_uuid)[0]


@contextmanager
def switched(world: Detached, **values: str) -> Iterator[None]:
    world.control.switch(**values)
    try:
        yield
    finally:
        world.control.switch(**{name: DEFAULTS[name] for name in values})
