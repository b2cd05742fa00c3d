"""The record of a running service: who runs, who wants it, and what is no record."""

from __future__ import annotations

import json
import os
import subprocess
import time

import psutil
import pytest

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services.record import Owner, Record, is_alive, joined, read_record, remembered_port, write_record


@pytest.mark.fast
def test_a_pid_that_was_given_out_again_is_not_the_same_process() -> None:
    me = Owner.of(os.getpid())
    assert is_alive(me.pid, me.created)
    assert not is_alive(me.pid, me.created - 5)


@pytest.mark.fast
@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere a process keeps the time of day at which it was created")
def test_a_process_stays_the_same_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    me = Owner.of(os.getpid())
    boot_time = psutil._pslinux.boot_time
    # Setting the clock moves the time of the computer's own start, and with it all that psutil says.
    before = psutil.Process().create_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot_time() + 3600)
    assert psutil.Process().create_time() > before + 1800
    assert is_alive(me.pid, me.created)


@pytest.mark.fast
def test_a_process_that_only_waits_to_be_reaped_is_not_alive() -> None:
    child = subprocess.Popen(["sleep", "60"])
    owner = Owner.of(child.pid)
    assert is_alive(owner.pid, owner.created)
    child.kill()
    until = time.monotonic() + 5
    while is_alive(owner.pid, owner.created) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(owner.pid, owner.created)
    child.wait()
    with pytest.raises(ServiceError, match=f"no process {child.pid}"):
        Owner.of(child.pid)


@pytest.mark.fast
def test_a_record_survives_its_file_and_rubbish_is_no_record(settings: Settings) -> None:
    settings.folder.mkdir(parents=True)
    me = Owner.of(os.getpid())
    record = Record("receiver", me.pid, me.created, "n", 1, "http://127.0.0.1:1", "c", (me,), {"inbound_url": "u"})
    write_record(settings.folder, record)
    assert read_record(settings.folder, "receiver") == record
    assert json.loads((settings.folder / "receiver.json").read_text())["owners"] == [
        {"pid": me.pid, "created": me.created}
    ]

    for rubbish in ("", "{}", "[]", '{"owners": 3}', "\x00", json.dumps({"owners": None, "more": 1})):
        (settings.folder / "receiver.json").write_text(rubbish)
        assert read_record(settings.folder, "receiver") is None


@pytest.mark.fast
def test_joining_adds_the_asker_once_and_drops_those_who_left(settings: Settings) -> None:
    me, gone = Owner.of(os.getpid()), Owner(1_000_000_000, 1.0)
    record = Record("receiver", me.pid, me.created, "n", 1, "u", "c", (gone,), {})
    assert joined(record, me).owners == (me,)
    assert joined(joined(record, me), me).owners == (me,)
    foreground = Record("receiver", me.pid, me.created, "n", 1, "u", "c", None, {})
    assert joined(foreground, me).owners is None


@pytest.mark.fast
@pytest.mark.parametrize("written", [None, "", "many", "87 10"])
def test_a_port_that_cannot_be_read_is_not_remembered(settings: Settings, written: str | None) -> None:
    settings.folder.mkdir(parents=True)
    file = settings.folder / "receiver.port"
    file.write_text("8710")
    assert remembered_port(settings.folder, "receiver") == 8710
    file.unlink() if written is None else file.write_text(written)
    assert remembered_port(settings.folder, "receiver") is None
