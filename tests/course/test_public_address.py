"""publicity: the tunnel as a notebook shows it: opened once, counted, moved, closed, and its errors in one sentence."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import html
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.config.settings import Settings
from nbhelpers.course.public_address import Tunnel
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from tests.conftest import wait_until
from tests.support import fake_ngrok
from tests.support.labs import message, taken
from tests.support.tunnels import TOKEN, agents, configure, live_lab


def receiver_url(lab: Lab) -> str:
    return lab.receiver.inbound_url.removesuffix("/webhooks/inbound")


def test_showing_it_opens_it_once_and_says_what_is_public_and_since_when(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        shown = repr(lab.tunnel)
        public = lab.tunnel.public_url
        first, second, *rest = shown.splitlines()
        assert (
            first
            == f"Public: {public} leads to your receiver at {receiver_url(lab)}, and to nothing else of this computer."
        )
        assert second.startswith("Open since ") and "0 calls so far" in second
        assert rest[1:] == [f"Inbound URL: {public}/webhooks/inbound", f"Status URL:  {public}/webhooks/status"]
        assert len(agents(tmp_path)) == 1
        requests.post(f"{public}/webhooks/inbound", json=message(), timeout=5)
        assert "1 call so far" in repr(Lab(state=tmp_path / "lab").tunnel)
        rich = lab.tunnel._repr_mimebundle_()["text/html"]
        assert rich.startswith('<p role="status"') and f">{html.escape(first)}</p><pre" in rich
        assert len(agents(tmp_path)) == 1
        event = lab.inbox.newest_message()
        assert event is not None and event.psid == "100"


def test_closing_it_takes_the_receiver_off_the_internet_and_opening_it_again_keeps_the_address(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        public = lab.tunnel.public_url
        assert "Nothing of this computer is public any more" in repr(lab.tunnel.close())
        assert agents(tmp_path) == []
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{public}/healthz", timeout=5)
        assert repr(lab.tunnel.close()) == "No tunnel was open."
        assert lab.tunnel.open().public_url == public
        assert "has changed" not in repr(lab.tunnel)


def test_a_changed_address_names_the_two_fields_that_are_wrong_until_the_service_calls_the_new_one(tmp_path: Path):
    with live_lab(tmp_path, "new-url") as lab:
        old = lab.tunnel.public_url
        lab.tunnel.close()
        new = lab.tunnel.public_url
        assert old != new
        words = repr(lab.tunnel).splitlines()[-1]
        assert words.startswith("The address has changed. If two fields on the dashboard, Inbound URL and Status URL ")
        assert f"{old}/webhooks/inbound" in words and f"{old}/webhooks/status" in words
        requests.post(f"{new}/webhooks/inbound", json=message(), timeout=5)
        assert "has changed" not in repr(lab.tunnel)


def test_when_the_receiver_moves_to_another_port_the_tunnel_follows(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        lab.tunnel.open()
        launcher.stop(lab.settings, ("live",), ("receiver",))
        (lab.settings.folder / "receiver.port").unlink()
        lab.tunnel.open()
        found = launcher.find("tunnel", lab.settings)
        assert found is not None
        assert found.ready["target"] == receiver_url(lab)
        assert len(agents(tmp_path)) == 1


def test_a_tunnel_that_is_older_than_the_receiver_is_not_taken_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It led to the receiver before, at the same port, and ends within half a second: the moment is made to last."""
    with live_lab(tmp_path) as lab:
        public = lab.tunnel.public_url
        first, find = launcher.find("tunnel", lab.settings), launcher.find

        def as_of_before(name: str, settings: Settings) -> Record | None:
            found = find(name, settings)
            was_there = found is not None and found.pid == first.pid
            return dataclasses.replace(found, created=found.created - 60) if was_there else found

        monkeypatch.setattr(launcher, "find", as_of_before)
        assert lab.tunnel.public_url == public
        monkeypatch.setattr(launcher, "find", find)
        second = find("tunnel", lab.settings)
        assert second.pid != first.pid
        assert requests.post(f"{public}/webhooks/inbound", json=message(), timeout=10).status_code == 200


