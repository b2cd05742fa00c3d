"""The notebooks run in real kernels, in order and each alone, and show what their texts say and nothing secret."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import nbformat
import pytest
import requests
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from nbhelpers.auth.private_key import PrivateKey, save_key
from nbhelpers.auth.tokens import Minter
from nbhelpers.course.exercises import tasks
from nbhelpers.errors import InboxError
from nbhelpers.services import launcher
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import Shell, wait_until
from tests.support import fake_ngrok
from tests.support.notebooks import (
    FOLDER,
    NOTEBOOKS,
    STEPS,
    Run,
    bad_checks,
    broken_promises,
    by_name,
    execute,
    inbox_of,
    leaks,
    read,
    secrets_in,
    settings_of,
    stop,
    tags,
)
from tests.support.tunnels import TOKEN, account_of, agents, live_lab

FORMS = [path for path in STEPS if path.name[:2] in ("01", "02", "04", "05")]
AFTER_IT = ("06_receive", "08_experiments")  # where somebody goes who begins with the quickstart


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
def test_in_order_an_exercise_that_nobody_touched_says_not_yet(walk: Walk) -> None:
    said = [words for run in walk.runs.values() for number in tasks() for words in run.said_by(f"exercise-{number}")]
    assert len(said) == len(tasks())
    assert [words for words in said if not words.startswith("Not yet. ")] == []


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
        texts = [event.text for event in inbox.events("inbound")]
    assert texts == ["Hello from Facebook Messenger!", "Is the cake ready?", None], "the last is a picture"


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


# Solved


@pytest.mark.timeout(300)
def test_with_every_exercise_solved_all_are_done_and_so_is_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, said, seconds, secrets = tmp_path / "lab", {}, 0.0, []
    try:
        for path in STEPS:
            notebook = read(path)
            for cell in notebook.cells:
                number = next((tag[9:] for tag in tags(cell) if tag.startswith("exercise-")), None)
                cell.source = tasks()[number].solution if number else cell.source
            run = execute(notebook, state)
            seconds += run.seconds
            said |= {number: words for number in tasks() for words in run.said_by(f"exercise-{number}")}
            assert bad_checks(run) == []
            secrets += leaks(run, secrets_in(state)) if path.name > "02" else []
        last = execute(read(FOLDER / "00_start_here.ipynb"), state).cell("where-am-i")
    finally:
        stop(state)
    with capsys.disabled():
        print(f"\nsolved: {seconds:.1f} s")
    # A solution may print something first.
    assert [words for words in said.values() if not re.search(r"(^| )Done\. ", words)] == []
    assert secrets == []
    assert list(said) == list(tasks())
    assert f"exercises: {len(tasks())} of {len(tasks())}" in last
    assert len(re.findall(r"[1-7] \w+ done 0[1-7]_", last)) == 7


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


def test_after_the_quickstart_in_todays_shape_06_and_08_read_the_guides(tmp_path: Path) -> None:
    try:
        runs = [execute(read(FOLDER / f"{name}.ipynb"), tmp_path / "lab") for name in ("quickstart", *AFTER_IT)]
    finally:
        stop(tmp_path / "lab")
    broken = [broken for run in runs for broken in broken_promises(run)]
    assert [each for each in broken if "Nobody has written yet" not in each] == [], "06 says what else there may be"
    assert [bad for run in runs for bad in bad_checks(run)] == []
    assert "'message': {'content': {'type': 'text'" in runs[1].cell("pick-it-up"), "as in the guide's example"
    assert "'message_type': 'text'" in runs[1].cell("todays-shape")


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
    assert texts[:2] == ["Is anybody there?", "Hello from Facebook Messenger!"]
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
        here = [block.replace("127.0.0.1:5050", f"127.0.0.1:{receiver.server_port}") for block in blocks]
        commands = "".join(here).replace("\\\n", " ").splitlines()
        (_, *simulate), (_, *trigger), (_, *calls) = map(shlex.split, commands)
        process, ready = shell.start(*simulate)
        assert {"base_url", "application_id", "private_key", "signature_secret", "page_id", "psid"} <= set(ready)
        shell(*trigger)
        wait_until(lambda: len(Receiver.calls) == 2, what="two messages")
        wait_until(lambda: shell(*calls).stdout.count("--> POST /inbound 200") == 2, what="both calls in the list")
        assert "Is the rye bread ready?" in shell(*calls[:1], "2", *calls[1:]).stdout
        process.terminate()
    finally:
        receiver.shutdown()
        receiver.server_close()
    path, body = Receiver.calls[-1]
    assert path == "/inbound"
    assert body["channel"] == "messenger"
    assert body["from"] == ready["psid"]


def test_the_lines_of_your_own_service_answer_once_what_was_signed_though_sending_failed_first(
    shell: Shell, tmp_path: Path
) -> None:
    text = read(FOLDER / "07_reply.ipynb").cells[-1].source
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert 28 <= len([line for line in code.splitlines() if line.strip()]) <= 36, "some thirty lines"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = f"http://127.0.0.1:{port}"
    arguments = ("simulator", "--state", "mine", "--demo", "--inbound", f"{here}/inbound", "--status", f"{here}/status")
    process, ready = shell.start(*arguments)
    own = tmp_path / "own"
    own.mkdir()
    (own / "service.py").write_text(code)
    (own / "private.key").write_text(Path(ready["private_key"]).read_text())
    facts = {
        "MESSAGES_API_URL": f"{ready['base_url']}/v1/messages",
        "VONAGE_SIGNATURE_SECRET": ready["signature_secret"],
        "VONAGE_APPLICATION_ID": ready["application_id"],
    }
    log = own / "log"
    command = [sys.executable, "-m", "flask", "--app", "service", "run", "--port", str(port)]
    record = json.loads((shell.folder / "mine" / "simulator" / "simulator.json").read_text())
    control = ControlClient(ready["base_url"], record["control"])
    control.pace(60)

    def answered(count: int, lesson: str | None = None, **what: str) -> list[int]:
        """What the calls of one message were answered, as soon as there are so many and its answer is delivered."""
        before = log.read_text().count("delivered")
        if lesson:
            control.fault(lesson, 1)
        uuid = control.write(**what)["message_uuid"]
        wait_until(lambda: len(control.calls(message_uuid=uuid)) == count, 10, f"{count} calls")
        wait_until(lambda: log.read_text().count("delivered") == before + 1, 10, "the answer")
        return [call["status"] for call in control.calls(message_uuid=uuid)]

    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=own, env=os.environ | facts, stdout=out, stderr=out)
        try:
            wait_until(lambda: "Running on" in log.read_text(), 20, "the service")
            wait_until(lambda: log.read_text().count("delivered") == 1, 20, "the answer to the first message")
            assert answered(1, kind="image") == [200]
            assert len(answered(2, "duplicate-delivery", text="Are you open?")) == 2
            assert answered(2, "bad-signature", text="Signed by somebody else at first") == [401, 200]
            assert answered(2, "rate-limit", text="Not to be answered at first") == [500, 200]
            newest = next(call["id"] for call in reversed(control.calls()) if call["kind"] == "inbound")
            signed = {name.lower(): value for name, value in control.call(newest)["headers"]}["authorization"]
            for headers in ({}, {"Authorization": "Bearer e.y.J"}, {"Authorization": signed}):
                for path in ("inbound", "status"):
                    forged = requests.post(f"{here}/{path}", json={}, headers=headers, timeout=5)
                    assert forged.status_code == 401, (path, headers)
        finally:
            server.terminate()
            server.wait(10)
    answers = [line["text"] for line in control.phone() if line["from_page"]]
    control.close()
    process.terminate()
    assert answers == ["Thank you! We open at seven."] * 5, "one for each message, however often it came"
