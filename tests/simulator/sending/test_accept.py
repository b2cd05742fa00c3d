"""Taking a message: the failover, its workflow, and who may speak for a Page."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from tests.support.simulation import Detached, Program, Target, flat, webhooks

STRANGER = "1111111111111111"


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture(scope="module")
def psid(world: Detached, page: str) -> str:
    return world.control.write(page=page, text="hi")["psid"]


def sms(**more: Any) -> dict[str, Any]:
    return {"to": "447700900000", "from": "447700900001", "channel": "sms", "message_type": "text", "text": "x", **more}


def accepted(world: Detached, program: Program, body: dict[str, Any]) -> dict[str, str]:
    answer = world.post("/v1/messages", body, headers=program.headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def uuids_of(world: Detached, workflow: str) -> list[str]:
    """The messages of a workflow, in the order in which they were sent."""
    sql = "SELECT uuid FROM messages WHERE json_extract(workflow, '$.workflow_id') = ? ORDER BY at"
    return [row[0] for row in world.table(sql, workflow)]


def test_without_a_failover_there_is_no_workflow(world: Detached, program: Program, hook: Target, page: str, psid: str):
    answer = accepted(world, program, flat(page, psid))
    assert set(answer) == {"message_uuid"}
    assert hook.statuses(answer["message_uuid"], 2) == ["submitted", "delivered"]
    assert all("workflow" not in call.json for call in hook.of(answer["message_uuid"]))


def test_the_first_is_sent_and_when_it_arrives_no_other(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    answer = accepted(world, program, flat(page, psid, failover=[sms()]))
    assert uuid.UUID(answer["workflow_id"])
    assert hook.statuses(answer["message_uuid"], 2) == ["submitted", "delivered"]
    place = {"workflow_id": answer["workflow_id"], "items_number": "1", "items_total": "2"}
    assert [call.json["workflow"] for call in hook.of(answer["message_uuid"])] == [place, place]
    assert uuids_of(world, answer["workflow_id"]) == [answer["message_uuid"]]


def test_when_it_is_rejected_the_next_is_sent_under_a_uuid_of_its_own(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    steps = [flat(page, STRANGER, client_ref="second"), flat(page, psid, client_ref="third"), sms()]
    answer = accepted(world, program, flat(page, STRANGER, client_ref="first", failover=steps))
    sent = uuids_of(world, answer["workflow_id"])
    assert (sent[0], len(set(sent))) == (answer["message_uuid"], 3)
    for number, (each, last) in enumerate(zip(sent, ("rejected", "rejected", "delivered"), strict=True), 1):
        assert hook.statuses(each, 2) == ["submitted", last]
        told = hook.of(each)[1].json
        assert told["workflow"]["items_number"] == str(number)
        assert told["workflow"]["items_total"] == "4"
        assert told["client_ref"] == ("first", "second", "third")[number - 1]
    times = [hook.of(each)[1].json["timestamp"] for each in sent]
    assert times == sorted(times)


def test_a_message_on_another_channel_is_told_of_under_its_own_name(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    answer = accepted(world, program, flat(page, STRANGER, failover=[sms()]))
    second = uuids_of(world, answer["workflow_id"])[1]
    assert hook.statuses(second, 2) == ["submitted", "delivered"]
    told = hook.of(second)[1].json
    assert (told["channel"], told["to"], told["from"]) == ("sms", "447700900000", "447700900001")
    assert world.control.read(psid="447700900000") == 0
    answer = accepted(world, program, flat(page, STRANGER, failover=[sms(webhook_version="v0.1")]))
    third = uuids_of(world, answer["workflow_id"])[1]
    hook.statuses(third, 2)
    assert hook.of(third)[1].json["to"] == {"type": "sms", "number": "447700900000"}


@pytest.mark.parametrize(
    ("failover", "fragment", "names"),
    [
        ([], "1150", ["failover"]),
        ({}, "1150", ["failover"]),
        ("sms", "1150", ["failover"]),
        ([5], "1150", ["failover[0]"]),
        ([sms(), None], "1150", ["failover[1]"]),
        ([sms(to=None)], "1150", ["failover[0].to"]),
        ([sms(message_type=None)], "1150", ["failover[0].message_type"]),
        ([sms(failover=[sms()])], "1150", ["failover[0].failover"]),
        ([sms(channel="pigeon")], "1100", []),
        ([sms(channel=["sms"])], "1100", []),
        ([sms(channel={})], "1100", []),
        ([sms(to=447700900000)], "110", []),
        ([sms(**{"from": "x" * 51})], "1120", []),
        ([sms(message_type=["text"])], "1140", []),
        ([sms(webhook_url="x")], "1150", ["failover[0].webhook_url"]),
        ([sms(), flat("1", "2", text="x" * 641)], "1150", ["failover[1].text"]),
        ([flat("1", "2", messenger={"category": "x"})], "1110", ["failover[0].messenger.category"]),
        *(([sms(client_ref=wrong)], "1060", []) for wrong in (5, {}, [], True, 1.5, "x" * 101)),
        ([sms()] * 101, "1150", ["failover"]),
        ([flat("1", "2", client_ref="x" * 101)], "1060", []),
        ([{}], "1150", [f"failover[0].{name}" for name in ("to", "from", "channel", "message_type")]),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_failover_is_checked_before_anything_is_sent(
    world: Detached, program: Program, page: str, psid: str, failover: Any, fragment: str, names: list[str]
) -> None:
    before = world.table("SELECT count(*) FROM messages")
    answer = world.post("/v1/messages", flat(page, psid, failover=failover), headers=program.headers)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (422, fragment)
    assert [each["name"] for each in answer.json().get("invalid_parameters", [])] == names
    assert world.table("SELECT count(*) FROM messages") == before


def test_a_failover_from_a_page_that_is_not_the_callers_is_refused_at_once_or_when_its_turn_comes(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    body = flat(page, STRANGER, failover=[sms(), flat(world.page(), psid)])
    answer = world.post("/v1/messages", body, headers=program.headers)
    assert answer.json()["type"].endswith("#1120")
    body["failover"].pop(0)
    world.control.switch(unlinked_page="later")
    second = uuids_of(world, accepted(world, program, body)["workflow_id"])[1]
    world.control.switch(unlinked_page="at once")
    assert hook.statuses(second, 2) == ["submitted", "rejected"]
    assert hook.of(second)[1].json["error"]["title"] == "1120"


def test_a_long_failover_is_stored_once_and_not_once_for_each_step(
    world: Detached, program: Program, page: str
) -> None:
    body = flat(page, STRANGER, failover=[flat(page, STRANGER, text="x" * 600)] * 100)
    answer = accepted(world, program, body)
    sql = "SELECT length(body) FROM messages WHERE json_extract(workflow, '$.workflow_id') = ? ORDER BY at"
    lengths = [row[0] for row in world.table(sql, answer["workflow_id"])]
    assert len(lengths) == 101
    assert max(lengths[1:]) < 1000


def test_a_page_speaks_through_its_own_application_and_through_the_account(
    world: Detached, program: Program, other_key: PrivateKey, page: str, psid: str
) -> None:
    other = world.application(other_key, messages={})
    answer = world.post("/v1/messages", flat(page, psid), headers=other.headers)
    assert answer.json()["type"].endswith("#1120")
    world.send(program, flat(page, psid))
    world.send(None, flat(page, psid))


def test_receipts_come_at_once_when_the_switch_says_so(world: Detached, hook: Target, key: PrivateKey) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url))
    page = world.page(program)
    psid = world.control.write(page=page, text="hi")["psid"]
    world.control.switch(receipts="at once")
    try:
        sent = world.send(program, flat(page, psid))
        assert hook.statuses(sent, 2) == ["submitted", "delivered"]
        moments = [row["at"] for row in world.queued(sent)]
        assert max(moments) - min(moments) < 0.05
    finally:
        world.control.switch(receipts="in 0.15 s")
