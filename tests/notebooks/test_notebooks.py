"""The notebooks run in real kernels, in order and each alone, and show what their texts say and nothing secret."""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.errors import InboxError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import REPOSITORY, Shell, wait_until
from tests.support import fake_ngrok
from tests.support.tunnels import TOKEN, account_of, agents, live_lab

FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
STEPS = [path for path in NOTEBOOKS if re.match(r"0[0-7]_", path.name)]
FORMS = [path for path in STEPS if path.name[:2] in ("01", "02", "04", "05")]
GOOD = ("Done.", "Filled in with sample values")

# Not the middle of base64, such as a public key's: that may hold these letters too.
JWT = re.compile(r"(?<![A-Za-z0-9+/=_-])eyJ[A-Za-z0-9_-]{6,}")
YOU_SEE = re.compile(r"You see: ((?:“[^”]*”|`[^`]*`|[^.“`])*)")


def by_name(path: Path) -> str:
    return path.stem


# Running


@dataclass
class Run:
    """A notebook that was executed."""

    notebook: NotebookNode
    seconds: float

    def said_by(self, tag: str) -> list[str]:
        """What the code cells with this tag show, as text."""
        return [said(cell) for cell in self.notebook.cells if cell.cell_type == "code" and tag in tags(cell)]

    def cell(self, ident: str) -> str:
        """What one code cell shows, by its id."""
        return next(said(cell) for cell in self.notebook.cells if cell.id == ident)


def environment(state: Path, **more: str) -> dict[str, str]:
    """What a kernel finds: nothing of this shell's settings, any free port, this test as its server."""
    private = ("NBHELPERS_", "VONAGE_", "NEXMO_", "MESSENGER_", "NGROK_", "MESSAGES_API", "PUBLIC_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    names = {"STATE": str(state), "SIMULATOR_PORT": "0", "RECEIVER_PORT": "0"}
    return (
        inherited | {f"NBHELPERS_{name}": value for name, value in names.items()} | {"JPY_PARENT_PID": str(os.getpid())}
    ) | more


def execute(notebook: NotebookNode, state: Path, **more: str) -> Run:
    """Run All, in a kernel of its own that ends with it."""
    begun = time.monotonic()
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=environment(state, **more))
    return Run(notebook, time.monotonic() - begun)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def stop(state: Path) -> None:
    launcher.stop(configuration.load(state=state, environ={}))


def settings_of(state: Path) -> Settings:
    return configuration.load(state=state, environ={})


@contextmanager
def inbox_of(state: Path) -> Iterator[Inbox]:
    inbox = Inbox(settings_of(state).folder / "lab.sqlite3")
    try:
        yield inbox
    finally:
        inbox.close()


# Reading


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def parts(cell: NotebookNode) -> list[str]:
    """Every text of a cell's outputs, in its order."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        rich = html.unescape(re.sub(r"<[^>]+>", " ", data.get("text/html", "")))
        found += [output.get("text", ""), data.get("text/plain", ""), rich, *output.get("traceback", [])]
    return [part for part in found if part]


def said(cell: NotebookNode) -> str:
    return plain("\n".join(parts(cell)))


def plain(text: str) -> str:
    return " ".join(text.split())


def strings(value: Any) -> Iterator[str]:
    """Every string in something made of dicts and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(name)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def broken_promises(run: Run) -> list[str]:
    """What a text promises with “You see: …”, in quotation marks or code, and the cell above it does not show."""
    broken, shown = [], ""
    for cell in run.notebook.cells:
        if cell.cell_type == "code":
            shown = said(cell)
        for sentence in YOU_SEE.findall(cell.source) if cell.cell_type == "markdown" else []:
            for quoted, code in re.findall(r"“([^”]*)”|`([^`]*)`", sentence):
                if plain(quoted or code) not in shown:
                    broken.append(f"{cell.id}: {quoted or code!r} is not in {shown!r}")
    return broken


def bad_checks(run: Run) -> list[str]:
    return [words for words in run.said_by("check") if not words.startswith(GOOD)]


def secrets_in(state: Path) -> list[str]:
    """What must never be in a notebook: the account's secrets, and the private keys line by line."""
    folder = settings_of(state).folder
    record = json.loads((folder / "simulator.json").read_text(encoding="utf-8"))
    found = [record["ready"]["api_secret"], record["ready"]["signature_secret"], record["control"]]
    for path in folder.glob("*.key"):
        found += [line for line in path.read_text().splitlines() if line and not line.startswith("-----")]
    assert all(len(secret) >= 8 for secret in found[:3])
    return [secret for secret in found if len(secret) >= 8]


