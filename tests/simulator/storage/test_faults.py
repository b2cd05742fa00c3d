"""Lessons in what goes wrong: each does what its table says, as often as it says, and ends by itself or cleared."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import verify
from nbhelpers.errors import ServiceError
from nbhelpers.simulator.storage import faults
from nbhelpers.simulator.storage.faults import FAULTS
from tests.conftest import wait_until
from tests.support import readme_tables
from tests.support.simulation import Detached, Program, Target, flat, nested, target, webhooks

SIMULATOR = Path(faults.__file__).parents[1]


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture
def psid(world: Detached, page: str) -> str:
    """Of somebody who has just written, and whose message has arrived."""
    said = world.control.write(page=page, text="hi")
    world.settled(said["message_uuid"], 1)
    return said["psid"]


@pytest.fixture(autouse=True)
def as_it_comes(world: Detached) -> Iterator[None]:
    # What a test before sent is not to be called while this one runs.
    wait_until(lambda: all(row["outcome"] or row["answer"] for row in world.control.webhooks()), what="a calm")
    yield
    world.control.clear_faults()
    world.control.pace(1)


def left(world: Detached) -> dict[str, int]:
    return {each["name"]: each["left"] for each in world.control.faults() if each["left"] is not None}


def status(world: Detached, program: Program, page: str, psid: str, version: str = "v1") -> int:
    body = flat(page, psid) if version == "v1" else nested(page, psid)
    return world.post(f"/{version}/messages", body, headers=program.headers).status_code


# The table


@pytest.mark.fast
def test_the_table_says_what_each_does_what_you_see_and_where_it_is_from() -> None:
    for fault in FAULTS.values():
        assert fault.does.endswith(".")
        assert fault.see.endswith(".")
        assert fault.source
        assert fault.kind in ("calls", "messages", "webhooks", "now")
        assert fault.times >= 0


@pytest.mark.fast
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_taken_somewhere(name: str) -> None:
    code = [path.read_text(encoding="utf-8") for path in SIMULATOR.rglob("*.py")]
    assert any(f'"{name}"' in text for text in code), f"{name} stands in the table, and nothing happens"


@pytest.mark.fast
def test_the_readme_has_the_table_as_it_is() -> None:
    readme = (SIMULATOR / "README.md").read_text()
    assert f"<!-- faults -->\n{readme_tables.faults()}\n<!-- end of faults -->" in readme


@pytest.mark.fast
def test_a_lesson_is_named_as_people_write_it_and_one_that_there_is_not_is_refused(world: Detached) -> None:
    for name in ("rate-limit", "Rate limit", " RATE_LIMIT "):
        assert world.control.fault(name)["left"] == 3
    with pytest.raises(ServiceError, match=r"There is no such lesson. You named “earthquake”. There are exp"):
        world.control.fault("earthquake")
    with pytest.raises(ServiceError, match="There is no such lesson"):
        world.control.clear_faults("earthquake")
    with pytest.raises(ServiceError, match="times cannot be that"):
        world.control.fault("rate-limit", -1)
    with pytest.raises(ServiceError, match=r"times cannot be that. You gave “0.9”"):
        world.control._call("POST", "faults", {"name": "rate-limit", "times": "0.9"})
    with pytest.raises(ServiceError, match=r"This lesson happens at once. You said 3 times"):
        world.control.fault("unsupported-message", 3)


# Calls


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "version", "refused"),
    [
        ("expired-token", "v1", 401),
        ("expired-token", "v0.1", 401),
        ("wrong-key", "v1", 401),
        ("wrong-key", "v0.1", 401),
        ("rate-limit", "v1", 429),
        ("low-balance", "v1", 402),
        ("low-balance", "v0.1", 400),
    ],
)
def test_a_call_is_refused_as_often_as_was_said_and_then_no_more(
    world: Detached, program: Program, page: str, psid: str, name: str, version: str, refused: int
) -> None:
    world.control.fault(name, 2)
    statuses = [status(world, program, page, psid, version) for _ in range(3)]
    assert statuses == [refused, refused, 202]
    assert left(world) == {}


def test_low_balance_stays_until_it_is_cleared_even_over_a_kill(
    world: Detached, program: Program, page: str, psid: str
) -> None:
    assert world.control.fault("low-balance")["left"] == 0
    assert [status(world, program, page, psid) for _ in range(3)] == [402, 402, 402]
    world.kill()
    world.restart()
    assert left(world) == {"low-balance": 0}
    assert status(world, program, page, psid) == 402
    world.control.clear_faults("low-balance")
    assert status(world, program, page, psid) == 202


@pytest.mark.fast
def test_a_lesson_about_tokens_leaves_key_and_secret_alone(world: Detached, page: str, psid: str) -> None:
    world.control.fault("expired-token")
    world.send(None, flat(page, psid))
    assert left(world) == {"expired-token": 1}


# Messages


@pytest.mark.fast
@pytest.mark.parametrize(("name", "code"), [("outside-window", "1340"), ("unknown-psid", "1300")])
def test_the_next_message_is_refused_later_and_the_one_after_arrives(
    world: Detached, program: Program, hook: Target, page: str, psid: str, name: str, code: str
) -> None:
    world.control.fault(name)
    first, second = world.send(program, flat(page, psid)), world.send(program, flat(page, psid))
    assert hook.statuses(first, 2) == ["submitted", "rejected"]
    assert hook.of(first)[1].json["error"]["title"] == code
    assert hook.statuses(second, 2) == ["submitted", "delivered"]


def test_an_expired_link_refuses_until_the_page_is_linked_again(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("page link expired", page=page)
    for sent in (world.send(program, flat(page, psid)) for _ in range(2)):
        assert hook.statuses(sent, 2) == ["submitted", "rejected"]
        assert hook.of(sent)[1].json["error"]["title"] == "1370"
    world.control.link(program.token(), page)
    assert left(world) == {}
    assert hook.statuses(world.send(program, flat(page, psid)), 2) == ["submitted", "delivered"]


def test_an_expired_link_is_one_pages_and_can_be_ended(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    other = world.page(program)
    elsewhere = world.control.write(page=other, text="hi")["psid"]
    assert world.control.fault("page-link-expired", page=page)["left"] == 0
    world.control.link(program.token(), other)
    assert hook.statuses(world.send(program, flat(other, elsewhere)), 2) == ["submitted", "delivered"]
    assert hook.statuses(world.send(program, flat(page, psid)), 2) == ["submitted", "rejected"]
    world.control.clear_faults("page link expired")
    assert left(world) == {}
    assert hook.statuses(world.send(program, flat(page, psid)), 2) == ["submitted", "delivered"]


@pytest.mark.fast
def test_outside_the_window_a_human_agent_may_still_answer_as_after_a_real_day(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("outside-window")
    human = {"category": "message_tag", "tag": "HUMAN_AGENT"}
    sent = world.send(program, flat(page, psid, messenger=human))
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]
    world.control.switch(unknown_psid="1340")
    world.control.fault("unknown-psid")
    sent = world.send(program, flat(page, psid))
    hook.statuses(sent, 2)
    assert hook.of(sent)[1].json["error"]["title"] == "1340"
    world.control.switch(unknown_psid="1300")


@pytest.mark.fast
def test_receipts_arrive_before_the_answer_to_the_call_that_sent_the_message(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("receipt-before-reply")
    sent = world.send(program, flat(page, psid))
    assert [call.json["status"] for call in hook.of(sent)] == ["submitted", "delivered"]
    assert hook.of(world.send(program, flat(page, psid))) == []


def test_receipts_come_out_of_order_and_state_the_right_one(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("receipts out of order")
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["delivered", "submitted"]
    delivered, submitted = (call.json["timestamp"] for call in hook.of(sent))
    assert submitted < delivered
    assert hook.statuses(world.send(program, flat(page, psid)), 2) == ["submitted", "delivered"]


# Webhooks


def inbound(world: Detached, hook: Target, page: str, count: int = 1) -> list[Any]:
    """What arrives when somebody writes."""
    uuid = world.control.write(page=page, text="hello?")["message_uuid"]
    wait_until(lambda: len(hook.of(uuid)) >= count, 20, f"{count} calls for {uuid}")
    return hook.of(uuid)


@pytest.mark.fast
def test_a_webhook_without_a_signature_and_one_with_a_wrong_one(
    world: Detached, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("unsigned")
    call = inbound(world, hook, page)[0]
    assert "authorization" not in call.headers
    world.control.fault("bad-signature")
    call = inbound(world, hook, page)[0]
    assert verify(call.headers["authorization"], call.body, world.secret).kind == "wrong"
    call = inbound(world, hook, page)[0]
    assert verify(call.headers["authorization"], call.body, world.secret).kind == "signed"


def test_a_receipt_that_is_on_its_way_uses_up_no_lesson(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    lessons = {fault.name: fault.times for fault in FAULTS.values() if fault.kind == "webhooks"}
    sent = world.send(program, flat(page, psid))
    for name in lessons:
        world.control.fault(name)
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]
    assert left(world) == lessons


def test_until_it_is_cleared_nobody_is_at_home_for_any_webhook(
    world: Detached, hook: Target, page: str, psid: str
) -> None:
    world.control.fault("receiver-down", 0)
    written = [world.control.write(page=page, text=text)["message_uuid"] for text in ("hello?", "anybody?")]
    for uuid in written:
        (row,) = world.settled(uuid, 1)
        assert row["answer"] == "no answer (the lesson receiver-down)"
    world.control.pace(100)
    world.control.clear_faults()
    for uuid in written:
        wait_until(lambda uuid=uuid: hook.of(uuid), what="a retry that is answered")


def test_a_lost_answer_brings_the_same_webhook_twice(world: Detached, hook: Target, page: str, psid: str) -> None:
    world.control.fault("duplicate-delivery")
    first, second = inbound(world, hook, page, 2)
    assert first.body == second.body
    assert first.token != second.token
    rows = world.queued(first.json["message_uuid"])
    wait_until(lambda: world.queued(first.json["message_uuid"])[0]["outcome"] == "delivered")
    assert rows[0]["attempts"] in (1, 2)


def test_a_slow_webhook_comes_three_seconds_late(world: Detached, hook: Target, page: str, psid: str) -> None:
    world.control.fault("slow-webhook")
    begun = time.time()
    call = inbound(world, hook, page)[0]
    assert 2.9 < call.at - begun < 6


def test_a_shut_receiver_opens_again_and_at_a_pace_of_a_hundred_it_takes_no_minute(
    world: Detached, hook: Target, page: str, psid: str
) -> None:
    assert world.control.pace(100) == 100
    world.control.fault("receiver-down")
    begun = time.time()
    (call,) = inbound(world, hook, page)
    row = world.settled(call.json["message_uuid"], 1)[0]
    assert 0.35 < call.at - begun < 5  # 5 + 10 + 20 seconds, a hundred times as fast
    wait_until(lambda: world.queued(call.json["message_uuid"])[0]["outcome"] == "delivered")
    assert world.queued(call.json["message_uuid"])[0]["attempts"] == 4
    assert row["uuid"] == call.json["message_uuid"]


def test_a_faster_pace_counts_for_what_waits_already(world: Detached, hook: Target, page: str, psid: str) -> None:
    world.control.fault("receiver-down", 1)
    uuid = world.control.write(page=page, text="hello?")["message_uuid"]
    world.settled(uuid, 1)
    assert world.control.pace() == 1
    world.control.pace(50)
    assert world.control.pace() == 50
    wait_until(lambda: hook.of(uuid), 2, "a try that was five seconds away")


@pytest.mark.fast
@pytest.mark.parametrize("pace", ["0", "0.5", "1001", "fast", "nan", ""])
def test_a_pace_that_cannot_be_is_refused(world: Detached, pace: str) -> None:
    with pytest.raises(ServiceError, match="pace cannot be that"):
        world.control._call("PUT", "pace", {"pace": pace})


@pytest.mark.fast
def test_a_sticker_comes_as_a_message_of_no_supported_type(world: Detached, hook: Target, page: str) -> None:
    before = len(hook.calls)
    world.control.fault("unsupported-message", page=page)
    wait_until(lambda: [c for c in hook.calls[before:] if c.json.get("message_type") == "unsupported"])
    assert left(world) == {}


def test_every_lesson_can_be_had_twice_and_leaves_nothing_behind(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    world.control.pace(1000)
    for name in [name for name in FAULTS for _ in range(2)]:
        world.control.fault(name, page=page)  # whatever its kind
        for _ in range(4):
            world.post("/v1/messages", flat(page, psid), headers=program.headers)
            world.control.write(page=page, text="x")
        world.control.clear_faults()
        assert left(world) == {}
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]


# Ageing


@pytest.fixture
def aged(world: Detached) -> Callable[[float], None]:
    return lambda hours: world.control.advance(hours)


def test_an_answer_25_hours_later_is_a_202_and_then_1340_never_a_401(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    assert world.control.advance(25) == {"hours": 25.0}
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["submitted", "rejected"]
    assert hook.of(sent)[1].json["error"]["title"] == "1340"
    said = world.control.write(page=page, text="still there?")
    assert hook.statuses(world.send(program, flat(page, said["psid"])), 2) == ["submitted", "delivered"]
    # What is told and signed stays on this computer's clock.
    call = hook.of(sent)[1]
    claims = jwt.decode(call.token, world.secret, algorithms=["HS256"])
    assert abs(claims["iat"] - time.time()) < 60
    assert verify(call.headers["authorization"], call.body, world.secret).kind == "signed"


def test_a_token_made_before_is_older_and_one_made_afterwards_is_fresh(world: Detached, program: Program) -> None:
    before = {"Authorization": f"Bearer {program.token()}"}
    long = {"Authorization": f"Bearer {program.token(exp=int(time.time()) + 80_000)}"}

    def statuses() -> list[int]:
        return [
            world.post("/v1/messages", b"{}", headers=headers).status_code
            for headers in (before, long, program.headers)
        ]

    assert statuses() == [422, 422, 422]
    world.control.advance(0.3)
    assert statuses() == [401, 422, 422]
    world.control.advance(23)
    assert statuses() == [401, 401, 422]


def test_ageing_adds_up_and_survives_a_kill(world: Detached, program: Program, page: str, psid: str) -> None:
    before = {"Authorization": f"Bearer {program.token(exp=int(time.time()) + 7200)}"}
    world.control.advance(1.1)
    world.kill()
    world.restart()
    assert world.post("/v1/messages", b"{}", headers=before).status_code == 422
    world.control.advance(1.1)
    assert world.post("/v1/messages", b"{}", headers=before).status_code == 401


def test_what_waits_for_its_next_try_is_due_earlier_and_a_day_later_it_is_dropped(
    world: Detached, key: PrivateKey
) -> None:
    answers = itertools.chain([503], itertools.repeat(200))
    with target(lambda _: next(answers)) as busy, target(503) as never:
        pages = {name: world.page(world.application(key, messages=webhooks(hook.url, hook.url)))
                 for name, hook in (("busy", busy), ("never", never))}  # fmt: skip
        said = {name: world.control.write(page=page, text="hi")["message_uuid"] for name, page in pages.items()}
        for uuid in said.values():
            world.settled(uuid, 1)
        world.control.advance(0.1)
        wait_until(lambda: world.queued(said["busy"])[0]["outcome"] == "delivered", 4)
        wait_until(lambda: world.queued(said["never"])[0]["attempts"] == 2, 4)
        calls = len(never.calls)
        world.control.advance(24)
        wait_until(lambda: world.queued(said["never"])[0]["outcome"] == "dropped", 4)
        assert len(never.calls) == calls


def test_what_was_about_to_be_tried_when_a_day_passed_is_still_delivered(
    world: Detached, page: str, hook: Target
) -> None:
    with ThreadPoolExecutor(1) as other:
        ageing = other.submit(world.control.advance, 25)
        said = []
        while not ageing.done():
            said.append(world.control.write(page=page, text="hello")["message_uuid"])
    assert len(said) > 10

    def outcomes() -> dict[str, str]:
        return {each["uuid"]: each["outcome"] for each in world.control.webhooks(2 * len(said)) if each["outcome"]}

    wait_until(lambda: set(said) <= set(outcomes()), 10, "an outcome of each")
    assert {outcomes()[uuid] for uuid in said} == {"delivered"}


def test_the_link_of_a_page_ages_too(world: Detached, program: Program, hook: Target) -> None:
    page = world.page(program)
    world.control.switch(page_link="90")
    world.control.advance(24 * 91)
    psid = world.control.write(page=page, text="hi")["psid"]
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["submitted", "rejected"]
    assert hook.of(sent)[1].json["error"]["title"] == "1370"
    world.control.switch(page_link="never")


@pytest.mark.fast
@pytest.mark.parametrize("hours", ["-1", "0", "soon", "inf", "nan", "1e9"])
def test_time_that_cannot_pass_is_refused(world: Detached, hours: str) -> None:
    with pytest.raises(ServiceError, match="hours cannot be that"):
        world.control._call("POST", "advance", {"hours": hours})
