"""The webhooks of an application: set with key and secret, nothing else changed, the old ones put back on request."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.api import applications, webhook_settings
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ApiError, KitError
from nbhelpers.inbox.inbox import Inbox
from tests.support.account_api import ID, KEY, OURS, PUBLIC, SECRET, Account, held, live_settings, messages

OTHERS = {which: url.replace("receiver", "second") for which, url in OURS.items()}


@pytest.fixture
def settings(vonage: Account, tmp_path: Path) -> Settings:
    return live_settings(vonage, tmp_path)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    made = Inbox(settings.folder / "lab.sqlite3")
    yield made
    made.close()


def both(address: str) -> dict[str, str]:
    return {"inbound_url": f"{address}/in", "status_url": f"{address}/st"}


@pytest.mark.fast
def test_a_refusal_is_quoted_without_the_secret(settings: Settings, vonage: Account) -> None:
    basic = requests.auth._basic_auth_str(KEY, SECRET).partition(" ")[2]
    named = [{"name": "capabilities", "reason": f"you sent {SECRET} and {basic}"}, "odd"]
    problem = json.dumps({"title": "Bad Request", "detail": "No", "invalid_parameters": named}).encode()
    vonage.answers = [(400, {"Content-Type": "application/json"}, problem)]
    with pytest.raises(ApiError, match="Bad Request; No; capabilities you sent •••• and ••••") as caught:
        applications.read(settings, ID)
    assert SECRET not in str(caught.value) and basic not in str(caught.value)


# Setting


@pytest.mark.fast
def test_a_change_sends_back_every_byte_that_was_read_but_for_the_two_webhooks(
    settings: Settings, inbox: Inbox, vonage: Account
) -> None:
    vonage.of["keys"]["private_key"] = "-----BEGIN PRIVATE KEY-----"
    before = copy.deepcopy(vonage.of)
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    expected = copy.deepcopy(before)
    del expected["keys"]["private_key"]
    webhooks = expected["capabilities"]["messages"]["webhooks"]
    webhooks["inbound_url"] |= {"address": OURS["inbound_url"]}
    webhooks["status_url"] |= {"address": OURS["status_url"]}
    (put,) = vonage.puts
    assert put.body == json.dumps(expected).encode(), "in the same order too; no id, no _links, no private key"
    assert webhooks["inbound_url"]["connect_timeout"] == 7
    assert put.headers["content-type"] == "application/json"
    assert [each.method for each in vonage.asked] == ["GET", "PUT", "GET"]
    assert done.differences == () and done.trouble == ""
    assert repr(done).splitlines() == [
        "Application “Bäckerei <b>” (…4f2a):",
        f"Inbound URL: https://old.example/in (POST) -> {OURS['inbound_url']} (POST)",
        f"Status URL: https://old.example/st (POST) -> {OURS['status_url']} (POST)",
        "It is done. It was read again: nothing else of it is different.",
        "What was there before is remembered: "
        "`lab.webhooks.put_back()` or `nbhelpers webhooks --put-back` puts it back.",
    ]
    assert '<p role="status">' in done._repr_html_() and "<b>" not in done._repr_html_()


@pytest.mark.fast
def test_what_is_set_already_is_not_set_again(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    vonage.of["capabilities"]["messages"] = messages(*OURS.values())
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert vonage.puts == []
    assert "There is nothing to change." in repr(done)
    assert done.facts["changed"] is False
    assert not webhook_settings.remembered(inbox, ID)


@pytest.mark.fast
def test_another_method_is_mended_alone(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    vonage.of["capabilities"]["messages"] = messages(*OURS.values())
    held(vonage)["http_method"] = "GET"
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert held(vonage)["http_method"] == "POST"
    assert f"{OURS['inbound_url']} (GET) -> {OURS['inbound_url']} (POST)" in repr(done)


@pytest.mark.fast
@pytest.mark.parametrize("capabilities", [{}, [], None, {"voice": {}}, {"messages": None}])
def test_an_application_without_the_capability_gets_one_and_loses_it_again(
    settings: Settings, inbox: Inbox, vonage: Account, capabilities: Any
) -> None:
    vonage.of["capabilities"] = capabilities
    # Whatever the service fills in is its own default, and no change of anything.
    vonage.after_put = lambda stored: stored["capabilities"].get("messages", {}).setdefault("version", "v1")
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert done.differences == ()
    assert "It has no messages capability: one is added" in repr(done)
    (put,) = vonage.puts
    fields = {which: {"address": url, "http_method": "POST"} for which, url in OURS.items()}
    others = {name: value for name, value in dict(capabilities or {}).items() if name != "messages"}
    assert put.json["capabilities"] == others | {"messages": {"webhooks": fields}}
    vonage.after_put = lambda stored: None
    back = webhook_settings.put_back(settings, inbox, ID)
    assert "taken away again" in repr(back)
    assert vonage.of["capabilities"] == others
    assert back.differences == ()
    assert not webhook_settings.remembered(inbox, ID)


@pytest.mark.fast
def test_whatever_else_is_different_afterwards_is_named(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    def careless(stored: dict[str, Any]) -> None:
        del stored["capabilities"]["voice"]
        stored["privacy"]["improve_ai"] = True
        stored["keys"]["public_key"] += "\n"  # no other key
        stored["evil\nname"] = 1

    vonage.after_put = careless
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert done.differences == ("capabilities.voice", "privacy.improve_ai", "evil�name")
    assert "different now as well: capabilities.voice, privacy.improve_ai" in repr(done)
    assert "Look at the application on the dashboard" in repr(done)


@pytest.mark.fast
def test_another_public_key_afterwards_is_named(
    settings: Settings, inbox: Inbox, vonage: Account, other_key: PrivateKey
) -> None:
    vonage.after_put = lambda stored: stored["keys"].update(public_key=other_key.public_pem)
    assert webhook_settings.set_webhooks(settings, inbox, ID, OURS).differences == ("keys.public_key",)


@pytest.mark.fast
def test_a_service_that_takes_it_and_keeps_the_old_is_caught(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    vonage.after_put = lambda stored: stored["capabilities"].update(messages=messages())
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert "holds something else: Inbound URL https://old.example/in (POST)" in done.trouble
    assert "It is done" not in repr(done)
    assert webhook_settings.remembered(inbox, ID)


@pytest.mark.fast
def test_a_change_that_cannot_be_read_again_says_so(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    vonage.answers = [None, None, (500, {}, b"")]
    done = webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert "took it, but it could not be read again" in repr(done)
    assert webhook_settings.put_back(settings, inbox, ID).trouble == "", "and is put back all the same"


UNKNOWN = [(500, {}, b""), (302, {"Location": "/x"}, b""), (0, {}, b"")]


@pytest.mark.fast
@pytest.mark.parametrize("scripted", UNKNOWN)
def test_when_the_put_gets_no_clear_answer_either_may_stand_there(
    settings: Settings, inbox: Inbox, vonage: Account, scripted: Any
) -> None:
    vonage.answers = [None, scripted]
    with pytest.raises(ApiError, match="Whether the webhooks were changed is not known") as caught:
        webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert caught.value.next == "Look with `lab.webhooks` before you try again."
    assert webhook_settings.remembered(inbox, ID)
    vonage.of["capabilities"]["messages"] = messages(*OURS.values())  # it was taken after all
    webhook_settings.put_back(settings, inbox, ID)
    assert held(vonage)["address"] == "https://old.example/in"


@pytest.mark.fast
@pytest.mark.parametrize("status", [400, 401, 403, 429])
def test_a_refused_change_leaves_nothing_to_put_back(
    settings: Settings, inbox: Inbox, vonage: Account, status: int
) -> None:
    vonage.answers = [None, (status, {}, b"")]
    with pytest.raises(ApiError, match="It was not changed"):
        webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    assert not webhook_settings.remembered(inbox, ID)
    assert "webhooks_before" not in inbox.facts()


# Remembering and putting back


@pytest.mark.fast
def test_what_was_there_is_remembered_before_the_put_and_only_once(
    settings: Settings, inbox: Inbox, vonage: Account
) -> None:
    seen = []
    vonage.after_put = lambda stored: seen.append(inbox.facts()["webhooks_before"][ID]["before"])
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    webhook_settings.set_webhooks(settings, inbox, ID, OTHERS)
    assert seen == [{"webhooks": messages()["webhooks"]}] * 2, "the tunnel's second address does not replace it"
    assert held(vonage)["address"] == OTHERS["inbound_url"]
    webhook_settings.put_back(settings, inbox, ID)
    assert vonage.of["capabilities"]["messages"] == messages()
    assert "webhooks_before" not in inbox.facts()


@pytest.mark.fast
def test_applications_are_remembered_each_for_itself(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    second = ID.replace("1111", "9999")
    vonage.applications[second] = copy.deepcopy(vonage.of) | {"name": "Second"}
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    webhook_settings.set_webhooks(settings, inbox, second, OURS)
    webhook_settings.put_back(settings, inbox, ID)
    assert webhook_settings.remembered(inbox, second) and not webhook_settings.remembered(inbox, ID)
    assert vonage.applications[second]["capabilities"]["messages"]["webhooks"]["inbound_url"]["address"].startswith(
        PUBLIC
    )


@pytest.mark.fast
def test_fields_that_were_not_there_are_taken_out_again(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    for before in ({"version": "v1"}, {"version": "v1", "webhooks": {}}, {"webhooks": {"other": {"address": "x"}}}):
        vonage.of["capabilities"]["messages"] = copy.deepcopy(before)
        webhook_settings.set_webhooks(settings, inbox, ID, OURS)
        assert held(vonage)["address"] == OURS["inbound_url"]
        webhook_settings.put_back(settings, inbox, ID)
        assert vonage.of["capabilities"]["messages"] == before


@pytest.mark.fast
def test_what_was_added_since_stays_when_the_old_is_put_back(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    vonage.of["capabilities"]["messages"]["version"] = "v0.1"
    vonage.of["capabilities"]["rtc"] = {"webhooks": {}}
    webhook_settings.put_back(settings, inbox, ID)
    assert vonage.of["capabilities"]["messages"] == messages(version="v0.1")
    assert vonage.of["capabilities"]["rtc"] == {"webhooks": {}}


@pytest.mark.fast
def test_what_somebody_else_set_is_shown_and_left_alone(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    held(vonage)["address"] = "https://colleague.example/in"
    with pytest.raises(KitError, match="Somebody has changed the webhooks since") as caught:
        webhook_settings.put_back(settings, inbox, ID)
    assert "Inbound URL holds https://colleague.example/in (POST)" in caught.value.seen
    assert "put_back(force=True)" in caught.value.next
    assert len(vonage.puts) == 1 and webhook_settings.remembered(inbox, ID)
    webhook_settings.put_back(settings, inbox, ID, force=True)
    assert vonage.of["capabilities"]["messages"] == messages()


@pytest.mark.fast
def test_what_somebody_has_put_back_already_is_only_forgotten(
    settings: Settings, inbox: Inbox, vonage: Account
) -> None:
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    vonage.of["capabilities"]["messages"] = messages()
    assert "There is nothing to change." in repr(webhook_settings.put_back(settings, inbox, ID))
    assert len(vonage.puts) == 1 and not webhook_settings.remembered(inbox, ID)


@pytest.mark.fast
def test_without_anything_remembered_there_is_nothing_to_put_back(settings: Settings, inbox: Inbox) -> None:
    with pytest.raises(KitError, match="There is nothing to put back"):
        webhook_settings.put_back(settings, inbox, ID)


@pytest.mark.fast
def test_a_refused_second_change_keeps_what_was_remembered(settings: Settings, inbox: Inbox, vonage: Account) -> None:
    webhook_settings.set_webhooks(settings, inbox, ID, OURS)
    before = inbox.facts()["webhooks_before"]
    vonage.answers = [None, (400, {}, b"")]
    with pytest.raises(ApiError):
        webhook_settings.set_webhooks(settings, inbox, ID, OTHERS)
    assert inbox.facts()["webhooks_before"] == before


# Against the simulator, which has the same API


def test_the_simulators_application_is_changed_and_put_back_alike(fresh: Lab) -> None:
    fresh.need("application")
    settings, application_id = fresh.settings, fresh.facts["application_id"]
    before = applications.read(settings, application_id)
    done = webhook_settings.set_webhooks(settings, fresh.inbox, application_id, OURS)
    assert (done.differences, done.trouble) == ((), "")
    after = applications.read(settings, application_id)
    assert after.messages is not None and "voice" in after.capabilities
    assert after.public_key == before.public_key
    assert webhook_settings.put_back(settings, fresh.inbox, application_id).differences == ()
    assert applications.read(settings, application_id).body == before.body
