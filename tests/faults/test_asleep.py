"""The computer sleeps: receiver, simulator, tunnel, its agent, kernels and their server stand still, and wake again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from tests.conftest import wait_until
from tests.support.faults import standing_still
from tests.support.kernels import Kernel
from tests.support.labs import message
from tests.support.tunnels import agents, configure

ASLEEP = 17  # seconds: longer than every time-out on the way of a message; a call that is not answered ends after 15
OPEN = "import os\nos.environ['JPY_PARENT_PID'] = '{owner}'\nfrom nbhelpers import Lab\nlab = Lab()\n"


@contextmanager
def server() -> Iterator[int]:
    """What stands for the Jupyter server above the kernels, so that it can sleep too; its pid."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@contextmanager
def kernel(folder: Path, mode: str, **environment: str) -> Iterator[Kernel]:
    made = Kernel(folder, mode, **environment)
    try:
        yield made
    finally:
        launcher.stop(made.settings)
        made.close()


def everything(folder: Path) -> list[int]:
    """The pids of all processes of the kit that work in this folder."""
    return [
        each.pid
        for each in psutil.process_iter(["cmdline"])
        if any(str(folder) in word for word in each.info["cmdline"] or [])
    ]


def services(kernel: Kernel, *names: str) -> list[Record | None]:
    return [launcher.find(name, kernel.settings) for name in names]


@pytest.mark.timeout(240)
def test_after_a_sleep_tokens_window_owners_retries_and_the_tunnel_go_on_as_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline, online = tmp_path / "offline", tmp_path / "online"
    for folder in (offline, online):
        folder.mkdir()
    configure(monkeypatch, online, NBHELPERS_STATE=str(online / "lab"), JUPYTER_RUNTIME_DIR=str(tmp_path / "runtime"))
    simulated = {
        "NBHELPERS_STATE": str(offline / "lab"),
        "NBHELPERS_SIMULATOR_PORT": "0",
        "NBHELPERS_MODE": "simulator",
    }
    with server() as owner, kernel(offline, "simulator", **simulated) as one, kernel(online, "live") as other:
        assert "filled in with sample values" in one.run(OPEN.format(owner=owner) + "lab.need('receive')")
        public = other.run(OPEN.format(owner=owner) + "lab.tunnel.public_url").strip("'")
        assert requests.post(f"{public}/webhooks/inbound", json=message(uuid="before"), timeout=5).status_code == 200
        before = services(one, "simulator", "receiver"), services(other, "tunnel", "receiver")
        assert all(before[0] + before[1])
        window = one.run("panel = lab.panels.psid()\npanel._window.expires")
        one.run("from nbhelpers.auth.tokens import inspect\ntoken = lab.token()")
        one.run("lab.simulator.fault('receiver-down', 1)\nsaid = lab.user.write('Are you awake?')")
        waiting = one.begin("lab.inbox.wait_for_message(said, timeout=90).text")

        with standing_still(owner, one.pid, other.pid, *everything(tmp_path), *agents(online)):
            time.sleep(ASLEEP)

        assert one.end(waiting, 30) == "'Are you awake?'"
        tries = one.run("[call['status'] for call in lab.simulator.calls(message_uuid=said.message_uuid)]")
        assert tries == "[0, 200]"
        assert 800 < float(one.run("inspect(str(token)).remaining")) < 900 - ASLEEP
        assert (
            one.run("lab.inbox.wait_for_receipt(lab.reply('I am'), timeout=15).states") == "['submitted', 'delivered']"
        )
        assert float(one.run("lab.panels.psid()._window.expires")) >= float(window)
        assert "✗" not in one.run("lab.doctor()")

        assert other.run("lab.tunnel.public_url").strip("'") == public
        assert requests.post(f"{public}/webhooks/inbound", json=message(uuid="after"), timeout=5).status_code == 200
        assert other.run("[each.message_uuid for each in lab.inbox.events()]") == "['before', 'after']"
        time.sleep(12)  # longer than a service stays when its owner has gone
        assert (services(one, "simulator", "receiver"), services(other, "tunnel", "receiver")) == before

        os.kill(owner, 9)
        wait_until(
            lambda: not any(services(one, "simulator", "receiver") + services(other, "tunnel", "receiver")),
            30,
            "the end of what nobody wants any more",
        )
    wait_until(lambda: not agents(online), 5, "the end of the agent")
