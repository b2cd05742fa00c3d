"""The tunnel through real kernels: interrupt, restart, kill; whatever ends, nothing stays public and no token shows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from nbhelpers.config import settings as configuration
from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from tests.conftest import REPOSITORY, wait_until
from tests.support import fake_ngrok
from tests.support.kernels import Kernel
from tests.support.labs import message
from tests.support.tunnels import TOKEN, agents, configure


def settle(patch: pytest.MonkeyPatch, folder: Path, mode: str = "ok") -> None:
    """The environment of a kernel, or of what plays its server."""
    # Killed kernels leave their ports written down, and to a port of Jupyter's no tunnel leads.
    configure(patch, folder, mode, NBHELPERS_STATE=str(folder / "lab"), JUPYTER_RUNTIME_DIR=str(folder / "runtime"))


@contextmanager
def kernel(folder: Path, mode: str = "ok") -> Iterator[Kernel]:
    """A kernel in live mode behind the stand-in. In the end nothing is public, and the token is nowhere to be read."""
    with pytest.MonkeyPatch.context() as patch:
        settle(patch, folder, mode)
        made = Kernel(folder)
        try:
            yield made
        finally:
            launcher.stop(made.settings)
            made.close()
            wait_until(lambda: not (agents(folder) + guards(folder) + tunnels(folder)), 5, "the end of the tunnel")
        assert [text for text in made.all_texts() if TOKEN in text] == []


def processes(of_ours: Callable[[list[str]], bool]) -> list[int]:
    """The pids of the processes with such arguments that have not ended."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE and of_ours(process.info["cmdline"] or [])
    ]


def tunnels(folder: Path) -> list[int]:
    """The tunnel processes of this folder, those that are still opening included."""
    words = {"nbhelpers", "tunnel", str(folder / "lab")}
    return processes(lambda line: words <= set(line))


def guards(folder: Path) -> list[int]:
    place = str(folder / "lab" / "live" / "ngrok")
    return processes(lambda line: "nbhelpers.tunnel.guard" in line and line[-1].startswith(place))


def token_files(folder: Path) -> list[Path]:
    return list((folder / "lab" / "live" / "ngrok").rglob("ngrok.yml"))


def post_through(url: str) -> int:
    return requests.post(f"{url}/webhooks/inbound", json=message(), timeout=5).status_code


def is_shut(url: str) -> bool:
    """Whether nobody answers there, not even to say that nobody is there."""
    try:
        requests.get(f"{url}/healthz", timeout=5)
    except requests.ConnectionError:
        return True
    return False


def nothing_is_left(folder: Path, within: float) -> None:
    wait_until(lambda: not agents(folder), within, "the end of the agent")
    wait_until(lambda: not token_files(folder), within, "the end of the file with the token")
    wait_until(lambda: not guards(folder), within, "the end of the guard")


def pid_of_the_tunnel(settings: Settings) -> int:
    found = launcher.find("tunnel", settings)
    assert found is not None
    return found.pid


# Interrupt


