"""The simulator as a service: its ready line, its options, where webhooks go without any setting, and its end."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import time

import pytest
import requests

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.config.settings import Settings
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.services.record import read_record
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.storage.damage import what_was_set_aside
from tests.conftest import Shell, wait_until
from tests.support.simulation import World, flat, nested, start, target, webhooks


def test_the_ready_line_holds_what_a_caller_needs_and_works(shell: Shell) -> None:
    _, world = start(shell)
    assert list(world.ready) == ["service", "url", "base_url", "api_key", "api_secret", "signature_secret"]
    assert world.ready["service"] == "simulator"
    assert world.base_url == world.ready["url"]
    assert world.base_url.startswith("http://127.0.0.1:")
    answer = world.http.get(f"{world.base_url}/v2/applications", auth=world.basic, timeout=10)
    assert answer.json()["total_items"] == 0
    world.close()


def test_the_urls_given_take_every_webhook_for_which_the_application_has_none(shell: Shell, key: PrivateKey) -> None:
    with target(path="/in") as inbound, target(path="/status") as status, target(path="/own") as own:
        _, world = start(shell, "--inbound", inbound.url, "--status", status.url)
        # Also against the account's settings, by POST whatever their method.
        world.control.change_settings(inbound_url=own.url, status_url=own.url)
        program = world.application(key, voice={})
        page = world.page(program)
        psid = world.control.write(page=page, text="hi")["psid"]
        assert inbound.wait()[0].method == "POST"
        assert status.statuses(world.send(program, nested(page, psid), "v0.1"), 2) == ["submitted", "delivered"]
        assert status.statuses(world.send(None, flat(page, psid)), 2) == ["submitted", "delivered"]
        assert own.calls == []
        # An application's own URLs go before them.
        program = world.application(key, messages=webhooks(own.url, own.url))
        page = world.page(program)
        said = world.control.write(page=page, text="hi")
        own.statuses(world.send(program, flat(page, said["psid"])), 2)
        assert len(own.calls) == 3
        assert len(inbound.calls) == 1
        world.close()


def test_in_the_foreground_webhooks_find_the_receiver_of_the_same_state_directory(shell: Shell) -> None:
    _, world = start(shell, "--demo")
    hello = world.table("SELECT uuid FROM messages")[0][0]
    waiting = world.settled(hello, 1)[0]
    assert (waiting["answer"], waiting["attempts"], waiting["outcome"]) == ("no webhook URL is set", 0, None)
    _, receiver = shell.start("receiver")
    inbox = Inbox(shell.folder / ".lab" / "simulator" / "lab.sqlite3")
    try:
        event = wait_until(inbox.newest_message, what="the message that waited")
        assert (event.message_uuid, event.psid) == (hello, world.ready["psid"])
        done = wait_until(lambda: [row for row in world.queued(hello) if row["outcome"]])[0]
        assert done["called"] == f"POST {receiver['inbound_url']}"
    finally:
        inbox.close()
        world.close()


def test_started_for_the_course_it_looks_for_no_receiver_step_5_is_the_learners(
    settings: Settings, key: PrivateKey
) -> None:
    running = launcher.start("simulator", settings)
    launcher.start("receiver", settings)
    world = World(settings.state, running.url, running.ready, running.control)
    program = world.application(key, voice={})
    said = world.control.write(page=world.page(program), text="hi")
    world.settled(said["message_uuid"], 1)
    time.sleep(1)
    row = world.queued(said["message_uuid"])[0]
    assert (row["answer"], row["outcome"], row["attempts"]) == ("no webhook URL is set", None, 0)
    world.close()


def test_a_receiver_that_has_gone_is_not_called(shell: Shell) -> None:
    _, world = start(shell, "--demo")
    receiver, _ = shell.start("receiver")
    hello = world.table("SELECT uuid FROM messages")[0][0]
    wait_until(lambda: [row for row in world.queued(hello) if row["outcome"]])
    receiver.kill()
    receiver.wait()
    said = world.control.write(text="still there?")
    assert world.settled(said["message_uuid"], 1)[0]["answer"] == "no webhook URL is set"
    world.close()


def test_accept_any_links_every_sender_and_knows_every_recipient(shell: Shell) -> None:
    with target() as hook:
        _, world = start(shell, "--accept-any", "--status", hook.url, "--inbound", hook.url)
        for body, version in ((flat("any page", "anybody"), "v1"), (nested("0", "1" * 50), "beta")):
            tagged = {"messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"}} if version == "v1" else {}
            sent = world.send(None, body | tagged, version)
            assert hook.statuses(sent, 2) == ["submitted", "delivered"]
        assert world.control.read(psid="anybody") == 1
        # A Page of its own need not be linked either.
        page = world.control.create_page("Unlinked")["id"]
        assert world.control.write(page=page, text="hi")["passed_on"] is True
        # Bodies and credentials are looked at all the same.
        assert world.post("/v1/messages", flat("any page", ""), auth=world.basic).status_code == 422
        assert world.post("/v1/messages", flat("any page", "anybody")).status_code == 401
        world.close()


def test_without_accept_any_nobody_is_known_any_more(shell: Shell) -> None:
    process, world = start(shell, "--accept-any")
    world.send(None, flat("any page", "anybody"))
    world.close()
    process.terminate()
    process.wait(timeout=10)
    _, world = start(shell)
    assert world.post("/v1/messages", flat("any page", "anybody"), auth=world.basic).json()["type"].endswith("#1120")
    world.close()


def test_account_and_port_are_the_same_after_an_end_by_signal(shell: Shell) -> None:
    process, world = start(shell)
    first = world.ready
    world.close()
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - begun < 2
    _, world = start(shell)
    assert world.ready == first
    world.close()


def test_a_port_that_is_asked_for_is_taken_or_refused_in_words(shell: Shell) -> None:
    _, world = start(shell)
    port = world.base_url.rpartition(":")[2]
    done = shell("simulator", "--state", str(shell.folder / "other"), "--port", port, ok=False)
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr
    world.close()


def test_a_second_simulator_of_the_same_state_directory_is_told_where_the_first_is(shell: Shell) -> None:
    _, world = start(shell)
    done = shell("simulator", "--demo", ok=False)
    assert done.returncode == 1
    assert world.base_url in done.stderr
    assert "Traceback" not in done.stderr
    assert world.control.pages() == []  # the first still answers, and the second has touched nothing
    world.close()


def test_options_that_make_no_sense_are_refused_in_words(shell: Shell) -> None:
    assert "no --demo" in shell("simulator", "--guide", ok=False).stderr
    assert "The mode is live" in shell("simulator", "--mode", "live", ok=False).stderr


def test_it_ends_within_two_seconds_while_a_slow_handler_has_a_webhook_and_delivers_it_next_time(shell: Shell) -> None:
    with target(lambda call: time.sleep(4) or 200) as slow:
        process, world = start(shell, "--demo", "--inbound", slow.url)
        slow.wait()
        world.close()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - begun < 2
        assert process.stderr is not None
        assert process.stderr.read() == ""
    with target() as hook:
        _, world = start(shell, "--inbound", hook.url)
        assert hook.wait()[0].json["message_uuid"] == slow.calls[0].json["message_uuid"]
        world.close()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_its_record_with_the_secrets_is_yours_alone(shell: Shell) -> None:
    _, world = start(shell)
    for name in ("simulator.json", "simulator.sqlite3"):
        assert (world.folder / name).stat().st_mode & 0o777 == 0o600
    world.close()


def test_a_damaged_store_is_set_aside_with_words_and_an_empty_one_opened(shell: Shell) -> None:
    folder = shell.folder / ".lab" / "simulator"
    folder.mkdir(parents=True)
    damaged = b"no database" * 500
    (folder / "simulator.sqlite3").write_bytes(damaged)
    process, world = start(shell)
    assert world.control.pages() == []
    world.close()
    process.terminate()
    _, said = process.communicate(timeout=10)
    kept = what_was_set_aside(folder)[0].kept
    assert kept.read_bytes() == damaged
    assert said.startswith("simulator.sqlite3 was damaged. SQLite said: “file is not a database”.")
    assert str(kept) in said
    assert "nbhelpers doctor" in said


def test_two_writers_and_many_callers_at_once_are_all_answered(shell: Shell) -> None:
    with target() as hook:
        _, world = start(shell, "--demo", "--status", hook.url, "--inbound", hook.url)
        record = read_record(world.folder, "simulator")
        assert record is not None

        def act(number: int) -> str:
            control = ControlClient(world.base_url, record.control)
            control.write(page=world.ready["page_id"], person=f"person {number % 7}", text=f"{number}")
            control.close()
            body = flat(world.ready["page_id"], world.ready["psid"])
            answer = requests.post(f"{world.base_url}/v1/messages", json=body, auth=world.basic, timeout=20)
            assert answer.status_code == 202
            return answer.json()["message_uuid"]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            sent = list(pool.map(act, range(300)))
        assert len(set(sent)) == 300
        hook.wait(1 + 300 + 600, timeout=30)
        assert len({person["psid"] for person in world.control.pages()[0]["people"]}) == 8
        world.close()
