"""tunnel/target: only the receiver's port is ever made public, and PUBLIC_URL must lead to it."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.tunnel.target import own_address, receiver_of, refuse_target
from tests.support.simulation import target


@pytest.fixture
def live(tmp_path: Path):
    made = configuration.load("live", tmp_path / "lab", environ={}, folder=tmp_path)
    made = dataclasses.replace(made, receiver_port=0)
    yield made
    launcher.stop(made)


@pytest.mark.fast
@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "file://", "https://127.0.0.1:8710", "http://10.0.0.1:80", "http://example.com:80"),
        *(
            "http://127.0.0.1",
            "127.0.0.1:8710",
            "",
            "http://127.0.0.1:99999",
            "tcp://127.0.0.1:22",
            "http://[::1]:8710",
        ),
    ],
)
def test_nothing_but_a_port_of_this_computer_over_http_is_made_public(url: str):
    with pytest.raises(ServiceError, match=r"This cannot be made public\."):
        refuse_target(url)


@pytest.mark.fast
@pytest.mark.parametrize("port", [8888, 8890, 8899])
def test_the_ports_where_jupyter_listens_are_refused(tmp_path: Path, port: int):
    with pytest.raises(ServiceError, match=rf"never made public\. {port} is Jupyter's.*NBHELPERS_RECEIVER_PORT"):
        refuse_target(f"http://127.0.0.1:{port}", tmp_path)


@pytest.mark.fast
@pytest.mark.parametrize("name", ["jpserver-12.json", "nbserver-9.json"])
def test_the_port_that_a_running_jupyter_wrote_down_is_refused_wherever_it_is(tmp_path: Path, name: str):
    facts = {"port": 4711, "url": "http://localhost:4711/", "pid": os.getpid()}
    (tmp_path / name).write_text(json.dumps(facts))
    (tmp_path / "jpserver-1.json").write_text("{")
    with pytest.raises(ServiceError, match="4711 is Jupyter's"):
        refuse_target("http://127.0.0.1:4711", tmp_path)
    refuse_target("http://127.0.0.1:4700", tmp_path)


@pytest.mark.fast
def test_what_a_dead_jupyter_or_a_kernel_left_behind_refuses_nothing(tmp_path: Path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "jpserver-1.json").write_text(json.dumps({"port": 4711, "pid": gone.pid}))
    (tmp_path / "kernel-1.json").write_text(json.dumps({"shell_port": 4711, "iopub_port": 4712, "key": "x"}))
    refuse_target("http://127.0.0.1:4711", tmp_path)


def test_after_a_refusal_the_next_receiver_may_have_another_port(live: Settings):
    own = next(port for port in range(8899, 8887, -1) if is_free(port))
    launcher.start("receiver", dataclasses.replace(live, receiver_port=own))
    with pytest.raises(ServiceError, match=f"{own} is Jupyter's"):
        receiver_of(live)
    launcher.stop(live)
    launcher.start("receiver", live)
    assert receiver_of(live).url != f"http://127.0.0.1:{own}"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.fast
def test_without_a_receiver_there_is_nothing_to_lead_to(live: Settings):
    with pytest.raises(ServiceError, match=r"There is no receiver.*No receiver of live mode runs.*lab\.receiver"):
        receiver_of(live)


def test_a_public_url_is_ready_when_the_nonce_came_back_and_not_before(live: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nbhelpers.tunnel.target._BACK", 1.0)
    live = dataclasses.replace(live, host="http://127.0.0.1:9")  # simulated here: so may be the tunnel
    receiver = launcher.start("receiver", live)
    facts = own_address(dataclasses.replace(live, public_url=receiver.url + "/"))
    assert facts["public_url"] == facts["target"] == receiver.url
    assert facts["inbound_url"] == receiver.url + "/webhooks/inbound"
    with target(200) as stranger:
        stranger_url = stranger.url.rpartition("/")[0]
        with pytest.raises(
            ServiceError, match=rf"does not lead to your receiver at {receiver.url}\. Somebody else answered"
        ):
            own_address(dataclasses.replace(live, public_url=stranger_url))