def leaks(run: Run, secrets: list[str]) -> list[str]:
    """Every text in outputs and widget state that holds a token, a private key or one of the secrets."""
    shown = [cell.get("outputs", []) for cell in run.notebook.cells if cell.cell_type == "code"]
    texts = strings([shown, run.notebook.metadata.get("widgets", {})])
    return [
        text[:300]
        for text in texts
        if JWT.search(text) or "PRIVATE KEY-----" in text or any(secret in text for secret in secrets)
    ]


# As they are committed


@pytest.mark.fast
def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in STEPS] == [f"0{number}" for number in range(8)]
    assert (FOLDER / "quickstart.ipynb") in NOTEBOOKS


def test_outputs_and_widget_state_are_stripped() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *map(str, NOTEBOOKS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_guides_event_in_the_text_is_the_one_in_the_file() -> None:
    example = (FOLDER / "fixtures" / "guide_inbound.json").read_text(encoding="utf-8")
    assert any(example.strip() in cell.source for cell in read(FOLDER / "06_receive.ipynb").cells)


def test_a_promise_that_is_not_kept_is_found() -> None:
    cells = [
        nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="Done, at 1.5 s")]),
        nbformat.v4.new_markdown_cell("You see: “Done, at 1.5 s”, then `missing`. And “this is no promise”."),
    ]
    broken = broken_promises(Run(nbformat.v4.new_notebook(cells=cells), 0))
    assert len(broken) == 1
    assert "'missing'" in broken[0]


def test_a_secret_that_is_shown_is_found(key: PrivateKey) -> None:
    def leaking(text: str) -> list[str]:
        output = nbformat.v4.new_output("execute_result", data={"text/plain": text}, execution_count=1)
        cells = [nbformat.v4.new_code_cell("1", outputs=[output])]
        return leaks(Run(nbformat.v4.new_notebook(cells=cells), 0), ["the-secret"])

    token = str(Minter("aaaaaaaa-bbbb-cccc-dddd-0123456789ab", key)())
    assert all(leaking(text) for text in (f"Bearer {token}", f"'{token[:30]}…'", "('the-secret', 1)"))
    assert not leaking(key.public_pem)


# In order, on one state directory


@dataclass
class Walk:
    """The notebooks of the seven steps, executed one after the other on one state directory."""

    state: Path
    runs: dict[str, Run]
    receivers: dict[str, int]  # the receiver's process after each notebook


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    state = tmp_path_factory.mktemp("walk") / "lab"
    walked = Walk(state, {}, {})
    try:
        for path in STEPS:
            walked.runs[path.name[:2]] = execute(read(path), state)
            receiver = launcher.find("receiver", settings_of(state))
            walked.receivers[path.name[:2]] = receiver.pid if receiver else 0
        yield walked
    finally:
        stop(state)


