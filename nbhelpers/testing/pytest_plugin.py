"""The pytest plugin: `messenger_simulator`, a simulator for each test that asks for one, at no cost to the others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nbhelpers.auth.private_key import PrivateKey
    from nbhelpers.testing.messenger_simulator import MessengerSimulator

__all__ = ["messenger_simulator"]


@pytest.fixture(scope="session")
def _messenger_key() -> PrivateKey:
    # Making one takes a tenth of a second. Its being shared is seen by nobody: each test has a store of its own, in
    # which the public half belongs to an application of its own.
    from nbhelpers.auth.private_key import generate_key

    return generate_key()


@pytest.fixture
def messenger_simulator(_messenger_key: PrivateKey) -> Iterator[MessengerSimulator]:
    """Give this test a simulator of the Messages API and Facebook: own store, account, Page and person.

    `base_url`, `api_key`, `api_secret`, `application_id`, `private_key`, `private_key_path`, `signature_secret`,
    `page_id`, `psid`; `send_webhooks_to(inbound=…, status=…)`, `write(text=…)`, `read()`, `wait_until_delivered()`,
    `replies()`, `webhooks()`, `token()`, `send(text)`, `take_calls_of(client)` for the official SDK, and whatever
    `nbhelpers.simulator.control.client.ControlClient` can. It listens on a free port of 127.0.0.1.
    The key pair is made once a run.
    """
    from nbhelpers.testing.messenger_simulator import running_simulator

    with (
        tempfile.TemporaryDirectory(prefix="messenger-simulator-") as folder,
        running_simulator(Path(folder) / "lab", _messenger_key) as simulator,
    ):
        yield simulator
