"""What the tests share: a state directory of their own, the command as a process, services that end with the test."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nbhelpers.auth.private_key import PrivateKey, generate_key
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.services import launcher
from tests.support.programs import last_lines

if TYPE_CHECKING:
    from nbhelpers import Lab
    from tests.support.labs import Shared

REPOSITORY = Path(__file__).resolve().parent.parent

# A shell has what it starts in the background ignore Ctrl+C, and so would every program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave thorough tests out of the fast ones: a mark on a file's every test cannot be taken from one of them."""
    if config.option.markexpr == "fast":
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say after everything else what was skipped for want of a program: nobody reads thousands of lines for it."""
    lines = last_lines(config)
    if lines:
        print("\n" + "\n".join(lines))


@pytest.fixture(scope="session")
def key() -> PrivateKey:
    """An RSA key; making one takes a tenth of a second, so it is made once."""
    return generate_key()


@pytest.fixture(scope="session")
def other_key() -> PrivateKey:
    return generate_key()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may see the credentials, proxies or ports of the shell that started it."""
    for name in list(os.environ):
        if name.startswith(
            ("NBHELPERS_", "VONAGE_", "NEXMO_", "MESSENGER_", "NGROK_", "MESSAGES_API", "JPY_", "JUPYTERHUB_")
        ):
            monkeypatch.delenv(name)
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "public_url", "sender_id", "recipient_id"):
            monkeypatch.delenv(name)
    configuration.spare_loopback()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Settings of simulator mode with a state directory of the test's own; its services are stopped afterwards."""
    made = configuration.load(state=tmp_path / "lab", environ={}, folder=tmp_path)
    made = dataclasses.replace(made, receiver_port=0, simulator_port=0)
    yield made
    launcher.stop(made)


class Shell:
    """Runs `nbhelpers` as a person does: in a directory of its own, with an environment that says nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Any free port: tests run beside each other, and beside a learner's lab.
        self.environment = os.environ | {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"}
        self._started: list[subprocess.Popen[str]] = []

    def __call__(
        self, *arguments: str, ok: bool = True, timeout: float = 30, piped: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with `piped` as its input; with `ok` it must succeed."""
        done = subprocess.run(
            [sys.executable, "-m", "nbhelpers", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=piped,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not ok or done.returncode == 0, f"nbhelpers {arguments}: {done.stdout}{done.stderr}"
        return done

    def start(self, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """Start a service in the foreground of its own process, and return it with its ready line."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nbhelpers", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"nbhelpers {arguments} ended: {process.stderr.read() if process.stderr else ''}"
        return process, json.loads(line)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=10)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made("stop")
    made.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Lab]:
    """A lab in which no step is done, with services of its own."""
    from tests.support.labs import opened

    with opened(tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Lab]:
    """A lab in live mode, with nothing configured."""
    from nbhelpers import Lab

    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """One lab for many tests: what `ready` hands out."""
    from tests.support.labs import Shared, opened

    with opened(tmp_path_factory.mktemp("shared") / "lab") as lab:
        yield Shared(lab)


@pytest.fixture
def ready(shared_lab: Shared) -> Lab:
    """A lab in which steps 1 to 5 are filled in and nobody has written yet. It is shared: start or stop nothing."""
    return shared_lab.as_it_was()


def wait_until(look: Callable[[], Any], timeout: float = 10, what: str = "it") -> Any:
    """Return what `look()` returns as soon as that is true; fail when it is not in time."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    pytest.fail(f"waited {timeout} s in vain for {what}")


@pytest.fixture
def presented(ready: Lab) -> Iterator[Lab]:
    """The shared lab while `lab.present()` is on."""
    ready.present()
    yield ready
    ready.present(False)


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running simulator for one file of tests (see `simulation.Detached`)."""
    from tests.support.simulation import simulator  # it imports this file

    with simulator(tmp_path_factory.mktemp(request.module.__name__)) as made:
        yield made


@pytest.fixture(scope="module")
def hook() -> Iterator[Any]:
    """A webhook target that answers 200, for one file of tests (see `simulation.Target`)."""
    from tests.support.simulation import target

    with target() as made:
        yield made


@pytest.fixture
def vonage(key: PrivateKey) -> Iterator[Any]:
    """An account at the service, for one test (see `account_api.Account`)."""
    from tests.support.account_api import playing

    with playing(public_key=key.public_pem) as made:
        yield made
