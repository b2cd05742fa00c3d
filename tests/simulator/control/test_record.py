"""The record: what happened to one message or lately, each try with its answer, and nothing that lets one in."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from tests.conftest import wait_until
from tests.support.simulation import Detached, Program, Target, flat, target, webhooks

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


def calls_of(world: Detached, uuid: str, count: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]] | None:
        calls = world.control.record(uuid)["calls"]
        return calls if len(calls) >= count else None

    return wait_until(look, what=f"{count} calls about {uuid}")


def test_a_message_in_and_its_webhook_are_told_with_times_and_answer(
    world: Detached, program: Program, hook: Target
) -> None:
    page = world.page(program)
    said = world.control.write(page=page, text="Do you have rye bread?")
    (call,) = calls_of(world, said["message_uuid"], 1)
    assert (call["way"], call["method"], call["url"], call["status"]) == ("webhook", "POST", hook.url, 200)
    assert call["words"] == "answered 200"
    assert 0 < call["seconds"] < 5
    assert call["at"] == pytest.approx(time.time(), abs=10)
    assert json.loads(call["body"])["text"] == "Do you have rye bread?"
    record = world.control.record(said["message_uuid"])
    (message,) = record["messages"]
    assert (message["way"], message["name"], message["psid"]) == ("in", "Ada", said["psid"])
    (webhook,) = record["webhooks"]
    assert (webhook["uuid"], webhook["kind"], webhook["outcome"]) == (call["uuid"], call["kind"], "delivered")


def test_a_message_out_is_told_with_the_request_its_answer_and_its_receipts(world: Detached, program: Program) -> None:
    page = world.page(program)
    psid = world.control.write(page=page, text="Hi")["psid"]
    uuid = world.send(program, flat(page, psid))
    world.settled(uuid, 2)
    calls = calls_of(world, uuid, 3)
    assert [call["way"] for call in calls] == ["api", "webhook", "webhook"]
    assert (calls[0]["url"], calls[0]["status"]) == ("/v1/messages", 202)
    assert json.loads(calls[0]["answer_body"]) == {"message_uuid": uuid}
    assert json.loads(calls[0]["body"])["text"] == "hello"
    assert [json.loads(call["body"])["status"] for call in calls[1:]] == ["submitted", "delivered"]


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ({"Authorization": "Basic dXNlcjpwYXNz"}, ["authorization", "Basic •••• (12 characters)"]),
        ({"COOKIE": "secret"}, ["cookie", "••••"]),
        ({"Accept-Language": "de"}, ["accept-language", "de"]),
    ],
)
def test_what_lets_one_in_is_masked_whatever_its_name_is_written_like(
    world: Detached, header: dict[str, str], shown: list[str]
) -> None:
    world.post("/v1/messages", {}, headers=header)
    call = world.control.record(lately=5)["calls"][-1]
    assert shown in [[name.lower(), value] for name, value in call["headers"]]


def test_nothing_that_lets_one_in_stands_in_the_record(world: Detached, program: Program) -> None:
    page = world.page(program)
    psid = world.control.write(page=page, text="Hi")["psid"]
    uuid = world.send(program, flat(page, psid))
    calls = calls_of(world, uuid, 3)
    assert "eyJ" not in json.dumps(world.control.record())
    for call in calls:
        headers = {name.lower(): value for name, value in call["headers"]}
        assert headers["authorization"].startswith("Bearer •••• (")
        assert headers["user-agent"]


def test_a_refused_call_is_told_lately_and_belongs_to_no_message(world: Detached, program: Program) -> None:
    page = world.page(program)
    answer = world.post("/v1/messages", flat(page, "1"), headers={"Authorization": "Bearer no.such.token"})
    assert answer.status_code == 401
    call = world.control.record(lately=5)["calls"][-1]
    assert (call["way"], call["status"], call["uuid"], call["body"]) == ("api", 401, None, "")
    assert json.loads(call["answer_body"])["title"] == "Unauthorised"


def test_each_try_of_a_webhook_is_told_with_what_it_was_answered(world: Detached, key: PrivateKey) -> None:
    answers = iter([503, 500])
    world.control.pace(100)
    with target(lambda _: next(answers, 200)) as busy:
        program = world.application(key, messages=webhooks(busy.url, busy.url))
        said = world.control.write(page=world.page(program), text="Anybody?")
        calls = calls_of(world, said["message_uuid"], 3)
    world.control.pace(1)
    assert [call["status"] for call in calls] == [503, 500, 200]
    assert {(call["uuid"], call["kind"]) for call in calls} == {(said["message_uuid"], "inbound")}


def test_a_try_that_nobody_answers_says_so(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages=webhooks("http://127.0.0.1:9/in", "http://127.0.0.1:9/st"))
    said = world.control.write(page=world.page(program), text="Anybody?")
    (call,) = calls_of(world, said["message_uuid"], 1)
    assert call["status"] == 0
    assert call["words"].startswith("no answer (")
    world.control.fault("receiver-down", 1)
    said = world.control.write(page=world.page(program), text="And now?")
    (call,) = calls_of(world, said["message_uuid"], 1)
    assert call["words"] == "no answer (the lesson receiver-down)"


def test_lately_leaves_out_what_was_before(world: Detached, program: Program) -> None:
    said = world.control.write(page=world.page(program), text="Before")
    calls_of(world, said["message_uuid"], 1)
    time.sleep(0.3)
    after = world.control.write(page=world.page(program), text="After")
    calls_of(world, after["message_uuid"], 1)
    assert [each["uuid"] for each in world.control.record(lately=0.25)["messages"]] == [after["message_uuid"]]
    both = [each["uuid"] for each in world.control.record(lately=60)["messages"]][-2:]
    assert both == [said["message_uuid"], after["message_uuid"]]


def test_a_time_that_is_none_is_refused(world: Detached) -> None:
    with pytest.raises(ServiceError, match="lately cannot be that"):
        world.control.record(lately=-1)
