"""Who sends webhooks where: an application of today, the guide's, and the account's target."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nbhelpers.auth.private_key import PrivateKey
from tests.support.simulation import GUIDES_VOICE, Detached, Program, Target, target, webhooks


@pytest.fixture(scope="module")
def account() -> Iterator[Target]:
    """A target for the account's settings."""
    with target(path="/account") as made:
        yield made


@pytest.fixture
def todays(world: Detached, hook: Target, key: PrivateKey) -> Program:
    """An application of today: its own URLs."""
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture
def guides(world: Detached, key: PrivateKey) -> Program:
    """The guide's application: Voice, its two URLs ignored."""
    return world.application(key, voice=GUIDES_VOICE)
