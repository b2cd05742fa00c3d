"""One call of a webhook: its bytes, its signature, and an answer that is none."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest
import vonage_jwt

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import verify
from tests.conftest import wait_until
from tests.support.deliveries import call_of, switched, write
from tests.support.simulation import Detached, Program, Target, flat, webhooks


def test_bodies_are_compact_json_in_utf8(world: Detached, hook: Target, todays: Program) -> None:
    said = write(world, todays, text="Grüße 🥐")
    body = call_of(hook, said["message_uuid"]).body
    assert body == json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()
    assert "Grüße 🥐".encode() in body


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


@pytest.mark.fast
def test_without_signatures_there_is_no_authorization(world: Detached, hook: Target, todays: Program) -> None:
    with switched(world, signed="no"):
        said = world.control.write(page=world.page(todays), text="hi")
        wait_until(lambda: hook.of(said["message_uuid"]), what="the webhook")
    assert "authorization" not in hook.of(said["message_uuid"])[0].headers
