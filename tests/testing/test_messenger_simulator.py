"""The simulator in somebody else's test: what it has, what it waits for, and what it says when nothing comes."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
import requests

from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.auth.signatures import verify
from nbhelpers.errors import ApiError, ServiceError, SettingsError
from nbhelpers.testing.messenger_simulator import MessengerSimulator, running_simulator
from tests.conftest import wait_until
from tests.support.simulation import flat, nested, target, webhooks


def test_it_has_what_a_server_is_configured_with_and_all_of_it_is_good(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    assert its.base_url.startswith("http://127.0.0.1:")
    assert its.private_key_path.read_text() == its.private_key
    assert os.name != "posix" or its.private_key_path.stat().st_mode & 0o777 == 0o600
    with requests.Session() as http:
        url = f"{its.base_url}/v2/applications/{its.application_id}"
        shown = http.get(url, auth=(its.api_key, its.api_secret), timeout=10).json()
        assert load_key(its.private_key).fits(shown["keys"]["public_key"])
        headers = {"Authorization": f"Bearer {its.token()}"}
        answer = http.post(f"{its.base_url}/v1/messages", json=flat(its.page_id, its.psid), headers=headers, timeout=10)
        assert answer.status_code == 202
    assert its.token() != its.token()
    assert [(each["psid"], each["name"]) for page in its.pages() for each in page["people"]] == [(its.psid, "Ada")]


def test_nothing_has_happened_yet_when_a_test_begins(messenger_simulator: MessengerSimulator) -> None:
    assert messenger_simulator.webhooks() == []
    assert messenger_simulator.replies() == []
    assert messenger_simulator.wait_until_delivered() == []


def test_no_secret_is_in_what_a_failing_test_shows_of_it(messenger_simulator: MessengerSimulator) -> None:
    for secret in (messenger_simulator.api_secret, messenger_simulator.signature_secret, "PRIVATE KEY"):
        assert secret not in repr(messenger_simulator)


def test_a_message_goes_round_and_is_signed(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    with target(path="/in") as inbound, target(path="/status") as status:
        its.send_webhooks_to(inbound=inbound.url, status=status.url)
        said = its.write(text="hi", person="Ben")
        assert its.write(kind="image")["psid"] == its.psid
        sent = its.send("hello", psid=said["psid"])
        kinds = [row["kind"] for row in its.wait_until_delivered()]
        assert kinds == ["delivered", "submitted", "inbound", "inbound"]
        assert its.read() == 1
        its.wait_until_delivered()
        assert status.statuses(sent.message_uuid, 3) == ["submitted", "delivered", "read"]
        (reply,) = its.replies()
        assert (reply["text"], reply["psid"], reply["page_id"]) == ("hello", said["psid"], its.page_id)
        assert (reply["message_uuid"], reply["state"]) == (sent.message_uuid, "read")
        assert reply["body"] == sent.body
        texts = {call.json["message_type"]: call for call in inbound.calls}
        assert texts["text"].json["text"] == "hi" and texts["image"].json["from"] == its.psid
        verdict = verify(texts["text"].headers["authorization"], texts["text"].body, its.signature_secret)
        assert verdict.kind == "signed"


def test_webhooks_come_whether_the_server_calls_by_token_or_by_key_and_in_either_shape(
    messenger_simulator: MessengerSimulator,
) -> None:
    its = messenger_simulator
    account = its.api_key, its.api_secret
    with target() as hook, requests.Session() as http:
        its.send_webhooks_to(inbound=hook.url, version="v0.1")
        its.send_webhooks_to(status=hook.url)  # what is left out stays as it is
        its.write(text="hi")
        its.wait_until_delivered()
        assert hook.calls[0].json["message"]["content"] == {"type": "text", "text": "hi"}
        url = f"{its.base_url}/v0.1/messages"
        assert http.post(url, json=nested(its.page_id, its.psid), auth=account, timeout=10).status_code == 202
        its.wait_until_delivered()
        assert [call.method for call in hook.calls] == ["POST"] * 3
        assert hook.calls[1].json["to"] == {"type": "messenger", "id": its.psid}
        assert its.replies()[0]["text"] == "hello"


def test_it_can_whatever_control_can(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    its.block()
    assert its.switch(blocked_person="1331")["blocked_person"] == "1331"
    its.send("hello")
    assert [reply["state"] for reply in its.replies()] == ["rejected"]
    other = its.create_page("Another")["id"]
    assert its.write(text="hi")["page_id"] == its.page_id  # its own Page, not the newest
    assert its.write(text="hi", page=other)["passed_on"] is False


def test_proxies_of_the_shell_do_not_matter(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "example.com")
    its = request.getfixturevalue("messenger_simulator")
    with target() as hook:
        its.send_webhooks_to(inbound=hook.url, status=hook.url)
        its.write(text="hi")
        # Somebody's handler, with a library that reads the environment.
        answer = requests.post(
            f"{its.base_url}/v1/messages",
            json=flat(its.page_id, its.psid),
            headers={"Authorization": f"Bearer {its.token()}"},
            timeout=10,
        )
        assert answer.status_code == 202
        assert len(its.wait_until_delivered()) == 3


def test_the_environment_is_afterwards_what_it_was(
    tmp_path: Path, key: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    before = dict(os.environ)
    with running_simulator(tmp_path, key):
        assert "127.0.0.1" in os.environ["NO_PROXY"]
    assert dict(os.environ) == before


def test_waiting_with_no_url_set_says_so_and_what_to_do(messenger_simulator: MessengerSimulator) -> None:
    said = messenger_simulator.write(text="hi")["message_uuid"]
    wait_until(lambda: messenger_simulator.webhooks()[0]["answer"], what="the first look for a URL")
    with pytest.raises(ServiceError) as caught:
        messenger_simulator.wait_until_delivered(timeout=0.3)
    assert str(caught.value) == (
        "Not every webhook was taken."
        f" After 0.3 s there still wait: inbound (message {said[:8]}…): no webhook URL is set for it."
        " Say where they go: send_webhooks_to(inbound=…, status=…)."
    )


def test_waiting_in_vain_names_what_waits_and_the_last_answer_to_it(messenger_simulator: MessengerSimulator) -> None:
    with target(500, "/in") as hook:
        messenger_simulator.send_webhooks_to(inbound=hook.url, status="http://127.0.0.1:9/status")
        messenger_simulator.write(text="hi")
        messenger_simulator.send("hello")
        wait_until(lambda: all(each["answer"] for each in messenger_simulator.webhooks()), what="the first answers")
        with pytest.raises(ServiceError) as caught:
            messenger_simulator.wait_until_delivered(timeout=0.1)
    words = re.sub(r"\(message [0-9a-f]{8}…\)", "(…)", str(caught.value)).replace(hook.url, "URL")
    assert re.fullmatch(
        r"Not every webhook was taken\. After 0\.1 s there still wait: inbound \(…\): POST URL, answered 500, again in"
        r" \d s; submitted \(…\): POST http://127\.0\.0\.1:9/status, no answer \(nobody listens there\), again in \d s;"
        r" delivered \(…\): .*\. Make your server answer 200 to 205; what it logged may say why it did not\.",
        words,
    )


def test_a_webhook_that_is_given_up_is_told_at_once(messenger_simulator: MessengerSimulator) -> None:
    messenger_simulator.switch(retry_on="5xx")
    with target(404) as hook:
        messenger_simulator.send_webhooks_to(inbound=hook.url)
        messenger_simulator.write(text="hi")
        with pytest.raises(ServiceError, match=r"is not tried again\. Not taken: inbound .*, answered 404\. Make your"):
            messenger_simulator.wait_until_delivered(timeout=60)


def test_a_handler_that_does_not_answer_is_told_from_one_that_answers_badly(
    messenger_simulator: MessengerSimulator,
) -> None:
    release = threading.Event()
    with target(lambda call: release.wait(20) and 200) as slow:
        messenger_simulator.send_webhooks_to(inbound=slow.url)
        for number in range(7):
            messenger_simulator.write(text=f"{number}")
        with pytest.raises(ServiceError, match=r"no answer yet; .*; and 2 more\. Look what your server waits for"):
            messenger_simulator.wait_until_delivered(timeout=0.3)
        release.set()
        assert len(messenger_simulator.wait_until_delivered()) == 7


def test_more_webhooks_than_are_listed_are_all_waited_for(messenger_simulator: MessengerSimulator) -> None:
    with target() as hook:
        for number in range(60):
            messenger_simulator.write(text=f"{number}", person=f"person {number}")
        messenger_simulator.send_webhooks_to(inbound=hook.url)
        assert len(messenger_simulator.wait_until_delivered(timeout=20)) == 60
        assert len(hook.calls) == 60


def test_what_cannot_be_is_refused_in_words(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    with pytest.raises(SettingsError, match=r"inbound is no URL\. You gave “localhost:5000”\. Give the whole address"):
        its.send_webhooks_to(inbound="localhost:5000")
    with pytest.raises(ServiceError, match=r"no such shape\. You gave “v2”\. Use v1 or v0\.1\."):
        its.send_webhooks_to(version="v2")
    with pytest.raises(ServiceError, match="Nobody can write that"):
        its.write(kind="carrier pigeon")
    with pytest.raises(ServiceError, match="Give a text"):
        its.write()
    its.change_settings(balance="low")
    with pytest.raises(ApiError, match="too little credit"):
        its.send("hello")
    url = f"{its.base_url}/v2/applications/{its.application_id}"
    requests.delete(url, auth=(its.api_key, its.api_secret), timeout=10)
    with pytest.raises(ServiceError, match=r"was answered 404: .*Each test begins with a whole one"):
        its.send_webhooks_to(inbound="http://127.0.0.1:9/")


def test_an_application_without_the_messages_capability_gets_it(messenger_simulator: MessengerSimulator) -> None:
    its = messenger_simulator
    url, account = f"{its.base_url}/v2/applications/{its.application_id}", (its.api_key, its.api_secret)
    with target() as hook:
        form = {"name": "theirs", "capabilities": {"voice": {}}}
        assert requests.put(url, json=form, auth=account, timeout=10).status_code == 200
        its.send_webhooks_to(inbound=hook.url)
        shown = requests.get(url, auth=account, timeout=10).json()
        expected = webhooks(hook.url)
        expected["webhooks"]["inbound_url"]["http_method"] = "POST"
        assert (shown["name"], shown["capabilities"]) == ("theirs", {"voice": {}, "messages": expected})
        its.write(text="hi")
        its.wait_until_delivered()
