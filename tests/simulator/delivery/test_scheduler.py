"""Webhooks: where they go, what they say, how they are signed, and that none is lost."""

from __future__ import annotations

import json
import re
import socket
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from tests.conftest import wait_until
from tests.support.deliveries import account_settings, call_of, switched, write
from tests.support.simulation import (
    Call,
    Detached,
    Program,
    Target,
    flat,
    nested,
    refused_port,
    target,
    webhooks,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.mark.parametrize(("version", "nested_there"), [("v0.1", True), ("v1", False)])
def test_the_applications_version_says_the_shape_of_its_webhooks_whatever_was_sent(
    world: Detached, hook: Target, key: PrivateKey, version: str, nested_there: bool
) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url, version))
    said = write(world, program)
    assert isinstance(call_of(hook, said["message_uuid"]).json["from"], dict) is nested_there
    for sent in (
        world.send(program, flat(said["page_id"], said["psid"])),
        world.send(program, nested(said["page_id"], said["psid"]), "v0.1"),
    ):
        assert isinstance(call_of(hook, sent).json["from"], dict) is nested_there


@pytest.mark.parametrize(("shape", "nested_there"), [("v0.1", True), ("v1", False)])
def test_the_accounts_shape_says_it_for_an_application_without_messages(
    world: Detached, account: Target, guides: Program, shape: str, nested_there: bool
) -> None:
    with account_settings(world, inbound_url=account.url, status_url=account.url, http_method="POST", shape=shape):
        said = write(world, guides)
        assert isinstance(call_of(account, said["message_uuid"]).json["from"], dict) is nested_there
        sent = world.send(guides, nested(said["page_id"], said["psid"]), "beta")
        assert isinstance(call_of(account, sent).json["from"], dict) is nested_there


@pytest.mark.parametrize("version", ["v0.1", "v1"])
def test_webhook_version_says_it_for_one_message(world: Detached, hook: Target, key: PrivateKey, version: str) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url, "v1" if version == "v0.1" else "v0.1"))
    said = write(world, program)
    sent = world.send(program, flat(said["page_id"], said["psid"], webhook_version=version))
    assert isinstance(call_of(hook, sent).json["from"], dict) is (version == "v0.1")
    assert isinstance(call_of(hook, said["message_uuid"]).json["from"], dict) is (version == "v1")


# What they say


def test_an_inbound_webhook_in_the_guides_shape_has_the_guides_fields(
    world: Detached, hook: Target, key: PrivateKey
) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url, "v0.1"))
    said = write(world, program, text="Hello from Facebook Messenger!")
    body = call_of(hook, said["message_uuid"]).json
    assert TIME.fullmatch(body["timestamp"])
    # The guide's own example, field by field and in its order.
    expected = {
        "message_uuid": said["message_uuid"],
        "to": {"type": "messenger", "id": said["page_id"]},
        "from": {"type": "messenger", "id": said["psid"]},
        "timestamp": body["timestamp"],
        "message": {"content": {"type": "text", "text": "Hello from Facebook Messenger!"}},
    }
    assert body == expected
    assert list(body) == list(expected)


def test_an_inbound_webhook_in_todays_shape_has_the_specifications_fields(
    world: Detached, hook: Target, todays: Program
) -> None:
    said = write(world, todays)
    body = call_of(hook, said["message_uuid"]).json
    assert TIME.fullmatch(body["timestamp"])
    expected = {
        "channel": "messenger",
        "message_uuid": said["message_uuid"],
        "to": said["page_id"],
        "from": said["psid"],
        "timestamp": body["timestamp"],
        "message_type": "text",
        "text": "hi",
    }
    assert body == expected
    assert list(body) == list(expected)


@pytest.mark.parametrize("version", ["v0.1", "v1"])
def test_a_status_webhook_has_exactly_the_documented_fields(
    world: Detached, hook: Target, key: PrivateKey, version: str
) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url, version))
    said = write(world, program)
    sent = world.send(program, flat(said["page_id"], said["psid"], client_ref="order 7"))
    plain = world.send(program, flat(said["page_id"], said["psid"]))
    refused = world.send(program, flat(said["page_id"], "3333333333333333"))
    for each in (sent, plain, refused):
        hook.statuses(each, 2)
    # As in the send request: to is the person, from the Page.
    ends: dict[str, Any] = {"to": said["psid"], "from": said["page_id"]}
    if version == "v0.1":
        ends = {name: {"type": "messenger", "id": value} for name, value in ends.items()}
    else:
        ends["channel"] = "messenger"
    for each, status in zip(hook.of(sent), ["submitted", "delivered"], strict=True):
        assert TIME.fullmatch(each.json["timestamp"])
        moment = {"timestamp": each.json["timestamp"]}
        assert each.json == ends | moment | {"message_uuid": sent, "status": status, "client_ref": "order 7"}
    assert "client_ref" not in hook.of(plain)[0].json
    error = hook.of(refused)[1].json["error"]
    assert error == (
        {"code": 1300, "reason": "Not part of the provider network"}
        if version == "v0.1"
        else {
            "type": "https://developer.vonage.com/api-errors/messages#1300",
            "title": "1300",
            "detail": "Not part of the provider network",
            "instance": refused,
        }
    )