def test_an_error_of_ngrok_is_one_sentence_of_three_parts_and_the_log_has_no_token(tmp_path: Path):
    with live_lab(tmp_path, "bad-token") as lab:
        with pytest.raises(
            ServiceError, match=r"^The token cannot be one.* \(ERR_NGROK_105\)\. Copy it again"
        ) as failed:
            lab.tunnel.open()
        assert TOKEN not in str(failed.value)
        for path in (tmp_path / "lab").rglob("*"):
            assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


def test_without_a_way_to_ngrok_the_cell_says_so_within_seconds(tmp_path: Path):
    with live_lab(tmp_path, "offline") as lab:
        begun = time.monotonic()
        with pytest.raises(
            ServiceError, match=r"^The ngrok service cannot be reached.*no such host”\. Check the network; if it blocks"
        ):
            lab.tunnel.open()
        assert time.monotonic() - begun < 15, "far from the 25 s of one that says nothing"
        assert not agents(tmp_path)


def test_a_tunnel_that_leads_nowhere_is_never_called_ready(tmp_path: Path):
    with live_lab(tmp_path, "dead-edge") as lab:
        with pytest.raises(ServiceError, match=r"The tunnel is open, but does not lead here.*ERR_NGROK_3200"):
            lab.tunnel.open()
        assert launcher.find("tunnel", lab.settings) is None
        wait_until(lambda: not agents(tmp_path), 5)


def test_one_that_dies_is_noticed_and_opened_again_when_it_is_asked_for(tmp_path: Path):
    with live_lab(tmp_path, "dies-later") as lab:
        lab.tunnel.open()
        wait_until(lambda: launcher.find("tunnel", lab.settings) is None, 10, "the end of the tunnel")
        told = "Error: The tunnel has ended. ngrok stopped"
        wait_until(lambda: launcher.last_words("tunnel", lab.settings).startswith(told), 5, told)
        fake_ngrok.install(tmp_path / "ngrok-program")
        assert lab.tunnel.open().public_url


def test_going_back_to_the_simulator_it_says_what_is_still_public_and_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
    with live_lab(tmp_path) as lab:
        public = lab.tunnel.public_url
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NBHELPERS_MODE", "simulator")
            simulated = Lab(state=tmp_path / "lab")
            assert f"But the tunnel of live mode is open: {public}. `lab.tunnel.close()` closes it." in repr(simulated)
            assert "the tunnel of live mode is open" in repr(simulated.tunnel)
            assert repr(simulated.tunnel.close()) == "Closed. Nothing of this computer is public any more."
            assert agents(tmp_path) == []
            assert repr(simulated) == "Ready. A simulator plays the service. Nothing leaves this computer."
            simulated.inbox.close()


def test_a_public_url_of_ones_own_takes_the_place_of_ours_which_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with live_lab(tmp_path) as lab:
        lab.tunnel.open()
        monkeypatch.setenv("PUBLIC_URL", receiver_url(lab))
        assert Lab(state=tmp_path / "lab").tunnel.public_url == receiver_url(lab)
        assert agents(tmp_path) == []


