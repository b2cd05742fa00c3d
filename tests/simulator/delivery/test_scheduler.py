"""Webhooks: where they go, what they say, how they are signed, and that none is lost."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import vonage_jwt

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import verify
from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.conftest import wait_until
from tests.support.simulation import (
    GUIDES_VOICE,
    Call,
    Detached,
    Program,
    Target,
    flat,
    nested,
    target,
    webhooks,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def account() -> Iterator[Target]:
    """A target for the account's settings."""
    with target(path="/account") as made:
        yield made


@pytest.fixture
def todays(world: Detached, hook: Target, key: PrivateKey) -> Program:
    """An application of today: its own URLs."""
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture
def guides(world: Detached, key: PrivateKey) -> Program:
    """The guide's application: Voice, its two URLs ignored."""
    return world.application(key, voice=GUIDES_VOICE)


@contextmanager
def settings(world: Detached, **changes: str) -> Iterator[None]:
    """The account's settings, for as long as it takes; each test may count on the defaults."""
    world.control.change_settings(**changes)
    try:
        yield
    finally:
        world.control.change_settings(inbound_url="", status_url="", http_method="GET", shape="v0.1")


def write(world: Detached, program: Program | None, **details: str) -> dict[str, Any]:
    return world.control.write(page=world.page(program), **{"text": "hi", **details})


def call_of(hook: Target, message_uuid: str) -> Call:
    wait_until(lambda: hook.of(message_uuid), what=f"a webhook of {message_uuid} at {hook.url}")
    return hook.of(message_uuid)[0]


# Where they go


def test_what_belongs_to_an_application_with_messages_goes_to_its_urls_by_POST(  # noqa: N802
    world: Detached, account: Target, key: PrivateKey
) -> None:
    with target(path="/in") as inbound, target(path="/status") as status:
        program = world.application(key, messages=webhooks(inbound.url, status.url))
        with settings(world, inbound_url=account.url, status_url=account.url):
            said = write(world, program)
            call = call_of(inbound, said["message_uuid"])
            sent = world.send(program, flat(said["page_id"], said["psid"]))
            assert status.statuses(sent, 2) == ["submitted", "delivered"]
    assert (call.method, call.path, call.headers["content-type"]) == ("POST", "/in", "application/json")
    assert len(inbound.calls) == 1
    assert not account.of(said["message_uuid"])
    assert not account.of(sent)


def test_what_belongs_to_the_guides_voice_application_goes_to_the_accounts_urls(
    world: Detached, account: Target, guides: Program
) -> None:
    with settings(world, inbound_url=account.url, status_url=f"{account.url}/status", http_method="POST"):
        said = write(world, guides)
        assert call_of(account, said["message_uuid"]).path == "/account"
        sent = world.send(guides, nested(said["page_id"], said["psid"]), "v0.1")
        assert account.statuses(sent, 2) == ["submitted", "delivered"]
    assert {call.path for call in account.of(sent)} == {"/account/status"}


def test_the_accounts_method_is_GET_until_it_is_changed(world: Detached, guides: Program) -> None:  # noqa: N802
    assert world.control.settings()["http_method"] == "GET"
    with target(path="/in?to=me#part") as hook, settings(world, inbound_url=hook.url):
        said = write(world, guides, text='Grüße & "50 %" + 🥐 = {a}')
        first = hook.wait()[0]
        world.control.change_settings(http_method="POST")
        again = write(world, guides)
        second = hook.wait(2)[1]
    assert first.method == "GET"
    assert first.body == b""
    assert "content-type" not in first.headers
    query = first.query
    # How nested JSON looked under GET is not known; ours is JSON text in each parameter.
    assert first.path.startswith("/in?to=me&message_uuid=")
    assert query.pop("from") == json.dumps({"type": "messenger", "id": said["psid"]}, separators=(",", ":"))
    assert json.loads(query["message"])["content"]["text"] == 'Grüße & "50 %" + 🥐 = {a}'
    assert query["message_uuid"] == said["message_uuid"]
    assert set(query) == {"message_uuid", "to", "timestamp", "message"}
    assert first.claims["payload_hash"] == hashlib.sha256(b"").hexdigest()
    assert verify(first.headers["authorization"], b"", world.secret).kind == "signed"
    assert (second.method, second.json["message_uuid"]) == ("POST", again["message_uuid"])


def test_a_change_of_settings_applies_to_what_is_queued_already(
    world: Detached, account: Target, guides: Program
) -> None:
    said = write(world, guides)
    waiting = world.settled(said["message_uuid"], 1)[0]
    assert (waiting["attempts"], waiting["outcome"], waiting["answer"]) == (0, None, "no webhook URL is set")
    with settings(world, inbound_url=account.url, http_method="POST"):
        assert call_of(account, said["message_uuid"]).json["message_uuid"] == said["message_uuid"]
        done = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["outcome"]])
    assert (done[0]["outcome"], done[0]["attempts"], done[0]["called"]) == ("delivered", 1, f"POST {account.url}")


