"""A day in twenty seconds: the benchmark `soak`, short; what it needs to know of memory takes its five minutes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.timeout(300)
def test_a_day_with_kills_and_sleep_loses_nothing_and_descriptors_and_files_stay_flat() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "soak", "--seconds", "0.7", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    unmet = [name for name, row in rows.items() if not row["met"] and row["unit"] != "MB"]
    assert unmet == [], {name: (rows[name]["value"], rows[name]["versions"]) for name in unmet}
    assert {row["unit"] for row in rows.values()} == {"MB", "descriptors", "files", "lost", "twice", "open"}
    day = next(iter(rows.values()))["versions"]["a day"]
    assert "4 kills in the first half" in day
    assert "4.2 s asleep at noon" in day
    memory = [row for name, row in rows.items() if name.endswith("MB more after the last quarter")]
    assert len(memory) == 4  # receiver, simulator, notebook's process, write-ahead logs
    assert all(len(row["versions"]["at the quarters"].split(",")) == 4 for row in memory)