@pytest.mark.timeout(300)
def test_in_order_every_step_is_done(walk: Walk, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        each = ", ".join(f"{name} {run.seconds:.1f} s" for name, run in walk.runs.items())
        print(f"\nin order: {sum(run.seconds for run in walk.runs.values()):.1f} s ({each})")
    for number in range(1, 8):
        run = walk.runs[f"0{number}"]
        assert run.said_by("check"), f"0{number} has no check"
        assert bad_checks(run) == []
        assert run.said_by("check")[0].startswith("Done."), f"0{number} is filled in, though every step was walked"


@pytest.mark.timeout(300)
def test_in_order_the_cells_show_what_the_texts_say(walk: Walk) -> None:
    assert [broken for run in walk.runs.values() for broken in broken_promises(run)] == []


@pytest.mark.timeout(300)
def test_no_output_and_no_widget_holds_a_secret(walk: Walk) -> None:
    secrets = secrets_in(walk.state)
    assert len(secrets) > 20, "the private key was not found"
    assert walk.runs["07"].notebook.metadata.get("widgets"), "no widget state was looked at"
    assert [(name, leak) for name, run in walk.runs.items() for leak in leaks(run, secrets)] == []


@pytest.mark.timeout(300)
def test_kernels_end_and_the_receiver_stays_open(walk: Walk) -> None:
    assert walk.receivers["05"]
    assert walk.receivers["05"] == walk.receivers["06"] == walk.receivers["07"]
    with inbox_of(walk.state) as inbox:
        assert [event.text for event in inbox.events("inbound")] == ["Hello from Facebook Messenger!"]


@pytest.mark.timeout(300)
def test_the_walk_to_the_live_service_runs_after_the_others_and_shows_nothing_secret(walk: Walk) -> None:
    run = execute(read(FOLDER / "09_go_live.ipynb"), walk.state)
    assert bad_checks(run) == []
    assert broken_promises(run) == []
    assert leaks(run, secrets_in(walk.state)) == []
    assert "Ready for step 6." in run.cell("open-the-lab")
    with inbox_of(walk.state) as inbox:
        assert [event.text for event in inbox.events("inbound")][-1] == "Hello from my phone!"


@pytest.mark.timeout(300)
def test_after_a_restart_three_cells_bring_everything_back(walk: Walk) -> None:
    notebook = read(FOLDER / "06_receive.ipynb")
    again = ("need", "pick-it-up", "take-the-psid-out", "check")
    notebook.cells = [cell for cell in notebook.cells if cell.id in again]
    run = execute(notebook, walk.state)
    assert run.cell("take-the-psid-out") == walk.runs["06"].cell("take-the-psid-out")
    assert run.cell("check").startswith("Done.")


# Each alone


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_alone_from_a_clean_state_every_cell_runs(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        run = execute(read(path), tmp_path / "lab")
    finally:
        stop(tmp_path / "lab")
    with capsys.disabled():
        print(f"\n{path.stem} alone: {run.seconds:.1f} s")
    assert bad_checks(run) == []
    assert broken_promises(run) == []


def test_a_message_that_came_while_no_kernel_ran_is_there(tmp_path: Path) -> None:
    state = tmp_path / "lab"
    try:
        execute(read(FOLDER / "05_webhooks.ipynb"), state)
        simulator = launcher.find("simulator", settings_of(state))
        assert simulator is not None
        control = ControlClient(simulator.url, simulator.control)
        psid = control.write(text="Is anybody there?", person="Grace")["psid"]
        control.close()
        run = execute(read(FOLDER / "06_receive.ipynb"), state)
        with inbox_of(state) as inbox:
            texts = [event.text for event in inbox.events("inbound")]
    finally:
        stop(state)
    assert texts == ["Is anybody there?", "Hello from Facebook Messenger!"]
    assert "Nobody has written yet" not in run.cell("psid-panel")
    assert psid in run.cell("psid-panel")
    assert bad_checks(run) == []


# The service is not simulated


def stopped(path: Path, state: Path, **more: str) -> tuple[int, NotebookNode]:
    """Run All where it must stop: the number of the cell, from 1, and its output."""
    notebook = read(path)
    with pytest.raises(CellExecutionError):
        execute(notebook, state, NBHELPERS_MODE="live", **more)
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return number, output
    pytest.fail("no cell says why it stopped")


def assert_one_line(output: NotebookNode) -> str:
    lines = "\n".join(output.traceback).strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("path", FORMS, ids=by_name)
def test_live_a_form_stops_at_its_third_cell_in_one_sentence(path: Path, tmp_path: Path) -> None:
    number, output = stopped(path, tmp_path / "lab")
    assert number == 3
    assert "In live mode this step is a form that only you can fill in." in assert_one_line(output)


@pytest.mark.parametrize("path", [path for path in STEPS[1:] if path not in FORMS], ids=by_name)
def test_live_without_credentials_one_line_says_what_is_missing(path: Path, tmp_path: Path) -> None:
    try:
        number, output = stopped(path, tmp_path / "lab")
    finally:
        stop(tmp_path / "lab")
    line = assert_one_line(output)
    assert number == 3
    assert "form" not in line
    assert "VONAGE_APPLICATION_ID" in line


# The walk to the live service


def stand_ins(service: MessengerSimulator, folder: Path, mode: str, mute: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment in which a kernel takes this simulator for the service and the stand-in for ngrok."""
    named = {name: str(value) for name, value in account_of(service).items() if name not in mute}
    program = fake_ngrok.install(folder / "ngrok-program")
    return named | {"NBHELPERS_MODE": mode, "NGROK_AUTHTOKEN": TOKEN, "PYNGROK_NGROK_PATH": str(program)}


def test_live_the_walk_runs_to_its_end_with_nobody_at_the_keyboard_and_leaves_nothing_public(
    tmp_path: Path, key: PrivateKey
) -> None:
    state = tmp_path / "lab"
    with running_simulator(tmp_path / "service", key) as service:
        try:
            run = execute(read(FOLDER / "09_go_live.ipynb"), state, **stand_ins(service, tmp_path, "live"))
            wait_until(lambda: not agents(tmp_path), 5, "the end of ngrok")
        finally:
            stop(state)
        secrets = [service.api_secret, service.signature_secret, TOKEN]
    assert run.cell("open-the-lab").startswith("Ready. LIVE: messages go to http://127.0.0.1:")
    assert service.application_id in run.cell("what-is-set")
    assert "Public: http://127.0.0.1:" in run.cell("open-the-tunnel")
    assert run.cell("knock").startswith("(405,")
    assert "Set the webhooks for me" in json.dumps(run.notebook.metadata["widgets"])
    assert "your private key fits the public key stored" in run.cell("do-they-fit-check")
    assert run.cell("check").startswith("Done. Application …")
    assert "On your phone" in run.cell("write")
    assert "Not yet. No message so far." in run.cell("write")
    for cell in ("doctor", "hop-map"):
        assert "It stops: both webhook URLs." in run.cell(cell), "nobody has set them"
    assert run.cell("close-the-tunnel").count("Closed. Nothing of this computer is public any more.") >= 1
    assert leaks(run, secrets) == []


def test_in_the_hosted_sandbox_the_walk_needs_key_and_secret_alone(tmp_path: Path, key: PrivateKey) -> None:
    state, mute = tmp_path / "lab", ("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY", "MESSENGER_SENDER_ID")
    with running_simulator(tmp_path / "service", key) as service:
        try:
            run = execute(read(FOLDER / "09_go_live.ipynb"), state, **stand_ins(service, tmp_path, "sandbox", mute))
        finally:
            stop(state)
    assert "Nothing was sent to anybody." in run.cell("do-they-fit-check")
    assert "your phone is on the sandbox's allow-list" in run.cell("hop-map")
    assert "The hosted sandbox has two webhook fields of its own." in run.cell("close-the-tunnel")


def test_live_with_nothing_set_the_walk_stops_at_the_tunnel_and_says_what_to_do(tmp_path: Path) -> None:
    try:
        number, output = stopped(FOLDER / "09_go_live.ipynb", tmp_path / "lab")
    finally:
        stop(tmp_path / "lab")
    assert read(FOLDER / "09_go_live.ipynb").cells[number - 1].id == "open-the-tunnel"
    assert "NGROK_AUTHTOKEN" in assert_one_line(output)


def test_live_the_wait_for_a_message_ends_and_says_how_to_go_on(tmp_path: Path, key: PrivateKey) -> None:
    save_key(key, tmp_path / "private.key")
    with live_lab(tmp_path, VONAGE_PRIVATE_KEY=str(tmp_path / "private.key")) as lab:
        assert "Ready for step 6." in repr(lab.need("webhooks"))
        assert "On your phone" in repr(lab.user.write("Hello from Facebook Messenger!"))
        with pytest.raises(InboxError, match=r"No message came\. Waited 0\.2 s\. Write one to the Page") as raised:
            lab.inbox.wait_for_message(timeout=0.2)
        assert "`lab.doctor()` finds where it stopped" in raised.value.next


# With your own server


class Receiver(BaseHTTPRequestHandler):
    calls: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - one list for all requests, emptied by its test

    def do_POST(self) -> None:
        self.calls.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


def test_the_quickstarts_commands_call_a_server_of_your_own(shell: Shell) -> None:
    text = read(FOLDER / "quickstart.ipynb").cells[-1].source
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    try:
        here = [block.replace("127.0.0.1:5000", f"127.0.0.1:{receiver.server_port}") for block in blocks]
        (_, *simulate), (_, *trigger) = (shlex.split(block.replace("\\\n", " ")) for block in here)
        process, ready = shell.start(*simulate)
        assert {"base_url", "application_id", "private_key", "page_id", "psid"} <= set(ready)
        shell(*trigger)
        wait_until(lambda: len(Receiver.calls) == 2, what="two messages")
        process.terminate()
    finally:
        receiver.shutdown()
        receiver.server_close()
    path, body = Receiver.calls[-1]
    assert path == "/inbound"
    assert body["channel"] == "messenger"
    assert body["from"] == ready["psid"]
