"""A process stands still for longer than every time-out: what is said is a sentence, and afterwards all goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.errors import ApiError, InboxError, ServiceError
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from tests.conftest import wait_until
from tests.support.faults import standing_still
from tests.support.labs import message
from tests.support.tunnels import agents, live_lab

ENDED = ["submitted", "delivered"]


def found(lab: Lab, name: str) -> Record:
    record = launcher.find(name, lab.settings)
    assert record is not None
    return record


def replied(lab: Lab, text: str = "It goes on") -> list[str]:
    return lab.inbox.wait_for_receipt(lab.reply(text), timeout=15).states


@contextmanager
def another(code: str, *arguments: str) -> Iterator[int]:
    """A process that says a line when it has done this, and stays; its pid."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nprint('done', flush=True)\ninput()", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(180)
def test_while_the_simulator_stands_still_a_sentence_says_so_and_nothing_is_sent_twice(fresh: Lab) -> None:
    fresh.need("receive")
    simulator = found(fresh, "simulator")
    with standing_still(simulator.pid):
        with pytest.raises(ApiError) as silent:
            fresh.reply("Into the silence")
        assert str(silent.value).startswith("No answer came in time. No answer from http://127.0.0.1:")
        assert silent.value.next == "Look for a receipt before you send again: the message may have been taken."
        with pytest.raises(ServiceError) as unanswered:
            fresh.user.write("Is anybody there?")
        assert unanswered.value.what == "The simulator does not answer."
        assert unanswered.value.next.endswith("`lab = Lab()` starts it again.")
        assert "✗" in repr(fresh.doctor())
    # It takes what was sent meanwhile, as the first sentence said it may have done: once.
    wait_until(lambda: len(fresh.inbox.events("status")) >= 2, 15, "the receipts of what was sent into the silence")
    assert {each.status for each in fresh.inbox.events("status")} == set(ENDED)
    assert len({each.message_uuid for each in fresh.inbox.events("status")}) == 1
    assert replied(fresh) == ENDED
    assert found(fresh, "simulator").pid == simulator.pid


@pytest.mark.timeout(180)
def test_a_webhook_for_a_receiver_that_stands_still_comes_once_when_it_goes_on(fresh: Lab) -> None:
    fresh.need("receive")
    receiver = found(fresh, "receiver")
    with standing_still(receiver.pid):
        said = fresh.user.write("Are you there?")
        with pytest.raises(InboxError, match=r"^No message came\. Waited 3 s\."):
            fresh.inbox.wait_for_message(said, timeout=3)
        doctor = repr(fresh.doctor())
        assert "✗ your receiver" in doctor
        wait_until(lambda: fresh.simulator.webhooks(message_uuid=said.message_uuid)[0]["answer"], 30, "the time-out")
        assert fresh.simulator.webhooks(message_uuid=said.message_uuid)[0]["answer"] == "no answer in time"
    assert fresh.inbox.wait_for_message(said, timeout=30).text == "Are you there?"
    assert replied(fresh) == ENDED
    assert [each.text for each in fresh.inbox.events("inbound")].count("Are you there?") == 1
    assert found(fresh, "receiver").pid == receiver.pid


@pytest.mark.timeout(180)
def test_whoever_needs_a_receiver_that_stands_still_gets_another_at_the_same_address(fresh: Lab) -> None:
    fresh.need("receive")
    receiver = found(fresh, "receiver")
    with standing_still(receiver.pid):
        assert repr(fresh.receiver)
        after = found(fresh, "receiver")
        assert (after.pid != receiver.pid, after.url) == (True, receiver.url)
        assert fresh.inbox.wait_for_message(fresh.user.write("Hello again"), timeout=20).text == "Hello again"
        assert replied(fresh) == ENDED


@pytest.mark.timeout(180)
def test_a_new_lab_beside_a_simulator_that_stands_still_has_one_at_the_same_address(fresh: Lab) -> None:
    fresh.need("receive")
    simulator = found(fresh, "simulator")
    with standing_still(simulator.pid):
        again = Lab(state=fresh.settings.state)
        after = found(again, "simulator")
        assert (after.pid != simulator.pid, after.url) == (True, simulator.url)
        assert replied(again) == ENDED
        again.inbox.close()


HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("BEGIN IMMEDIATE")
"""


@pytest.mark.timeout(180)
def test_a_process_that_stands_still_with_the_inbox_in_its_hand_is_named_and_what_came_is_tried_again(
    fresh: Lab,
) -> None:
    fresh.need("receive")
    with another(HOLD, str(fresh.inbox.path)) as pid, standing_still(pid):
        with pytest.raises(InboxError) as held:
            fresh.note(tried=True)
        assert str(held.value).startswith("The inbox cannot be written.")
        assert "Another process has held it for seconds: try again" in held.value.next
        said = fresh.user.write("Try again")
        wait_until(lambda: fresh.simulator.webhooks(message_uuid=said.message_uuid)[0]["answer"], 20, "the answer")
        assert fresh.simulator.webhooks(message_uuid=said.message_uuid)[0]["answer"] == "answered 503"
    assert fresh.inbox.wait_for_message(said, timeout=20).text == "Try again"
    assert replied(fresh) == ENDED


LOCK = """
import sys
from pathlib import Path
from nbhelpers.services.record import lock_of
lock = lock_of(Path(sys.argv[1]), "receiver")
lock.acquire()
"""


@pytest.mark.timeout(180)
def test_a_start_that_stands_still_is_waited_for_and_then_a_sentence_says_how_to_end_it(
    fresh: Lab, tmp_path: Path
) -> None:
    fresh.need("link")
    with another(LOCK, str(fresh.settings.folder)) as pid, standing_still(pid):
        began = time.monotonic()
        with pytest.raises(ServiceError) as waited:
            launcher.start("receiver", fresh.settings)
        assert 39 < time.monotonic() - began < 60
        assert str(waited.value) == (
            "The receiver does not start. Another process has been starting it for too long. Run `nbhelpers stop`."
        )
    assert fresh.need("receive")
    assert replied(fresh) == ENDED


@pytest.mark.timeout(180)
def test_while_the_tunnels_agent_stands_still_the_doctor_names_the_hop_and_afterwards_all_is_well(
    tmp_path: Path,
) -> None:
    with live_lab(tmp_path) as lab:
        public, (agent,) = lab.tunnel.public_url, agents(tmp_path)
        with standing_still(agent):
            doctor = lab.doctor()
            assert doctor.stop is not None
            assert doctor.stop.name == "a call from outside"
            assert doctor.stop.next
        assert requests.post(f"{public}/webhooks/inbound", json=message(), timeout=10).status_code == 200
        assert "✓ a call from outside" in repr(lab.doctor())
        assert (lab.tunnel.public_url, agents(tmp_path)) == (public, [agent])