def test_timestamps_are_now_in_utc(world: Detached, hook: Target, todays: Program) -> None:
    said = write(world, todays)
    call = call_of(hook, said["message_uuid"])
    moment = datetime.fromisoformat(call.json["timestamp"])
    assert abs((datetime.fromtimestamp(call.at, UTC) - moment).total_seconds()) < 2


# What is an answer, and what is tried again


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 205])
def test_an_answer_from_200_to_205_is_the_end_of_it(world: Detached, key: PrivateKey, status: int) -> None:
    with target(status) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        said = write(world, program)
        row = world.settled(said["message_uuid"], 1)[0]
    assert (row["outcome"], row["attempts"], row["answer"]) == ("delivered", 1, f"answered {status}")


@pytest.mark.parametrize("status", [206, 302, 400, 401, 404, 410, 429, 500, 503])
def test_every_other_answer_is_tried_again_after_five_seconds(world: Detached, key: PrivateKey, status: int) -> None:
    with target(status) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        said = write(world, program)
        call = hook.wait()[0]
        row = world.settled(said["message_uuid"], 1)[0]
    assert (row["outcome"], row["attempts"], row["answer"]) == (None, 1, f"answered {status}")
    assert call.at + 4.9 < row["due"] < call.at + 6
    assert [each.path for each in hook.calls] == ["/hook"]  # a redirection is not followed


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "http://name.invalid/hook",
        "http://127.0.0.1:99999/hook",
        "http://[::1/hook",
        "http://a b/hook",
        "http://user:word@127.0.0.1:{port}/hook",
        "http://\x00\x7f\u2028/hook",
        "http://xn--\u00e9/hook",
        "https://127.0.0.1:{port}/\ufffe",
    ],
)
def test_an_address_where_nobody_answers_is_tried_again_after_five_seconds_and_stops_nothing_else(
    world: Detached, hook: Target, todays: Program, url: str
) -> None:
    said = write(world, todays)
    body = flat(said["page_id"], said["psid"])
    before = time.time()
    lost = world.post("/v1/messages", body | {"webhook_url": url.format(port=refused_port())}, headers=todays.headers)
    if lost.status_code == 422:  # no address at all
        return
    rows = world.settled(lost.json()["message_uuid"], 2)
    for row in rows:
        assert (row["outcome"], row["attempts"]) == (None, 1)
        assert row["answer"].startswith("no answer")
        assert before + 4.9 < row["due"] < time.time() + 6
    assert hook.statuses(world.send(todays, body), 2) == ["submitted", "delivered"]


def test_each_webhook_is_tried_again_for_itself(world: Detached, key: PrivateKey) -> None:
    def answer(call: Call) -> int:
        return 500 if call.json["status"] == "submitted" else 200

    with target(answer) as hook:
        program = world.application(key, messages=webhooks(None, hook.url))
        said = world.control.write(page=world.page(program), text="hi")
        sent = world.send(program, flat(said["page_id"], said["psid"]))
        rows = world.settled(sent, 2)
    assert [(row["kind"], row["outcome"]) for row in rows] == [("submitted", None), ("delivered", "delivered")]


def test_a_second_try_comes_after_five_seconds_signed_anew_with_the_same_bytes(
    world: Detached, key: PrivateKey
) -> None:
    answers = iter([503, 200])
    with target(lambda call: next(answers)) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        said = write(world, program)
        first, second = hook.wait(2, timeout=12)
        row = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["outcome"]])[0]
    assert 4.9 < second.at - first.at < 7
    assert first.body == second.body
    assert first.claims["jti"] != second.claims["jti"]
    assert (row["attempts"], row["outcome"]) == (2, "delivered")