def test_when_the_receiver_is_shut_the_tunnel_ends_so_that_nothing_else_takes_its_port_in_public(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        public, port = lab.tunnel.public_url, int(receiver_url(lab).rpartition(":")[2])
        launcher.stop(lab.settings, ("live",), ("receiver",))
        wait_until(lambda: not agents(tmp_path), 5, "the end of the agent")
        with taken(port), pytest.raises(requests.ConnectionError):
            requests.get(f"{public}/secret.txt", timeout=2)
        told = "Your receiver ended, and nothing else of this computer may be public."
        wait_until(lambda: told in launcher.last_words("tunnel", lab.settings), 5, told)
        assert lab.tunnel.open().public_url


def test_one_that_is_still_opening_is_stopped_too(tmp_path: Path):
    with live_lab(tmp_path, "slow") as lab, concurrent.futures.ThreadPoolExecutor(1) as pool:
        opening = pool.submit(lab.tunnel.open)
        wait_until(lambda: agents(tmp_path), 10, "an agent that does not get on")
        assert "tunnel (live), which was still opening, is stopped." in launcher.stop(lab.settings)
        with pytest.raises(ServiceError):
            opening.result(10)
        wait_until(lambda: not agents(tmp_path), 5, "the end of the agent")


def test_an_error_is_shown_once_and_asks_for_nothing_twice(tmp_path: Path):
    with live_lab(tmp_path, "limit") as lab:
        shown = lab.tunnel._repr_mimebundle_()
        assert shown["text/plain"].startswith("ServiceError: As many ngrok programs run")
        assert len(fake_ngrok.calls(tmp_path / "ngrok-program", "start")) == 1


def test_with_a_public_url_nothing_is_started_and_nothing_of_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with live_lab(tmp_path) as lab:
        monkeypatch.setenv("PUBLIC_URL", receiver_url(lab))
        own = Lab(state=tmp_path / "lab")
        assert repr(own.tunnel).startswith(f"Public: {receiver_url(lab)} leads to your receiver")
        assert "your own tunnel" in repr(own.tunnel.close())
        assert agents(tmp_path) == []
        monkeypatch.setenv("PUBLIC_URL", "ada.example")
        with pytest.raises(ServiceError, match="PUBLIC_URL is not the address of a tunnel"):
            repr(Lab(state=tmp_path / "lab").tunnel)


def test_eight_askers_get_one_tunnel(tmp_path: Path):
    with live_lab(tmp_path) as lab:
        lab.receiver  # noqa: B018
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            urls = set(pool.map(lambda _: launcher.start("tunnel", lab.settings).ready["public_url"], range(8)))
        assert len(urls) == 1
        assert len(agents(tmp_path)) == 1


def test_without_ngrok_it_says_what_would_be_fetched_and_how_to_agree(tmp_path: Path):
    nowhere = {"PYNGROK_NGROK_PATH": None, "XDG_CONFIG_HOME": str(tmp_path / "empty"), "PATH": str(tmp_path / "empty")}
    words = r"ngrok is not on this computer.*lab\.tunnel\.download\(\).*30 MB"
    with live_lab(tmp_path, **nowhere) as lab, pytest.raises(ServiceError, match=words):
        lab.tunnel.open()


def test_the_command_prints_one_line_when_it_is_ready_and_leaves_nothing_public(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    configure(monkeypatch, tmp_path)
    command = [sys.executable, "-m", "nbhelpers"]
    missing = subprocess.run([*command, "tunnel"], capture_output=True, text=True, timeout=30, check=False)
    assert missing.returncode == 1
    assert missing.stderr.startswith("Error: There is no receiver that a tunnel could lead to.")
    with subprocess.Popen([*command, "receiver"], stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout
        receiver.stdout.readline()
        with subprocess.Popen([*command, "tunnel"], stdout=subprocess.PIPE) as tunnel:
            assert tunnel.stdout
            ready = json.loads(tunnel.stdout.readline())
            assert requests.post(ready["inbound_url"], json=message(), timeout=5).status_code == 200
            tunnel.send_signal(signal.SIGINT)
            assert tunnel.wait(10) == 0
        assert agents(tmp_path) == []
        receiver.terminate()
        receiver.wait(10)


def test_in_simulator_mode_none_is_needed(ready: Lab):
    assert isinstance(ready.tunnel, Tunnel)
    assert repr(ready.tunnel.close()) == "None needed: the service runs on this computer."
    with pytest.raises(ServiceError, match=r"No tunnel is needed"):
        launcher.start("tunnel", ready.settings)