def test_an_interrupt_idle_or_busy_leaves_an_open_tunnel_alone(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        public = notebook.open()
        before = agents(tmp_path), pid_of_the_tunnel(notebook.settings)
        notebook.manager.interrupt_kernel()
        assert notebook.run("1 + 1") == "2"
        assert post_through(public) == 200
        cell = notebook.begin("lab.inbox.wait_for_message(timeout=60, new=True)")
        time.sleep(0.5)  # it waits by now
        notebook.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in notebook.end(cell, 10)
        assert post_through(public) == 200
        assert notebook.run("lab.tunnel.public_url") == repr(public)
        assert (agents(tmp_path), pid_of_the_tunnel(notebook.settings)) == before
        assert "2 calls so far" in notebook.run("lab.tunnel")


@pytest.mark.parametrize("mode", ["slow", "silent"])
def test_an_interrupt_while_it_opens_ends_the_wait_and_what_was_opening(tmp_path: Path, mode: str) -> None:
    with kernel(tmp_path, mode) as notebook:
        notebook.run("from nbhelpers import Lab\nlab = Lab()")
        cell = notebook.begin("lab.tunnel")
        wait_until(lambda: agents(tmp_path), 20, "the agent")
        notebook.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in notebook.end(cell, 5)
        # Else it would become public when nobody waits for it any more, and `stop` could not know of it.
        nothing_is_left(tmp_path, 5)
        assert tunnels(tmp_path) == []
        fake_ngrok.install(tmp_path / "ngrok-program", "ok")
        assert post_through(notebook.open()) == 200
        assert len(agents(tmp_path)) == 1


# Restart


def test_after_a_restart_the_next_lab_joins_the_same_tunnel(tmp_path: Path) -> None:
    with kernel(tmp_path, "new-url") as notebook:  # a second agent would have another address
        public = notebook.open()
        before = agents(tmp_path), pid_of_the_tunnel(notebook.settings)
        notebook.restart(now=False)
        assert post_through(public) == 200
        assert notebook.open() == public
        notebook.begin("import time\ntime.sleep(60)")
        notebook.restart(now=True)
        assert post_through(public) == 200
        assert notebook.open() == public
        assert (agents(tmp_path), pid_of_the_tunnel(notebook.settings)) == before
        assert len(fake_ngrok.calls(tmp_path / "ngrok-program", "start")) == 1


# Kill

# It plays the Jupyter server: the kernel's owner, which a test can kill. It says what the two cells showed.
SERVER = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.tunnel.test_process import Kernel
notebook = Kernel(Path(sys.argv[2]))
print(json.dumps([notebook.open(), int(notebook.run("import os\\nos.getpid()"))]), flush=True)
sys.stdin.read()
"""


def test_when_kernel_and_server_are_killed_nothing_stays_public(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, tmp_path)
    command = [sys.executable, "-c", SERVER, str(REPOSITORY), str(tmp_path)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    settings = configuration.load("live", tmp_path / "lab")
    try:
        assert server.stdout is not None
        public, kernels_pid = json.loads(server.stdout.readline())
        os.kill(kernels_pid, signal.SIGKILL)
        time.sleep(12)  # longer than a service stays without an owner
        assert post_through(public) == 200, "kernels come and go, the server stays"
        server.kill()
        server.wait(5)
        begun = time.monotonic()
        wait_until(lambda: is_shut(public), 20, "the end of the public URL")
        nothing_is_left(tmp_path, 5)
        assert time.monotonic() - begun < 20
        assert launcher.find("tunnel", settings) is None
    finally:
        server.kill()
        server.communicate(timeout=5)
        launcher.stop(settings)


def test_when_the_tunnel_process_is_killed_its_guard_ends_the_agent_and_the_next_opens_anew(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        public = notebook.open()
        (guard,) = guards(tmp_path)
        assert len(token_files(tmp_path)) == 1
        os.kill(pid_of_the_tunnel(notebook.settings), signal.SIGKILL)
        wait_until(lambda: is_shut(public), 3, "the end of the public URL")
        nothing_is_left(tmp_path, 3)
        again = notebook.run("lab.tunnel.public_url").strip("'")
        assert post_through(again) == 200
        assert len(agents(tmp_path)) == 1
        assert guards(tmp_path) != [guard]


def test_one_that_is_killed_while_it_opens_leaves_nothing_and_says_so_at_once(tmp_path: Path) -> None:
    with kernel(tmp_path, "slow") as notebook:
        notebook.run("from nbhelpers import Lab\nlab = Lab()")
        cell = notebook.begin("lab.tunnel.open()")
        wait_until(lambda: agents(tmp_path) and guards(tmp_path), 20, "the agent")
        (pid,) = tunnels(tmp_path)
        os.kill(pid, signal.SIGKILL)
        nothing_is_left(tmp_path, 3)
        assert notebook.end(cell, 3).startswith("ServiceError: The tunnel did not start.")


def test_an_orphan_is_ended_by_the_next_start_and_no_other_agent_is(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        public = notebook.open()
        (orphan,) = agents(tmp_path)
        for pid in (*guards(tmp_path), pid_of_the_tunnel(notebook.settings)):
            os.kill(pid, signal.SIGKILL)
        with another_agent(tmp_path) as other:
            time.sleep(1)
            assert agents(tmp_path) == sorted([orphan, other]), "this is what a guard is for"
            assert notebook.run("lab.tunnel.public_url") == repr(public)
            assert post_through(public) == 200
            assert other in agents(tmp_path)
            assert orphan not in agents(tmp_path)
            assert len(agents(tmp_path)) == 2
            assert len(token_files(tmp_path)) == 1, "the orphan's file had the token in it"


def test_close_ends_an_orphan_too(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        public = notebook.open()
        for pid in (*guards(tmp_path), pid_of_the_tunnel(notebook.settings)):
            os.kill(pid, signal.SIGKILL)
        with another_agent(tmp_path) as other:
            assert "Nothing of this computer is public any more" in notebook.run("lab.tunnel.close()")
            assert agents(tmp_path) == [other]
            assert is_shut(public)


@contextmanager
def another_agent(folder: Path) -> Iterator[int]:
    """The same ngrok, started by somebody else with a config file of his own."""
    config = make_private_folder(folder / "somebody") / "ngrok.yml"
    config.write_text(f"agent:\n  authtoken: {TOKEN}\n")
    command = [str(folder / "ngrok-program" / "ngrok"), "start", "--none", "--log", "stdout", "--config", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "client session established" in [process.stdout.readline() for _ in range(3)][-1]
        yield process.pid
    finally:
        process.kill()
        process.communicate(timeout=5)


@pytest.mark.parametrize("mode", ["ok", "stubborn"])
def test_a_signal_ends_it_within_three_seconds_and_all_of_it(tmp_path: Path, mode: str) -> None:
    with kernel(tmp_path, mode) as notebook:
        public = notebook.open()
        pid, begun = pid_of_the_tunnel(notebook.settings), time.monotonic()
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: is_shut(public) and not (tunnels(tmp_path) or agents(tmp_path)), 3, "its end")
        nothing_is_left(tmp_path, max(0.1, begun + 3 - time.monotonic()))
        assert not (notebook.settings.folder / "tunnel.json").exists()


# The token


@pytest.fixture
def readable() -> Iterator[Callable[[], list[str]]]:
    """Looks at the arguments of all processes all the time; gives those with the token in them."""
    found: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.02):
            for process in psutil.process_iter(["cmdline"]):
                found.extend(word for word in process.info["cmdline"] or [] if TOKEN in word)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield lambda: found
    done.set()
    thread.join()


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("bad-token", "ServiceError: The token cannot be one: part of it is missing, or something else was copied. "),
        ("revoked", "ServiceError: The token is not good any more: usually it was reset or revoked. "),
        ("stderr-token", "Public: http://127.0.0.1:"),
    ],
)
def test_the_token_is_in_no_output_no_file_and_no_arguments(
    tmp_path: Path, mode: str, words: str, readable: Callable[[], list[str]]
) -> None:
    with kernel(tmp_path, mode) as notebook:  # which looks at outputs and files in the end
        notebook.run("from nbhelpers import Lab\nlab = Lab()")
        for cell in ("lab.tunnel", "print(lab.tunnel)", "lab.settings", "print(lab.settings)"):
            shown = notebook.run(cell)
            assert "tunnel" not in cell or words in shown
        # What an assistant or a bug report asks for next.
        notebook.run("import traceback\ntry:\n    lab.tunnel.open()\nexcept Exception:\n    traceback.print_exc()")
        notebook.run("%xmode Verbose\nlab.tunnel.open()")
        notebook.run("import sys\nprint(sys.last_value, repr(sys.last_value), sys.last_value.__context__)")
    assert readable() == []
    starts = fake_ngrok.calls(tmp_path / "ngrok-program", "start")
    assert starts, "the token was in use"
    assert {start["config_mode"] for start in starts} == {"600"}


def test_a_webhook_through_it_is_in_the_inbox_of_the_next_kernel(tmp_path: Path) -> None:
    with kernel(tmp_path) as notebook:
        public = notebook.open()
        os.kill(int(notebook.run("import os\nos.getpid()")), signal.SIGKILL)
        assert post_through(public) == 200
        inbox = Inbox(notebook.settings.folder / "lab.sqlite3")
        assert [event.psid for event in inbox.events("inbound")] == ["100"]
        inbox.close()