def test_waits_double_to_640_seconds_and_are_15_minutes_then(world: Detached, key: PrivateKey) -> None:
    with target(500) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        said = write(world, program)
        world.settled(said["message_uuid"], 1)
        waits = []
        for attempt in range(2, 12):
            world.kill()
            world.table("UPDATE webhooks SET due = 0 WHERE uuid = ?", said["message_uuid"])
            world.restart()
            hook.wait(attempt)
            row = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["due"]])[0]
            waits.append(round(row["due"] - hook.calls[-1].at))
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_no_answer_in_time_is_tried_again(world: Detached, hook: Target, todays: Program, key: PrivateKey) -> None:
    def answer(call: Call) -> int:
        time.sleep(16)
        return 200

    with target(answer) as slow:
        program = world.application(key, messages=webhooks(slow.url))
        said = write(world, program)
        begun = slow.wait()[0].at
        # Nobody else waits for the slow one.
        call_of(hook, write(world, todays)["message_uuid"])
        assert time.time() - begun < 5
        row = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["answer"]], timeout=20)[0]
    assert (row["answer"], row["outcome"], row["attempts"]) == ("no answer in time", None, 1)
    assert begun + 19 < row["due"] < begun + 22


def test_what_nobody_took_for_a_day_is_dropped_and_no_longer_called(world: Detached, key: PrivateKey) -> None:
    with target(500) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        said = write(world, program)
        world.settled(said["message_uuid"], 1)
        world.kill()
        world.table("UPDATE webhooks SET due = 0, at = at - 86401 WHERE uuid = ?", said["message_uuid"])
        world.restart()
        row = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["outcome"]])[0]
        assert (row["outcome"], row["answer"]) == ("dropped", "nobody took it within 24 hours")
        assert len(hook.calls) == 1


# Order


def test_receipts_of_one_message_come_one_after_the_other_even_to_a_slow_handler(
    world: Detached, key: PrivateKey
) -> None:
    busy: list[str] = []
    together: list[str] = []

    def answer(call: Call) -> int:
        together.extend(busy)
        busy.append(call.json["status"])
        time.sleep(0.25)
        busy.remove(call.json["status"])
        return 200

    with target(answer) as hook:
        program = world.application(key, messages=webhooks(None, hook.url))
        page = world.page(program)
        psid = world.control.write(page=page, text="hi")["psid"]
        sent = world.send(program, flat(page, psid))
        world.control.read(page=page)
        assert hook.statuses(sent, 3) == ["submitted", "delivered", "read"]
    assert together == []


def test_messages_do_not_wait_for_each_other(world: Detached, key: PrivateKey) -> None:
    with target(lambda call: time.sleep(0.5) or 200) as hook:
        program = world.application(key, messages=webhooks(hook.url))
        page = world.page(program)
        for number in range(20):
            world.control.write(page=page, text=f"{number}")
        calls = hook.wait(20)
    assert calls[-1].at - calls[0].at < 5  # one after the other: ten seconds


def test_a_server_that_hangs_holds_up_no_other(world: Detached, hook: Target, key: PrivateKey) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        program = world.application(key, messages=webhooks(hook.url, hook.url))
        page = world.page(program)
        psid = world.control.write(page=page, text="hi")["psid"]
        deaf = f"http://127.0.0.1:{silent.getsockname()[1]}/status"
        for _ in range(100):
            world.send(program, flat(page, psid, webhook_url=deaf))
        said = world.control.write(page=page, text="do I still come?")
        wait_until(lambda: hook.of(said["message_uuid"]), 8, "the webhook of the server that answers")


def test_whoever_sends_without_a_pause_makes_no_receipt_wait_long(world: Detached, key: PrivateKey) -> None:
    with target() as hook:
        program = world.application(key, messages=webhooks(hook.url, hook.url))
        page = world.page(program)
        psid = world.control.write(page=page, text="hi")["psid"]
        sent = {}
        until = time.time() + 3
        while time.time() < until:
            uuid = world.send(program, flat(page, psid))
            sent[uuid] = time.time()
            time.sleep(0.01)  # within every gap that the delivery waits for
        wait_until(lambda: all(len(hook.of(uuid)) == 2 for uuid in list(sent)[-3:]), what="the last receipts")
        wait_until(lambda: len(hook.calls) >= 2 * len(sent), what="all receipts")
        late = [call.at - sent[call.json["message_uuid"]] for call in hook.calls if "status" in call.json]
    assert max(late) < 1.5, sorted(late)[-10:]


