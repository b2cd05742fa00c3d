"""Where webhooks go and what says so, what was called and answered, and what was sent: asked from outside."""

from __future__ import annotations

import time

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from tests.conftest import Shell, wait_until
from tests.support.simulation import GUIDES_VOICE, Detached, flat, start, target, webhooks


def test_each_place_that_may_name_a_url_counts_in_its_order(shell: Shell, key: PrivateKey) -> None:
    options = ("--inbound", "http://127.0.0.1:9/given", "--status", "http://127.0.0.1:9/given-status")
    process, world = start(shell, *options)
    own = world.application(key, messages=webhooks("http://127.0.0.1:9/own"))
    voice = world.application(key, voice=GUIDES_VOICE)
    world.control.change_settings(inbound_url="http://127.0.0.1:9/form", status_url="http://127.0.0.1:9/form-status")
    assert world.control.routes(own.id) == {
        "application_id": own.id,
        "held_by": "application",
        "finds_receiver": True,
        "inbound": {"url": "http://127.0.0.1:9/own", "method": "POST", "source": "application"},
        "status": {"url": "http://127.0.0.1:9/given-status", "method": "POST", "source": "command line"},
    }
    named = world.control.routes(own.id, "http://127.0.0.1:9/this-message")["status"]
    assert named == {"url": "http://127.0.0.1:9/this-message", "method": "POST", "source": "message"}
    assert world.control.routes(voice.id)["inbound"]["source"] == "command line"
    process.terminate()
    process.wait(10)
    world.close()

    _, world = start(shell)
    assert world.control.routes(own.id)["status"] is None
    assert world.control.routes(voice.id)["inbound"] == {
        "url": "http://127.0.0.1:9/form",
        "method": "GET",
        "source": "account",
    }
    world.control.change_settings(inbound_url="", status_url="")
    assert world.control.routes(voice.id)["inbound"] is None
    _, receiver = shell.start("receiver")
    found = wait_until(lambda: world.control.routes(voice.id)["status"])
    assert found == {"url": receiver["status_url"], "method": "POST", "source": "receiver"}
    world.close()


def test_without_an_application_it_is_that_of_the_newest_linked_page(world: Detached, key: PrivateKey) -> None:
    older, newer = (world.application(key, messages=webhooks(f"http://127.0.0.1:9/{name}")) for name in "ab")
    world.page(newer)
    world.page(older)
    world.page()
    assert world.control.routes()["application_id"] == older.id
    assert world.control.routes()["inbound"]["url"] == "http://127.0.0.1:9/a"


def test_a_call_is_kept_as_it_was_sent_and_answered_with_every_try(world: Detached, key: PrivateKey) -> None:
    answers = iter([500, 200])
    with target(lambda _: next(answers)) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        world.control.pace(50)
        said = world.control.write(page=world.page(program), text="Rye?")
        first, second = hook.wait(2)
    wait_until(lambda: len(world.control.calls(message_uuid=said["message_uuid"])) == 2)
    world.control.pace(1)
    calls = world.control.calls(message_uuid=said["message_uuid"])
    assert [(each["status"], each["outcome"], each["attempt"]) for each in calls] == [
        (500, "again", 1),
        (200, "taken", 2),
    ]
    assert calls[0]["again"] == pytest.approx(0.1)
    assert abs(calls[0]["at"] - first.at) < 1
    opened = world.control.call(calls[0]["id"])
    sent = {name.lower(): value for name, value in opened["headers"]}
    assert sent == first.headers
    assert opened["body"].encode() == first.body
    assert dict(opened["answer_headers"])["Content-Length"] == "0"
    assert [each["id"] for each in opened["tries"]] == [each["id"] for each in calls]
    assert world.control.call(calls[1]["id"])["headers"][3][1] == f"Bearer {second.token}"
    with pytest.raises(ServiceError, match=r"There is no call 999999999\. There are 1 to \d+\."):
        world.control.call(999_999_999)


def test_what_nobody_answers_is_a_call_too_and_the_log_survives_a_kill(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages=webhooks("http://127.0.0.1:9/in"))
    said = world.control.write(page=world.page(program), text="Anybody?")
    (call,) = world.control.wait_for_answers([said["message_uuid"]], "inbound")
    assert (call["status"], call["words"], call["outcome"]) == (0, "no answer (nobody listens there)", "again")
    world.kill()
    world.restart()
    opened = world.control.call(call["id"])
    assert dict(opened["headers"])["Content-Type"] == "application/json"
    assert (opened["answer_headers"], opened["answer_body"]) == ([], "")


def test_the_test_calls_of_the_form_are_calls_of_no_message(world: Detached) -> None:
    with target(path="/form") as hook:
        world.control.change_settings(inbound_url=hook.url, http_method="POST")
        world.control.try_webhooks()
        world.control.change_settings(inbound_url="", http_method="GET")
    (newest,) = world.control.calls(limit=1)
    assert (newest["kind"], newest["uuid"], newest["webhook"], newest["outcome"]) == ("test", "", None, "taken")
    assert world.control.call(newest["id"])["body"] == '{"test":"This is a test call of the settings form."}'


def test_waiting_for_an_answer_ends_when_there_is_nowhere_to_go_or_time_is_up(world: Detached, key: PrivateKey) -> None:
    nowhere = world.control.write(page=world.page(world.application(key, messages={})), text="hi")
    with pytest.raises(ServiceError, match=r"Nobody was called\. No webhook URL is set, so the webhook waits\."):
        world.control.wait_for_answers([nowhere["message_uuid"]], "inbound", timeout=10)
    with target(lambda _: time.sleep(1) or 200) as slow:
        page = world.page(world.application(key, messages=webhooks(slow.url)))
        said = world.control.write(page=page, text="hi")
        with pytest.raises(ServiceError, match=r"No answer came in time\. It is on its way\."):
            world.control.wait_for_answers([said["message_uuid"]], "inbound", timeout=0.1)
        (call,) = world.control.wait_for_answers([said["message_uuid"]], "inbound", timeout=10)
        assert call["seconds"] > 0.9
    with pytest.raises(ServiceError, match="No webhook of it is queued"):
        world.control.wait_for_answers(["no such message"], "inbound", timeout=0)


def test_what_was_accepted_is_there_whoever_sent_it(world: Detached, hook: object, key: PrivateKey) -> None:
    program = world.application(key, messages={})
    page = world.page(program)
    psid = world.control.write(page=page, text="hi")["psid"]
    uuid = world.send(program, flat(page, psid, text="By hand"))
    (sent,) = world.control.accepted(limit=1)
    assert (sent["uuid"], sent["psid"], sent["page_id"], sent["body"]["text"]) == (uuid, psid, page, "By hand")
