"""Secrets: every notebook runs with recognisable ones in all settings, and they are nowhere that others can read."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.config import settings as configuration
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import REPOSITORY, wait_until
from tests.support import fake_ngrok
from tests.support.notebooks import NOTEBOOKS, by_name, environment, read, stop, strings
from tests.support.tunnels import TOKEN, account_of, agents

WHOLE_TOKEN = re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}")
# In simulator mode these are never read; whoever goes live has them in the same shell.
ELSEWHERE = {
    "VONAGE_API_KEY": "a1b2c3d4",
    "VONAGE_API_SECRET": "SecretOfTheAccount0001",
    "VONAGE_APPLICATION_ID": "11111111-2222-4333-8444-555555554f2a",
    "VONAGE_SIGNATURE_SECRET": "SecretOfTheSignature0002",
    "NGROK_AUTHTOKEN": TOKEN,
    "PUBLIC_URL": "https://ada.example",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, key: PrivateKey) -> Iterator[MessengerSimulator]:
    with running_simulator(tmp_path_factory.mktemp("service"), key) as made:
        yield made


def secrets_of(environ: dict[str, str], key: PrivateKey) -> list[str]:
    """Everything that must be seen nowhere, the private key line by line."""
    names = ("VONAGE_API_SECRET", "VONAGE_SIGNATURE_SECRET", "NGROK_AUTHTOKEN")
    lines = [line for line in key.pem().splitlines() if len(line) > 40 and not line.startswith("-----")]
    found = [environ[name] for name in names] + lines
    assert len(found) > 20 and all(len(secret) > 10 for secret in found)
    return found


@contextmanager
def watched() -> Iterator[set[str]]:
    """The arguments of every process of this computer, as everybody can read them, as long as the block lasts."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for process in psutil.process_iter(["cmdline"]):
                seen.add(" ".join(process.info["cmdline"] or []))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield seen
    finally:
        over.set()
        looker.join()


@contextmanager
def phone(service: MessengerSimulator, state: Path) -> Iterator[None]:
    """A person who writes while the tunnel is open, every two seconds, and reads what comes.

    Once would not do: a cell that waits takes no message from before it.
    """
    over = threading.Event()
    settings = configuration.load("live", state, environ={})

    def live() -> None:
        written = 0.0
        while not over.wait(0.1):
            tunnel = launcher.find("tunnel", settings)
            if tunnel is not None and time.monotonic() - written > 2:
                service.send_webhooks_to(tunnel.ready["inbound_url"], tunnel.ready["status_url"])
                service.write(text="Hello from my phone")
                written = time.monotonic()
            with suppress(ServiceError):  # nothing to read yet
                service.read(page=service.page_id)

    person = threading.Thread(target=live)
    person.start()
    try:
        yield
    finally:
        over.set()
        person.join()


def run(path: Path, state: Path, **environ: str) -> NotebookNode:
    """Run All, whatever its cells raise, with the widget state as a front end would save it."""
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=60,
        allow_errors=True,
        store_widget_state=True,
        resources={"metadata": {"path": str(REPOSITORY / "notebooks")}},
    )
    client.execute(env=environment(state, **environ))
    return notebook


def readable_by_others(root: Path) -> Iterator[Path]:
    """The files below that another user of this computer could open: every folder on the way lets them through."""
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if (Path(folder) / name).stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)]
        for name in files:
            path = Path(folder) / name
            if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
                yield path


def found_in(secrets: list[str], text: str) -> list[str]:
    return [secret for secret in secrets if secret in text] + WHOLE_TOKEN.findall(text)


def assert_nowhere(secrets: list[str], notebook: NotebookNode, state: Path, arguments: set[str]) -> None:
    for text in strings(json.loads(json.dumps(notebook))):
        assert not found_in(secrets, text), text[:500]
    for line in arguments:
        assert not found_in(secrets, line), line[:500]
    for path in readable_by_others(state):
        assert not found_in(secrets, path.read_bytes().decode("latin-1")), path
    logs = list(state.rglob("logs/*.log"))
    assert logs or not list(state.rglob("*.log"))
    for path in logs:  # only you can read them; still nothing belongs there
        own = {"simulator.log"} if path.parent.parent.name == "simulator" else set()
        if path.name not in own:
            assert not found_in(secrets, path.read_text()), path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_in_simulator_mode_what_a_shell_holds_of_live_credentials_is_nowhere(
    path: Path, tmp_path: Path, key: PrivateKey
) -> None:
    environ = ELSEWHERE | {"VONAGE_PRIVATE_KEY": key.pem()}
    try:
        with watched() as arguments:
            notebook = run(path, tmp_path / "lab", **environ)
    finally:
        stop(tmp_path / "lab")
    assert_nowhere(secrets_of(environ, key), notebook, tmp_path / "lab", arguments)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_in_live_mode_no_output_widget_log_argument_error_or_open_file_has_one(
    path: Path, tmp_path: Path, key: PrivateKey, service: MessengerSimulator
) -> None:
    state = tmp_path / "lab"
    program = fake_ngrok.install(tmp_path / "ngrok-program", "stderr-token")
    given = {name: value for name, value in account_of(service).items() if value}
    more = {"NBHELPERS_MODE": "live", "NGROK_AUTHTOKEN": TOKEN, "PYNGROK_NGROK_PATH": str(program)}
    environ = given | more
    if not path.name.startswith("03"):  # which reads the key's file by hand
        environ["VONAGE_PRIVATE_KEY"] = key.pem()
    try:
        with watched() as arguments, phone(service, state):
            notebook = run(path, state, **environ)
    finally:
        stop(state)
    wait_until(lambda: not agents(tmp_path), 5)
    assert_nowhere(secrets_of(environ, key), notebook, state, arguments)
    if path.name[:2] in ("03", "06", "07", "09"):  # the same cells go live by one setting: they ran to their end
        assert not [cell.id for cell in notebook.cells for output in cell.get("outputs", []) if "ename" in output]


@pytest.mark.parametrize("mode", ["bad-token", "revoked", "no-token"])
def test_a_refused_token_is_nowhere_either(
    mode: str, tmp_path: Path, key: PrivateKey, service: MessengerSimulator
) -> None:
    state = tmp_path / "lab"
    program = fake_ngrok.install(tmp_path / "ngrok-program", mode)
    given = {name: value for name, value in account_of(service).items() if value}
    more = {"NBHELPERS_MODE": "live", "NGROK_AUTHTOKEN": TOKEN, "PYNGROK_NGROK_PATH": str(program)}
    path = next(path for path in NOTEBOOKS if path.name.startswith("09"))
    try:
        with watched() as arguments:
            notebook = run(path, state, **given, **more)
    finally:
        stop(state)
    assert_nowhere(secrets_of(given | more, key), notebook, state, arguments)
    assert "ERR_NGROK_" in json.dumps(notebook)
