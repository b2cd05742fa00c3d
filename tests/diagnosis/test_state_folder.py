"""What is wrong with the state directory is told by the lab when it opens, once, and by the doctor each time."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from nbhelpers import Lab
from nbhelpers.config.settings import Settings
from nbhelpers.diagnosis.state_folder import news, state_folder
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.storage import file_systems
from nbhelpers.storage.damage import what_was_set_aside

pytestmark = pytest.mark.fast


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> None:
    """This computer's whole disk is a network share."""
    mounted = [SimpleNamespace(mountpoint="/", fstype="nfs4", opts="rw")]
    monkeypatch.setattr(file_systems, "psutil", SimpleNamespace(disk_partitions=lambda **_: mounted))


def test_a_sound_folder_has_no_news(settings: Settings) -> None:
    assert psutil.disk_partitions(all=True)
    assert state_folder(settings) == []


def test_a_network_file_system_is_warned_about_in_three_parts(settings: Settings, share: None) -> None:
    (line,) = state_folder(settings)
    assert line.startswith(f"The state directory is on a network file system. {settings.state} is on nfs4, where")
    assert line.endswith("Next: set NBHELPERS_STATE to a folder on a disk of this computer.")


def test_news_is_told_once_and_what_is_new_again(settings: Settings, share: None) -> None:
    inbox = Inbox(settings.folder / "lab.sqlite3")
    (first,) = news(settings, inbox)
    assert news(settings, inbox) == []
    kept = settings.folder / "simulator.sqlite3.damaged-20260101-120000-000000"
    kept.write_bytes(b"x")
    (second,) = news(settings, inbox)
    assert "nfs4" in first
    assert second == (
        f"simulator.sqlite3 was damaged. It is kept as {kept}; an empty one is in its place. "
        "Next: Its Pages and people are in that copy alone: make Page, application and link once more."
    )
    assert news(settings, inbox) == []
    inbox.close()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RECEIVER", "SIMULATOR"):
        monkeypatch.setenv(f"NBHELPERS_{name}_PORT", "0")
    return tmp_path / "lab"


def test_the_lab_says_it_when_it_opens_once_and_the_doctor_each_time(state: Path, share: None) -> None:
    with Lab(state=state) as lab:
        assert "is on nfs4" in repr(lab)
        with Lab(state=state) as again:
            assert "nfs4" not in repr(again)
        for _ in range(2):
            (line,) = lab.doctor().beside
            assert "is on nfs4" in line
        assert "told" not in lab.facts


def damage(path: Path) -> bytes:
    damaged = path.read_bytes()[:10_000] + b"no page of a database " * 1000
    path.write_bytes(damaged)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    return damaged


@pytest.mark.thorough
def test_opening_the_lab_sets_a_damaged_inbox_aside_and_ends_the_receiver_that_has_it(state: Path) -> None:
    with Lab(state=state) as lab:
        settings: Any = dataclasses.replace(lab.settings)
        first = lab.receiver
        assert first.inbound_url
        was = launcher.find("receiver", settings)
        lab.inbox.note(page_id="1")
        lab.inbox.close()
        damaged = damage(settings.folder / "lab.sqlite3")
        with Lab(state=state) as again:
            kept = what_was_set_aside(settings.folder)[0].kept
            assert kept.read_bytes() == damaged
            assert f"lab.sqlite3 was damaged. It is kept as {kept}" in repr(again)
            assert "let the person write once more" in repr(again)
            assert launcher.find("receiver", settings) is None
            assert again.receiver.inbound_url == first.inbound_url
            assert launcher.find("receiver", settings).pid != was.pid
            assert again.inbox.events() == []
            assert any(str(kept) in line for line in again.doctor().beside)
