"""What panels about a person share: receipts in signs and words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from nbhelpers.inbox.events import Event
from nbhelpers.widgets.person import ticks
from tests.support.labs import (
    CLOCK,
)


def event(kind: str = "status", state: str | None = None, body: bytes = b"{}") -> Event:
    known = {"message_uuid": "u", "psid": "1", "page_id": "2", "text": None, "message_type": None, "shape": "v0.1"}
    rest = {"deliveries": 1, "trusted": True, "verdict": "", "why": "", "origin": "wire", "path": "", "revision": 1}
    return Event(id=1, kind=kind, status=state, received=datetime.now(UTC), body=body, **known, **rest)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], "accepted, no receipt yet"),
        (["submitted"], rf"✓ submitted {CLOCK}"),
        (["submitted", "delivered"], rf"✓ submitted {CLOCK}  ✓ delivered {CLOCK}"),
        (["read", "delivered", "submitted"], rf"✓ submitted {CLOCK}  ✓ delivered {CLOCK}  ✓ read {CLOCK}"),
        (["submitted", "undeliverable"], rf"✗ undeliverable {CLOCK}"),
        (["delivered", "something new"], rf"✓ delivered {CLOCK}"),
    ],
)
def test_a_tick_never_stands_without_its_word(states: list[str], shown: str) -> None:
    assert re.fullmatch(shown, ticks([event("reply"), *(event(state=state) for state in states)]))


@pytest.mark.fast
def test_a_refusal_says_why() -> None:
    body = b'{"status":"rejected","error":{"code":1340,"reason":"Outside of the allowed window"}}'
    assert re.fullmatch(
        rf"✗ rejected {CLOCK}: 1340 Outside of the allowed window", ticks([event(state="rejected", body=body)])
    )