def test_what_waited_for_an_address_comes_in_the_order_of_each_message(
    world: Detached, account: Target, guides: Program
) -> None:
    said = write(world, guides)
    sent = [world.send(guides, nested(said["page_id"], said["psid"]), "v0.1") for _ in range(10)]
    world.control.read(psid=said["psid"])
    wait_until(lambda: all(len([r for r in world.queued(each) if r["answer"]]) == 3 for each in sent))
    with account_settings(world, inbound_url=account.url, status_url=account.url, http_method="POST"):
        for each in sent:
            assert account.statuses(each, 3) == ["submitted", "delivered", "read"]


# Kill


def test_what_is_queued_is_delivered_once_after_a_kill(world: Detached, key: PrivateKey) -> None:
    port = refused_port()
    url = f"http://127.0.0.1:{port}/hook"
    program = world.application(key, messages=webhooks(url, url))
    page = world.page(program)
    said = [world.control.write(page=page, text=f"{number}") for number in range(20)]
    sent = [world.send(program, flat(page, said[0]["psid"])) for _ in range(20)]
    world.kill()
    with target(port=port) as hook:
        world.restart()
        expected = {(each["message_uuid"], "inbound") for each in said}
        expected |= {(each, status) for each in sent for status in ("submitted", "delivered")}
        calls = hook.wait(60, timeout=20)
        assert world.control.read(page=page) == 20
        calls = hook.wait(80)
        time.sleep(0.3)
    seen = [(call.json["message_uuid"], call.json.get("status", "inbound")) for call in calls]
    expected |= {(each, "read") for each in sent}
    assert len(hook.calls) == 80
    assert set(seen) == expected


def test_nothing_is_lost_when_it_is_killed_again_and_again_while_it_delivers(world: Detached, key: PrivateKey) -> None:
    with target(lambda call: time.sleep(0.01) or 200) as hook:
        program = world.application(key, messages=webhooks(hook.url, hook.url))
        page = world.page(program)
        accepted: set[tuple[str, str]] = set()
        for _ in range(4):
            for _ in range(15):
                said = world.control.write(page=page, text="hi")
                sent = world.send(program, flat(page, said["psid"]))
                accepted |= {(said["message_uuid"], "inbound"), (sent, "submitted"), (sent, "delivered")}
            world.kill()
            world.restart()

        def seen() -> set[tuple[str, str]]:
            return {(call.json["message_uuid"], call.json.get("status", "inbound")) for call in list(hook.calls)}

        wait_until(lambda: accepted <= seen(), timeout=20, what="every webhook")
        assert seen() == accepted


# What the switches say


@pytest.mark.fast
@pytest.mark.parametrize(("status", "retried"), [(404, False), (302, False), (401, False), (429, True), (503, True)])
def test_with_retry_on_5xx_only_429_and_5xx_are_tried_again(
    world: Detached, key: PrivateKey, status: int, retried: bool
) -> None:
    with target(status) as hook, switched(world, retry_on="5xx"):
        page = world.page(world.application(key, messages=webhooks(hook.url, hook.url)))
        said = world.control.write(page=page, text="hi")
        row = world.settled(said["message_uuid"], 1)[0]
        assert row["answer"] == f"answered {status}"
        assert row["outcome"] == (None if retried else "dropped")


@pytest.mark.fast
def test_with_retry_on_5xx_no_answer_is_tried_again_all_the_same(world: Detached, key: PrivateKey) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with switched(world, retry_on="5xx"):
            page = world.page(world.application(key, messages=webhooks(url, url)))
            said = world.control.write(page=page, text="hi")
            row = world.settled(said["message_uuid"], 1)[0]
            assert (row["outcome"], row["attempts"]) == (None, 1)


@pytest.mark.fast
def test_under_GET_nested_fields_are_json_or_one_parameter_each(  # noqa: N802
    world: Detached, guides: Program, account: Target
) -> None:
    page = world.page(guides)
    seen = {}
    for form in ("json", "dotted"):
        with account_settings(world, inbound_url=account.url, http_method="GET"), switched(world, get_form=form):
            said = world.control.write(page=page, text="hi")
            world.settled(said["message_uuid"], 1)
            seen[form] = next(c.query for c in account.calls if c.query.get("message_uuid") == said["message_uuid"])
    assert json.loads(seen["json"]["from"]) == {"type": "messenger", "id": said["psid"]}
    assert seen["dotted"]["from.id"] == said["psid"]
    assert seen["dotted"]["message.content.text"] == "hi"
    assert "from" not in seen["dotted"]
