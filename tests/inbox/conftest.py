"""An inbox of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nbhelpers.inbox.inbox import Inbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "simulator" / "lab.sqlite3"


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox(path)
    yield made
    made.close()