def test_statuses_of_what_key_and_secret_sent_go_to_the_accounts_status_url(
    world: Detached, hook: Target, account: Target, todays: Program
) -> None:
    said = write(world, todays)
    with settings(world, status_url=account.url, http_method="POST", shape="v1"):
        sent = world.send(None, flat(said["page_id"], said["psid"]))
        assert account.statuses(sent, 2) == ["submitted", "delivered"]
    assert hook.of(sent) == []
    assert "application_id" not in account.of(sent)[0].claims


def test_a_messages_own_webhook_url_goes_before_all_others(
    world: Detached, hook: Target, account: Target, todays: Program
) -> None:
    said = write(world, todays)
    with target(path="/own") as own, settings(world, status_url=account.url):
        body = flat(said["page_id"], said["psid"], webhook_url=own.url)
        for program in (todays, None):
            sent = world.send(program, body)
            assert own.statuses(sent, 2) == ["submitted", "delivered"]
            assert hook.of(sent) == account.of(sent) == []
            assert world.control.read(psid=said["psid"]) == 1
            assert own.statuses(sent, 3)[2] == "read"


def test_v01_knows_no_webhook_url(world: Detached, hook: Target, todays: Program) -> None:
    said = write(world, todays)
    with target(path="/own") as own:
        sent = world.send(todays, nested(said["page_id"], said["psid"], webhook_url=own.url), "v0.1")
        assert hook.statuses(sent, 2) == ["submitted", "delivered"]
        assert own.calls == []


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
    with settings(world, inbound_url=account.url, status_url=account.url, http_method="POST", shape=shape):
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


def test_bodies_are_compact_json_in_utf8(world: Detached, hook: Target, todays: Program) -> None:
    said = write(world, todays, text="Grüße 🥐")
    body = call_of(hook, said["message_uuid"]).body
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    assert "Grüße 🥐".encode() in body


# How they are signed


def test_the_official_library_accepts_the_signature_and_the_hash_is_of_the_bytes_sent(
    world: Detached, hook: Target, todays: Program
) -> None:
    said = write(world, todays, text="Grüße 🥐 <&>")
    sent = world.send(todays, flat(said["page_id"], said["psid"]))
    hook.statuses(sent, 2)
    calls = [call_of(hook, said["message_uuid"]), *hook.of(sent)]
    for call in calls:
        assert vonage_jwt.verify_signature(call.token, world.secret) is True
        assert vonage_jwt.verify_signature(call.token, world.ready["api_secret"] + "x" * 32) is False
        claims = call.claims
        assert claims.pop("payload_hash") == hashlib.sha256(call.body).hexdigest()
        assert abs(claims.pop("iat") - call.at) < 3
        assert len(claims.pop("jti")) == 36
        assert claims == {"iss": "Vonage", "api_key": world.basic[0], "application_id": todays.id}
        assert verify(call.headers["authorization"], call.body, world.secret).kind == "signed"
        assert verify(call.headers["authorization"], call.body + b" ", world.secret).kind == "wrong"
    assert len({call.claims["jti"] for call in calls}) == 3


# What is an answer, and what is tried again


def refused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", None),
        (b"hello\r\n\r\n", None),
        # A status was read: that is the answer, whatever became of its body.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "delivered"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "delivered"),
    ],
    ids=["nothing", "no HTTP", "half a body", "a broken body"],
)
def test_an_answer_without_a_status_is_tried_again(
    world: Detached, key: PrivateKey, answer: bytes, outcome: str | None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        program = world.application(key, messages=webhooks(f"http://127.0.0.1:{listener.getsockname()[1]}/x"))
        said = write(world, program)
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)
        row = world.settled(said["message_uuid"], 1)[0]
    assert (row["outcome"], row["attempts"]) == (outcome, 1)


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
    with settings(world, inbound_url=account.url, status_url=account.url, http_method="POST"):
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


@contextmanager
def switched(world: Detached, **values: str) -> Iterator[None]:
    world.control.switch(**values)
    try:
        yield
    finally:
        world.control.switch(**{name: DEFAULTS[name] for name in values})


@pytest.mark.fast
def test_without_signatures_there_is_no_authorization(world: Detached, hook: Target, todays: Program) -> None:
    with switched(world, signed="no"):
        said = world.control.write(page=world.page(todays), text="hi")
        wait_until(lambda: hook.of(said["message_uuid"]), what="the webhook")
    assert "authorization" not in hook.of(said["message_uuid"])[0].headers


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
        with settings(world, inbound_url=account.url, http_method="GET"), switched(world, get_form=form):
            said = world.control.write(page=page, text="hi")
            world.settled(said["message_uuid"], 1)
            seen[form] = next(c.query for c in account.calls if c.query.get("message_uuid") == said["message_uuid"])
    assert json.loads(seen["json"]["from"]) == {"type": "messenger", "id": said["psid"]}
    assert seen["dotted"]["from.id"] == said["psid"]
    assert seen["dotted"]["message.content.text"] == "hi"
    assert "from" not in seen["dotted"]
