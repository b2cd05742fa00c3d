"""tunnel/guard: what runs with our config file ends, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nbhelpers.tunnel.guard import Guard, end_agents
from tests.conftest import wait_until

SLEEPER = "import time\ntime.sleep(60)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"


def started(*words: str, code: str = SLEEPER) -> subprocess.Popen[bytes]:
    """A process with these arguments, as an agent has them."""
    process = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE)
    if code == STUBBORN:
        assert process.stdout
        process.stdout.readline()
    return process


def is_gone(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is not None


def close(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.fast
def test_only_who_runs_with_a_config_file_in_the_folder_is_ended(tmp_path: Path):
    ours = started("start", "--config", str(tmp_path / "a" / "ngrok.yml"))
    others = [
        started("start", "--config", str(tmp_path / "b" / "ngrok.yml")),
        started("start", str(tmp_path / "a" / "ngrok.yml")),
        started("start", "--config", str(tmp_path / "ab" / "ngrok.yml")),
        started("start"),
    ]
    try:
        assert end_agents(tmp_path / "a") == [ours.pid]
        wait_until(lambda: is_gone(ours), 5)
        assert not any(is_gone(other) for other in others)
        assert end_agents(tmp_path / "a") == []
    finally:
        close(ours, *others)


def test_one_that_does_not_leave_is_killed(tmp_path: Path):
    ours = started("start", "--config", str(tmp_path / "ngrok.yml"), code=STUBBORN)
    try:
        end_agents(tmp_path)
        wait_until(lambda: is_gone(ours), 1)
    finally:
        close(ours)


@pytest.mark.parametrize("way", ["closed", "killed"])
def test_the_guard_ends_them_when_its_pipe_closes_however_that_came(tmp_path: Path, way: str):
    folder = tmp_path / "ngrok"
    folder.mkdir()
    (folder / "ngrok.yml").write_text("authtoken: secret")
    ours = started("start", "--config", str(folder / "ngrok.yml"))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom nbhelpers.tunnel.guard import Guard\n"
        f"guard = Guard(Path({str(folder)!r}))\nprint(1, flush=True)\nsys.stdin.readline()\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdin and holder.stdout
        holder.stdout.readline()
        (guard,) = psutil.Process(holder.pid).children()
        time.sleep(0.3)
        assert not is_gone(ours)
        if way == "killed":
            holder.kill()
        holder.communicate(b"go\n" if way == "closed" else None, timeout=10)
        wait_until(lambda: is_gone(ours), 5, "the end of the agent")
        wait_until(lambda: not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE, 5, "the end of the guard")
        assert not folder.exists()  # the file has the token in it
    finally:
        close(ours)


def test_a_guard_that_is_closed_has_done_its_work_when_that_returns(tmp_path: Path):
    folder = tmp_path / "ngrok"
    folder.mkdir()
    guard = Guard(folder)
    ours = started("start", "--config", str(folder / "ngrok.yml"))
    try:
        guard.close()
        assert is_gone(ours)
        assert not folder.exists()
    finally:
        close(ours)
