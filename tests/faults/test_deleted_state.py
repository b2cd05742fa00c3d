"""The state directory is deleted while services run from it, and other programs sit on the ports."""

from __future__ import annotations

import shutil
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.config.settings import load
from nbhelpers.errors import KitError
from nbhelpers.services import launcher
from nbhelpers.services.record import is_alive
from tests.conftest import wait_until
from tests.support.labs import message, taken

NAMES = ("simulator", "receiver")


def test_services_end_when_their_state_is_deleted_and_the_next_start_is_clean(fresh: Lab) -> None:
    fresh.need("receive")
    running = [launcher.find(name, fresh.settings) for name in NAMES]
    assert all(running)

    shutil.rmtree(fresh.settings.state)

    wait_until(lambda: not any(is_alive(each.pid, each.created) for each in running), 5, "the end of both")
    assert not fresh.settings.state.exists()  # nothing was made anew by whoever ended
    for ask in (lambda: fresh.inbox.events(), lambda: fresh.user.write("Hello?"), lambda: fresh.reply("Hello?")):
        with pytest.raises(KitError, match=r"Run `lab = Lab\(\)` again|`lab = Lab\(\)` starts it again"):
            ask()

    again = Lab(state=fresh.settings.state)
    try:
        assert again.inbox.events() == []
        assert repr(again.need("receive")).endswith("they were not done yet. To do them yourself, open 01.")
        assert again.inbox.wait_for_receipt(again.reply("Once more"), timeout=10).states == ["submitted", "delivered"]
    finally:
        again.stop()


def test_a_webhook_that_comes_after_the_state_was_deleted_is_not_answered_200(fresh: Lab) -> None:
    fresh.need("webhooks")
    receiver = launcher.find("receiver", fresh.settings)
    assert requests.post(receiver.ready["inbound_url"], json=message(uuid="a"), timeout=5).status_code == 200

    shutil.rmtree(fresh.settings.state)
    answer = requests.post(receiver.ready["inbound_url"], json=message(uuid="b"), timeout=5)

    assert answer.status_code == 503
    assert "deleted or set aside" in answer.json()["seen"]
    assert answer.json()["next"] == "Send again."


def test_a_new_lab_while_the_old_services_still_end_has_services_of_its_own(fresh: Lab) -> None:
    fresh.need("receive")
    before = [launcher.find(name, fresh.settings) for name in NAMES]

    shutil.rmtree(fresh.settings.state)
    again = Lab(state=fresh.settings.state)  # at once: the old ones look once a second
    try:
        again.need("receive")
        after = [launcher.find(name, again.settings) for name in NAMES]
        assert not {each.pid for each in after} & {each.pid for each in before}
        wait_until(lambda: not any(is_alive(each.pid, each.created) for each in before), 5, "the end of the old ones")
        time.sleep(1.5)  # the new ones look, too
        assert [launcher.find(name, again.settings).pid for name in NAMES] == [each.pid for each in after]
        assert again.inbox.wait_for_receipt(again.reply("Once more"), timeout=10).states == ["submitted", "delivered"]
    finally:
        again.stop()


def test_with_both_usual_ports_taken_the_course_runs_on_the_next_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load("simulator", tmp_path / "lab", environ={}, folder=tmp_path)
    assert (usual.receiver_port, usual.simulator_port) == (8710, 8711)
    with ExitStack() as strangers:
        for port in (8710, 8711):
            with socket.socket() as probe:
                is_free = probe.connect_ex(("127.0.0.1", port)) != 0
            if is_free:  # else somebody sits there already, such as a lab of this computer's owner
                strangers.enter_context(taken(port))
        lab = Lab(state=tmp_path / "lab", mode="simulator")
        try:
            lab.need("receive")
            found = {name: launcher.find(name, lab.settings) for name in NAMES}
            assert all(each.port not in (8710, 8711) for each in found.values())
            assert found["receiver"].url in repr(lab.receiver)
            assert f"up at {found['receiver'].url}" in repr(lab.doctor())
            done = lab.inbox.wait_for_receipt(lab.reply("From another port"), timeout=10)
            assert done.states == ["submitted", "delivered"]
        finally:
            lab.stop()
