"""Services from outside: eight askers get one, it outlives its starter, and it leaves when nobody wants it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.services.record import Owner, is_alive, read_record
from tests.conftest import Shell, wait_until

# A kernel stands for itself here: its parent is the asker, as a shell's is.
ASK = """
import json, os, sys
from nbhelpers.config import settings
from nbhelpers.services import launcher
made = settings.load(state=sys.argv[1])
print(json.dumps([launcher.start(name, made).pid for name in sys.argv[2:]]), flush=True)
"""


def ask(settings: Settings, *names: str) -> subprocess.Popen[str]:
    environment = os.environ | {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", ASK, str(settings.state), *names], stdout=subprocess.PIPE, text=True, env=environment
    )


def pids_of(state: Path) -> list[int]:
    """Every process of the kit that serves this state directory."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "nbhelpers" in line and str(state) in line:
            found.append(process.pid)
    return found


def test_eight_processes_that_ask_at_once_get_one_receiver(settings: Settings) -> None:
    askers = [ask(settings, "receiver") for _ in range(8)]
    pids = {json.loads(asker.communicate(timeout=40)[0])[0] for asker in askers}

    assert len(pids) == 1
    assert pids_of(settings.state) == list(pids)


def test_it_is_found_without_being_started_or_joined(settings: Settings) -> None:
    assert launcher.find("receiver", settings) is None
    started = launcher.start("receiver", settings)
    assert launcher.find("receiver", settings) == started
    assert repr(started) == f"receiver: up at {started.url} (process {started.pid})"


def test_its_record_can_be_read_by_nobody_else(settings: Settings) -> None:
    launcher.start("simulator", settings)
    assert (settings.folder / "simulator.json").stat().st_mode & 0o777 == 0o600
    assert settings.folder.stat().st_mode & 0o777 == 0o700


class Shells:
    """A parent process that asks for a service through a child, as a shell or a Jupyter server does."""

    CODE = (
        "import subprocess, sys; subprocess.run(sys.argv[1:], check=True); print('asked', flush=True); sys.stdin.read()"
    )

    def __init__(self, settings: Settings) -> None:
        environment = os.environ | {"NBHELPERS_RECEIVER_PORT": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, sys.executable, "-c", ASK, str(settings.state), "receiver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.pid = json.loads(self.process.stdout.readline())[0]
        assert self.process.stdout.readline() == "asked\n"

    def leave(self) -> None:
        self.process.communicate(timeout=10)


def test_it_stays_while_one_of_two_askers_does_and_ends_ten_seconds_after_both_left(settings: Settings) -> None:
    first, second = Shells(settings), Shells(settings)
    assert first.pid == second.pid
    created = Owner.of(first.pid).created

    first.leave()
    time.sleep(13)
    assert is_alive(first.pid, created)
    second.leave()
    began = time.monotonic()
    wait_until(lambda: not is_alive(first.pid, created), 20, "the end of the service")
    assert 8 < time.monotonic() - began < 14
    assert not (settings.folder / "receiver.json").exists()


def test_a_kernels_asker_is_the_jupyter_server_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    assert launcher.asker() == Owner.of(os.getpid())
    monkeypatch.delenv("JPY_PARENT_PID")
    assert launcher.asker() == Owner.of(os.getppid())


def test_it_ends_at_once_when_its_record_vanishes_or_is_anothers(settings: Settings) -> None:
    for change in (
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text().replace(read_record(settings.folder, "receiver").nonce, "other")),
    ):
        started = launcher.start("receiver", settings)
        process = psutil.Process(started.pid)
        change(settings.folder / "receiver.json")
        process.wait(4)


def test_the_port_is_wished_for_again_and_another_is_taken_when_it_is_gone(settings: Settings) -> None:
    first = launcher.start("receiver", settings)
    launcher.stop(settings)
    again = launcher.start("receiver", settings)
    assert again.url == first.url
    launcher.stop(settings)

    other = dataclasses.replace(settings, state=settings.state.with_name("other"))
    # What another kit took first: the port stays free for nobody else.
    (other.folder).mkdir(parents=True)
    (other.folder / "receiver.port").write_text(first.url.rpartition(":")[2])
    try:
        taken = launcher.start("receiver", other)
        assert taken.url == first.url
        assert launcher.start("receiver", settings).url != first.url
    finally:
        launcher.stop(other)


def test_a_record_of_a_dead_process_does_not_stop_a_new_start(settings: Settings) -> None:
    first = launcher.start("receiver", settings)
    os.kill(first.pid, signal.SIGKILL)
    assert launcher.start("receiver", settings).pid != first.pid


def test_a_service_that_cannot_start_says_why_in_its_own_three_parts(settings: Settings) -> None:
    settings.folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(settings.folder / "lab.sqlite3")) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(ServiceError) as caught:
        launcher.start("receiver", settings)

    assert str(caught.value).startswith("The inbox is newer than this kit. ")
    assert "has schema 99, this kit knows" in str(caught.value)
    assert str(caught.value).endswith("Use the newer kit.")


def test_one_that_breaks_says_its_last_words_and_where_the_rest_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "not a number")  # the interpreter itself refuses to begin
    with pytest.raises(
        ServiceError, match=r"^The receiver did not start\. Its last words: Python.*The whole log is .*receiver\.log"
    ):
        launcher.start("receiver", settings)


def test_after_stop_no_process_of_the_kit_is_left_in_any_mode(settings: Settings) -> None:
    launcher.start("simulator", settings)
    launcher.start("receiver", settings)
    launcher.start("receiver", dataclasses.replace(settings, mode="live"))
    assert len(pids_of(settings.state)) == 3

    assert len(launcher.stop(settings)) == 3

    assert pids_of(settings.state) == []
    assert launcher.stop(settings) == []


def test_stop_ends_no_process_that_got_a_services_pid_later(settings: Settings) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    time.sleep(2.5)  # a pid is not given out again sooner than a clock can be wrong
    try:
        launcher.start("receiver", settings)
        path = settings.folder / "receiver.json"
        record = json.loads(path.read_text())
        os.kill(record["pid"], signal.SIGKILL)
        path.write_text(json.dumps(record | {"pid": bystander.pid}))

        assert launcher.stop(settings) == []
        assert bystander.poll() is None
    finally:
        bystander.communicate(timeout=5)


def test_interrupting_the_starter_leaves_the_service_alone(settings: Settings) -> None:
    code = ASK + "\nimport signal, time; os.killpg(0, signal.SIGINT); time.sleep(30)"
    asker = subprocess.Popen(
        [sys.executable, "-c", code, str(settings.state), "receiver"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=os.environ | {"NBHELPERS_RECEIVER_PORT": "0"},
    )
    pid = json.loads(asker.communicate(timeout=30)[0])[0]

    assert asker.returncode != 0
    assert psutil.pid_exists(pid)
    assert pids_of(settings.state) == [pid]


def test_a_company_proxy_stands_in_the_way_of_nothing(shell: Shell) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        shell.environment[name] = "http://127.0.0.1:9"
    shell.environment.pop("NO_PROXY", None)
    shell.environment.pop("no_proxy", None)

    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    uuid = shell("send", "--to", demo["psid"], "--text", "Through no proxy").stdout.strip()

    wait_until(lambda: f"delivered {uuid}" in shell("inbox").stdout, what="the receipt")


def test_two_kinds_of_service_start_side_by_side(settings: Settings) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda name: launcher.start(name, settings), ("simulator", "receiver"))
    assert requests.get(first.url, timeout=5).status_code == 404
    assert requests.get(second.url, timeout=5).status_code == 404
