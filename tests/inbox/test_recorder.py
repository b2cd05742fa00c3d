"""What is recorded from an event loop: one event each, on the disk before anybody is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.recorder import Recorder

pytestmark = pytest.mark.fast


def delivery(number: int) -> Delivery:
    body = {"message_uuid": str(number), "from": "1", "to": "2", "channel": "messenger", "message_type": "text"}
    return Delivery("POST", "/webhooks/inbound", (), json.dumps(body | {"text": "hi"}).encode(), 200)


def test_what_is_recorded_at_once_is_there_for_another_process_when_it_is_answered(tmp_path: Path) -> None:
    inbox, other = Inbox(tmp_path / "lab.sqlite3"), Inbox(tmp_path / "lab.sqlite3")

    async def main() -> list[int]:
        recorder = Recorder(inbox)

        async def one(number: int) -> int:
            identity = await recorder.record(delivery(number))
            assert other.delivery(identity) is not None
            return identity

        try:
            return await asyncio.gather(*(one(number) for number in range(100)))
        finally:
            recorder.close()

    assert sorted(asyncio.run(main())) == list(range(1, 101))
    assert len(other.events()) == 100
    inbox.close()
    other.close()


def test_the_same_event_in_one_batch_is_one_event(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "lab.sqlite3")

    async def main() -> None:
        recorder = Recorder(inbox)
        await asyncio.gather(*(recorder.record(delivery(7)) for _ in range(5)))
        recorder.close()

    asyncio.run(main())
    (event,) = inbox.events()
    assert event.deliveries == 5
    inbox.close()
