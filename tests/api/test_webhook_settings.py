"""The webhooks of an application: set with key and secret, nothing else changed, the old ones put back on request."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from nbhelpers import Lab
from nbhelpers.api import applications, webhook_settings
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.cli.main import main
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.course import dashboard
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.errors import ApiError, KitError, SettingsError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from tests.support.account_api import ID, KEY, SECRET, Account, messages, playing

DOOR = "https://door.example"
OURS = {"inbound_url": f"{DOOR}/webhooks/inbound", "status_url": f"{DOOR}/webhooks/status"}
OTHERS = {which: url.replace("door", "second") for which, url in OURS.items()}


@pytest.fixture
def vonage(key: PrivateKey) -> Iterator[Account]:
    with playing(public_key=key.public_pem) as made:
        yield made


def environment(vonage: Account, **more: str | None) -> dict[str, str]:
    values = {
        "NBHELPERS_API_HOST": vonage.url,
        "VONAGE_API_KEY": KEY,
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": ID,
        "PUBLIC_URL": DOOR,
        **more,
    }
    return {name: value for name, value in values.items() if value is not None}


def live_settings(vonage: Account, folder: Path, mode: str = "live", **more: str | None) -> Settings:
    return configuration.load(mode, folder / "lab", environ=environment(vonage, **more), folder=folder)


@pytest.fixture
def settings(vonage: Account, tmp_path: Path) -> Settings:
    return live_settings(vonage, tmp_path)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    made = Inbox(settings.folder / "lab.sqlite3")
    yield made
    made.close()


@pytest.fixture
def live(settings: Settings, inbox: Inbox) -> LiveWebhooks:
    return LiveWebhooks(CourseContext(settings, inbox, None))


def live_with(settings: Settings, inbox: Inbox, vonage: Account, folder: Path, **more: str | None) -> LiveWebhooks:
    return LiveWebhooks(CourseContext(live_settings(vonage, folder, **more), inbox, None))


def held(vonage: Account, which: str = "inbound_url") -> dict[str, Any]:
    return vonage.of["capabilities"]["messages"]["webhooks"][which]


def both(address: str) -> dict[str, str]:
    return {"inbound_url": f"{address}/in", "status_url": f"{address}/st"}


# Reading


@pytest.mark.fast
def test_an_application_is_read_with_key_and_secret_and_nothing_else(settings: Settings, vonage: Account) -> None:
    found = applications.read(settings, ID)
    assert (found.id, found.name) == (ID, "Bäckerei <b>")
    assert found.public_key == vonage.of["keys"]["public_key"]
    assert found.messages == messages()
    (asked,) = vonage.asked
    assert (asked.method, asked.path, asked.body) == ("GET", f"/v2/applications/{ID}", b"")
    assert asked.headers["authorization"].startswith("Basic ")
    assert applications.accepts(settings) is None
    assert vonage.asked[-1].path == "/v2/applications?page_size=1"


HTML = (200, {"Content-Type": "text/html"}, b"<h1>Log in to HotelNet</h1>")
READ_ERRORS = [
    ((500, {}, b"oops"), 500, "The service had a fault of its own.", "Wait a minute"),
    ((503, {}, b""), 503, "answered 503", "Wait a minute"),
    ((429, {}, b"{}"), 429, "It answered 429.", "Wait a second"),
    ((302, {"Location": "https://login.example/"}, b""), 302, "Something else than the service answered.", "log in"),
    (HTML, 200, "of type text/html", "log in"),
    ((200, {"Content-Type": "application/json"}, b"[1]"), 200, "Something else", "log in"),
    ((200, {"Content-Type": "application/json"}, b'{"id": "another", "name": "x"}'), 200, "no application", "log in"),
    ((204, {}, b""), 204, "Something else", "log in"),
    ((200, {"Content-Type": "application/json"}, b"[" * 100_000), 200, "Something else", "log in"),
    ((0, {}, b""), None, "", ""),
]


@pytest.mark.fast
@pytest.mark.parametrize(("scripted", "status", "words", "action"), READ_ERRORS)
def test_an_answer_that_is_no_application_is_said_in_words(
    settings: Settings, vonage: Account, scripted: Any, status: int | None, words: str, action: str
) -> None:
    vonage.answers = [scripted]
    with pytest.raises(ApiError) as caught:
        applications.read(settings, ID)
    assert caught.value.status == status
    assert words in str(caught.value)
    assert action in caught.value.next
    assert "HotelNet" not in str(caught.value)
    assert len(vonage.asked) == 1, "nothing is followed: key and secret are for this host alone"


@pytest.mark.fast
def test_a_wrong_secret_and_a_foreign_id_are_told_apart(vonage: Account, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="did not accept API key and secret") as caught:
        applications.read(live_settings(vonage, tmp_path, VONAGE_API_SECRET="NotTheRightSecret1"), ID)
    assert caught.value.status == 401
    assert KEY in str(caught.value)
    assert "NotTheRight" not in str(caught.value)
    with pytest.raises(ApiError, match="Application …beef is not in this account") as caught:
        applications.read(live_settings(vonage, tmp_path), "00000000-0000-4000-8000-00000000beef")
    assert caught.value.status == 404


@pytest.mark.fast
def test_what_is_not_set_is_named_before_anything_is_asked(vonage: Account, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"Not set: VONAGE_API_SECRET\."):
        applications.read(live_settings(vonage, tmp_path, VONAGE_API_SECRET=None), ID)
    with pytest.raises(SettingsError, match="VONAGE_APPLICATION_ID is not set"):
        applications.read(live_settings(vonage, tmp_path), None)
    assert vonage.asked == []


@pytest.mark.fast
def test_an_id_that_is_no_id_reaches_no_other_path(settings: Settings, vonage: Account) -> None:
    with pytest.raises(ApiError):
        applications.read(settings, "../accounts?x=1")
    assert vonage.asked[0].path == "/v2/applications/..%2Faccounts%3Fx%3D1"


@pytest.mark.fast
def test_nobody_at_the_address_is_said_in_words(tmp_path: Path) -> None:
    nobody = Account("http://127.0.0.1:9")
    with pytest.raises(ApiError) as caught:
        applications.read(live_settings(nobody, tmp_path), ID)
    assert caught.value.status is None
    assert caught.value.next


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
        DOOR
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


# In a notebook: lab.webhooks


@pytest.mark.fast
def test_in_live_mode_the_fields_are_shown_against_the_public_addresses(live: LiveWebhooks, vonage: Account) -> None:
    held(vonage, "status_url")["address"] = OURS["status_url"]
    assert repr(live).splitlines() == [
        "Application “Bäckerei <b>” (…4f2a):",
        f"Inbound URL: https://old.example/in (POST): wrong, your receiver is {OURS['inbound_url']}.",
        f"Status URL: {OURS['status_url']} (POST): right.",
        "To set them, run `lab.webhooks.save()`: it shows old and new first.",
    ]
    before = len(vonage.asked)
    bundle = live._repr_mimebundle_()
    assert len(vonage.asked) == before + 1, "asked once for both forms"
    assert bundle["text/html"].startswith('<p role="status">Application “Bäckerei &lt;b&gt;”')
    held(vonage)["address"] = OURS["inbound_url"]
    held(vonage)["http_method"] = "GET"
    assert "(GET): wrong, the method must be POST." in repr(live)
    del vonage.of["capabilities"]["messages"]
    assert "Inbound URL: (empty): wrong" in repr(live) and "no messages capability" in repr(live)


@pytest.mark.fast
def test_saving_asks_first_and_changes_with_yes_alone(live: LiveWebhooks, vonage: Account) -> None:
    proposal = live.save()
    assert repr(proposal).splitlines() == [
        "Application “Bäckerei <b>” (…4f2a):",
        f"Inbound URL: https://old.example/in (POST) -> {OURS['inbound_url']} (POST)",
        f"Status URL: https://old.example/st (POST) -> {OURS['status_url']} (POST)",
        "Everything else of it stays as it is.",
        "Nothing is changed yet. To change it, run `lab.webhooks.save(yes=True)`.",
    ]
    assert '<p role="status">' in proposal._repr_html_() and "<b>" not in proposal._repr_html_()
    assert vonage.puts == []
    assert "It is done." in repr(live.save(yes=True))
    assert "right" in repr(live) and "put_back()" in repr(live)
    assert "lab.webhooks.put_back(yes=True)`" in repr(live.put_back())
    assert "put_back(yes=True, force=True)" in repr(live.put_back(force=True))
    assert len(vonage.puts) == 1
    assert "It is done." in repr(live.put_back(yes=True))
    assert held(vonage)["address"] == "https://old.example/in"


@pytest.mark.fast
def test_another_address_may_be_given_and_a_useless_one_not(live: LiveWebhooks, vonage: Account) -> None:
    live.save(inbound="https://mine.example/in", yes=True)
    assert held(vonage)["address"] == "https://mine.example/in"
    assert held(vonage, "status_url")["address"] == OURS["status_url"]
    for useless in ("receiver", "ftp://x/", "https://[", "https://a b/"):
        with pytest.raises(SettingsError, match=re.escape(f"inbound is no URL. You gave “{useless}”.")):
            live.save(inbound=useless)
    with pytest.raises(SettingsError, match="POST alone"):
        live.save(method="GET")


@pytest.mark.fast
@pytest.mark.parametrize("address", ["http://127.0.0.1:8710/in", "http://localhost/in"])
def test_an_address_of_this_computer_is_refused_where_the_service_is_elsewhere(address: str) -> None:
    assert dashboard._reachable("inbound_url", address, "http://127.0.0.1:9") == address
    with pytest.raises(SettingsError, match="cannot reach this address"):
        dashboard._reachable("inbound_url", address, "https://api.nexmo.com")


@pytest.mark.fast
def test_without_key_and_secret_it_says_what_to_copy_where(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    live = live_with(settings, inbox, vonage, tmp_path, VONAGE_API_SECRET=None)
    for url in OURS.values():
        assert url in repr(live)
    assert "VONAGE_API_SECRET is not set" in repr(live)
    assert repr(live).endswith("application …4f2a, Messages. Then press *Save changes*.")
    with pytest.raises(SettingsError, match="These two fields are on the dashboard"):
        live.save()
    assert not live.settable and vonage.asked == []
    assert "Copy both there: your application, Messages." in repr(
        live_with(settings, inbox, vonage, tmp_path, VONAGE_API_KEY=None, VONAGE_APPLICATION_ID=None)
    )


@pytest.mark.fast
def test_without_a_public_address_the_tunnel_comes_first(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    live = live_with(settings, inbox, vonage, tmp_path, PUBLIC_URL=None)
    assert "open the tunnel first (`lab.tunnel`)" in repr(live)
    with pytest.raises(SettingsError, match="Open the tunnel first"):
        live.save()
    by_hand = live_with(settings, inbox, vonage, tmp_path, PUBLIC_URL=None, VONAGE_API_KEY=None)
    assert "no public URL yet: open the tunnel" in repr(by_hand)


@pytest.mark.fast
def test_without_an_application_id_it_says_so(
    settings: Settings, inbox: Inbox, vonage: Account, tmp_path: Path
) -> None:
    assert "VONAGE_APPLICATION_ID is not set" in repr(
        live_with(settings, inbox, vonage, tmp_path, VONAGE_APPLICATION_ID=None)
    )


@pytest.mark.fast
def test_the_hosted_sandbox_has_fields_of_its_own(inbox: Inbox, vonage: Account, tmp_path: Path) -> None:
    live = LiveWebhooks(CourseContext(live_settings(vonage, tmp_path, mode="sandbox"), inbox, None))
    assert "The hosted sandbox has two webhook fields of its own." in repr(live)
    assert OURS["inbound_url"] in repr(live)
    assert not live.settable and vonage.asked == []


@pytest.mark.fast
def test_what_goes_wrong_is_shown_and_not_raised_when_it_is_only_looked_at(live: LiveWebhooks, vonage: Account) -> None:
    vonage.answers = [(500, {}, b"")]
    assert repr(live).startswith("The service had a fault of its own.")


@pytest.mark.fast
def test_the_lab_hands_it_out_and_hides_what_is_remembered(
    vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(vonage).items():
        monkeypatch.setenv(name, value)
    lab = Lab(state=tmp_path / "lab", mode="live")
    try:
        assert isinstance(lab.webhooks, LiveWebhooks)
        lab.webhooks.save(yes=True)
        assert "webhooks_before" not in lab.facts
        assert "webhooks_before" in lab.inbox.facts()
    finally:
        lab.inbox.close()


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


# The command


@pytest.fixture
def run(vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in environment(vonage).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str, answer: str | None = None) -> Any:
        where = ("--mode", "live", "--state", str(tmp_path / "lab"))
        done = CliRunner().invoke(main, ["webhooks", *where, *arguments], input=answer)
        assert SECRET not in done.output
        return done

    yield command
    launcher.stop(live_settings(vonage, tmp_path))


@pytest.mark.fast
def test_the_command_shows_asks_sets_and_puts_back(run: Any, vonage: Account) -> None:
    assert f"wrong, your receiver is {OURS['inbound_url']}" in run().stdout
    refused = run("--set", answer="n\n")
    assert "Change it? [y/N]" in refused.output and "Nothing was changed." in refused.output
    assert vonage.puts == []
    done = run("--set", answer="y\n")
    assert (done.exit_code, len(vonage.puts)) == (0, 1)
    assert "It is done." in done.output
    facts = json.loads(run("--json").stdout)
    assert facts["inbound_url"] == {
        "address": OURS["inbound_url"],
        "http_method": "POST",
        "wanted": OURS["inbound_url"],
        "right": True,
    }
    back = run("--put-back", "--yes", "--json")
    assert json.loads(back.stdout)["changed"] is True
    assert held(vonage)["address"] == "https://old.example/in"


@pytest.mark.fast
def test_the_command_never_changes_anything_with_nobody_to_ask(run: Any, vonage: Account) -> None:
    done = run("--set", answer="")
    assert done.exit_code != 0
    assert vonage.puts == []


@pytest.mark.fast
def test_the_command_says_what_cannot_be(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "You gave both" in run("--set", "--put-back").output
    assert "There is nothing to put back" in run("--put-back", "--yes").output
    assert "The mode is simulator" in run("--mode", "simulator").output
    monkeypatch.delenv("VONAGE_API_SECRET")
    shown = run()
    assert shown.exit_code == 0
    assert OURS["status_url"] in shown.output and shown.output.strip().endswith("*Save changes*.")
    assert "text" in json.loads(run("--json").stdout)
    assert run("--set", "--yes").exit_code == 1


@pytest.mark.fast
def test_the_command_fails_when_something_else_is_different(run: Any, vonage: Account) -> None:
    vonage.after_put = lambda stored: stored["capabilities"].pop("voice")
    done = run("--set", "--yes")
    assert done.exit_code == 1
    assert "capabilities.voice" in done.output
