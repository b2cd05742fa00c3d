"""Where a webhook goes: to the message's URL, the application's, or the account's, by which method."""

from __future__ import annotations

import hashlib
import json

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import verify
from tests.conftest import wait_until
from tests.support.deliveries import account_settings, call_of, write
from tests.support.simulation import Detached, Program, Target, flat, nested, target, webhooks


def test_what_belongs_to_an_application_with_messages_goes_to_its_urls_by_POST(  # noqa: N802
    world: Detached, account: Target, key: PrivateKey
) -> None:
    with target(path="/in") as inbound, target(path="/status") as status:
        program = world.application(key, messages=webhooks(inbound.url, status.url))
        with account_settings(world, inbound_url=account.url, status_url=account.url):
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
    with account_settings(world, inbound_url=account.url, status_url=f"{account.url}/status", http_method="POST"):
        said = write(world, guides)
        assert call_of(account, said["message_uuid"]).path == "/account"
        sent = world.send(guides, nested(said["page_id"], said["psid"]), "v0.1")
        assert account.statuses(sent, 2) == ["submitted", "delivered"]
    assert {call.path for call in account.of(sent)} == {"/account/status"}


def test_the_accounts_method_is_GET_until_it_is_changed(world: Detached, guides: Program) -> None:  # noqa: N802
    assert world.control.settings()["http_method"] == "GET"
    with target(path="/in?to=me#part") as hook, account_settings(world, inbound_url=hook.url):
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
    with account_settings(world, inbound_url=account.url, http_method="POST"):
        assert call_of(account, said["message_uuid"]).json["message_uuid"] == said["message_uuid"]
        done = wait_until(lambda: [row for row in world.queued(said["message_uuid"]) if row["outcome"]])
    assert (done[0]["outcome"], done[0]["attempts"], done[0]["called"]) == ("delivered", 1, f"POST {account.url}")


def test_statuses_of_what_key_and_secret_sent_go_to_the_accounts_status_url(
    world: Detached, hook: Target, account: Target, todays: Program
) -> None:
    said = write(world, todays)
    with account_settings(world, status_url=account.url, http_method="POST", shape="v1"):
        sent = world.send(None, flat(said["page_id"], said["psid"]))
        assert account.statuses(sent, 2) == ["submitted", "delivered"]
    assert hook.of(sent) == []
    assert "application_id" not in account.of(sent)[0].claims


def test_a_messages_own_webhook_url_goes_before_all_others(
    world: Detached, hook: Target, account: Target, todays: Program
) -> None:
    said = write(world, todays)
    with target(path="/own") as own, account_settings(world, status_url=account.url):
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
