"""What was answered 200 is kept and no reply goes twice, whichever process of a live course is killed, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults import size_of
from tests.support.kills import VICTIMS, kill_and_count


@pytest.mark.timeout(300)  # twenty seconds where little else runs: each process starts anew
@pytest.mark.parametrize("seed", [14])
def test_kills_of_every_process_lose_no_webhook_and_send_no_reply_twice(tmp_path: Path, seed: int) -> None:
    """The same with twenty kills of each: `python -m benchmarks faults`."""
    size = size_of(250)
    out = kill_and_count(tmp_path, size, seed)
    assert out.lost == []
    assert out.missing == []
    assert out.twice == []
    assert out.kills == dict.fromkeys(VICTIMS, size.kills)
    assert out.stored == size.webhooks
    assert out.repeated >= 0
