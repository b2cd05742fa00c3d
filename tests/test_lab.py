"""`Lab`: one line opens the course in any Jupyter, twice starts nothing twice, and what lasts is on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ApiError, CredentialsError, InboxError, MessageError, ServiceError, SettingsError
from nbhelpers.services import launcher
from nbhelpers.services.record import is_alive
from tests.support.labs import WHATSAPP, arrive, key_path, message, says, shut, written

# Opening


def test_it_says_that_it_is_ready_and_starts_the_simulator_alone(fresh: Lab) -> None:
    assert repr(fresh) == "Ready. A simulator plays the service. Nothing leaves this computer."
    assert fresh._repr_html_() == f"<p>{fresh!r}</p>"
    assert launcher.find("simulator", fresh.settings)
    assert launcher.find("receiver", fresh.settings) is None


@pytest.mark.fast
def test_opened_twice_it_joins_what_runs(ready: Lab) -> None:
    again = Lab(state=ready.settings.state)
    assert again.settings.host == ready.settings.host
    assert again.facts == ready.facts
    again.inbox.close()


@pytest.mark.fast
def test_it_keeps_loopback_away_from_a_proxy(ready: Lab) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert {"127.0.0.1", "localhost"} <= set(os.environ[name].split(","))


@pytest.mark.fast
def test_the_accounts_secrets_are_the_simulators_and_masked_when_shown(ready: Lab) -> None:
    running = launcher.find("simulator", ready.settings)
    assert ready.settings.api_secret == running.ready["api_secret"]
    assert running.ready["api_secret"] not in repr(ready.settings) + str(ready.settings)


@pytest.mark.fast
def test_live_credentials_of_the_shell_change_nothing_here(
    ready: Lab, monkeypatch: pytest.MonkeyPatch, key: PrivateKey
) -> None:
    for name, value in {
        "VONAGE_API_KEY": "live-key",
        "VONAGE_API_SECRET": "live-secret",
        "VONAGE_APPLICATION_ID": "live-app",
        "VONAGE_PRIVATE_KEY": key.pem(),
        "MESSENGER_SENDER_ID": "live-page",
    }.items():
        monkeypatch.setenv(name, value)
    lab = Lab(state=ready.settings.state)
    assert lab.facts == ready.facts
    assert lab.settings.api_key == ready.settings.api_key
    assert lab.check("jwt", lab.token()).kind == "done"
    lab.inbox.close()


# The parts


@pytest.mark.fast
def test_the_answer_goes_to_who_wrote_last_and_names_them(ready: Lab) -> None:
    written(ready, person="Ada")
    bob = written(ready, person="Bob").psid
    said = ready.reply("Good morning!")
    (reply,) = ready.inbox.events("reply")
    assert (reply.psid, reply.page_id, reply.text) == (bob, ready.facts["page_id"], "Good morning!")
    assert repr(said) == f"Accepted for {bob}. The receipts of {reply.message_uuid} tell the rest."
    assert ready.inbox.wait_for_receipt(reply.message_uuid, "delivered", 10).states == ["submitted", "delivered"]


@pytest.mark.fast
def test_the_answer_never_goes_to_a_number_of_another_channel_unless_it_is_asked_for(ready: Lab) -> None:
    person = written(ready).psid
    arrive(ready, WHATSAPP)
    assert ready.reply("We open at seven.").psid == person
    with pytest.raises(ApiError, match=r"from\.type: must be `messenger`"):  # the simulator plays Messenger alone
        ready.reply("We open at seven.", channel="whatsapp")
    with pytest.raises(MessageError, match="Nobody"):
        ready.reply("We open at seven.", channel="viber_service")


def test_nobody_can_be_answered_before_somebody_wrote(ready: Lab) -> None:
    with pytest.raises(MessageError, match="They write first"):
        ready.reply("Hello?")


def test_without_an_application_it_says_which_step_makes_one(fresh: Lab) -> None:
    with pytest.raises(SettingsError, match="Do step 2"):
        fresh.token()


@pytest.mark.fast
def test_a_token_is_masked_when_shown_and_a_text_when_used(ready: Lab) -> None:
    token = ready.token()
    assert token.startswith("eyJ")
    assert "eyJ" not in repr(token)
    assert ready.token() != token, "a fresh one each time"


@pytest.mark.fast
def test_the_receiver_shows_its_two_urls(ready: Lab) -> None:
    receiver = ready.receiver
    assert repr(receiver) == (
        f"The receiver runs.\nInbound Message:  {receiver.inbound_url}\nDelivery Receipt: {receiver.status_url}"
    )
    assert receiver.inbound_url.endswith("/webhooks/inbound")
    assert receiver.status_url.endswith("/webhooks/status")


@pytest.mark.fast
def test_the_client_speaks_the_version_that_was_asked_for(ready: Lab) -> None:
    assert ready.client.version == "v0.1"
    today = Lab(state=ready.settings.state, api_version="v1")
    assert today.client.version == "v1"
    today.inbox.close()


@pytest.mark.fast
def test_what_was_noted_lasts_and_none_takes_it_back(ready: Lab) -> None:
    ready.note(colour="green", page_id="1")
    again = Lab(state=ready.settings.state)
    assert (again.facts["colour"], again.facts["page_id"]) == ("green", "1")
    again.note(colour=None)
    again.inbox.close()
    assert "colour" not in ready.facts


@pytest.mark.fast
def test_what_the_kit_notes_for_itself_is_no_fact_of_the_learners(ready: Lab) -> None:
    ready.webhooks.save(method="POST")
    assert set(ready.facts) == {"page_name", "application_id", "page_id"}


@pytest.mark.fast
def test_the_key_file_is_told(ready: Lab) -> None:
    assert ready.key_file == key_path(ready)


# The other modes


@pytest.mark.fast
def test_the_other_modes_start_nothing_and_play_nobody(live: Lab) -> None:
    assert repr(live) == "Ready. LIVE: messages go to https://api.nexmo.com and reach real people."
    assert launcher.find("simulator", live.settings) is None
    with pytest.raises(SettingsError, match="The mode is live"):
        live.simulator  # noqa: B018


@pytest.mark.fast
def test_in_live_mode_what_is_missing_is_named(live: Lab) -> None:
    for ask in (live.token, lambda: live.client):
        with pytest.raises(SettingsError, match="VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY"):
            ask()
    with pytest.raises(CredentialsError, match="None is set"):
        live.key_file  # noqa: B018


@pytest.mark.fast
def test_in_live_mode_the_settings_say_whose_application_and_page_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VONAGE_APPLICATION_ID", "mine")
    monkeypatch.setenv("MESSENGER_SENDER_ID", "my-page")
    live = Lab(state=tmp_path / "lab", mode="live")
    assert live.facts == {"application_id": "mine", "page_id": "my-page"}
    live.inbox.close()


# Ending and beginning again


def test_stop_ends_both_services_and_keeps_everything(fresh: Lab) -> None:
    fresh.need("receive")
    running = [launcher.find(name, fresh.settings) for name in ("simulator", "receiver")]
    processes = [(each.pid, psutil.Process(each.pid).create_time()) for each in running]
    psid = fresh.inbox.newest_message().psid

    fresh.stop()
    assert not any(is_alive(*process) for process in processes)
    with pytest.raises(ServiceError, match="starts it again"):
        fresh.simulator.create_page("Too late")
    assert fresh.check("receive").words.startswith("The inbox cannot be read: ")
    fresh.stop()  # twice does no harm

    again = Lab(state=fresh.settings.state)
    try:
        assert again.inbox.newest_message().psid == psid
        assert repr(again.need("receive")).endswith("\nReady for step 7.")
        assert again.check("webhooks").kind == "filled in"
    finally:
        again.stop()


def test_reset_sets_everything_aside_and_the_same_lab_goes_on(fresh: Lab) -> None:
    fresh.need("receive")
    panels, panel = fresh.panels, fresh.panels.psid()
    psid = fresh.inbox.newest_message().psid

    said = fresh.reset()
    (backup,) = (fresh.settings.state / "backups").glob("*/simulator")
    assert repr(said) == f"You start again. What was here is in {backup}."
    assert (backup / "lab.sqlite3").is_file()
    assert (backup / "private.key").is_file()

    assert fresh.facts == {}
    assert fresh.inbox.events() == []
    assert {state for _, state in fresh.progress().states} == {"open"}
    assert fresh.panels is not panels, "panels over the inbox that was set aside would show nothing"
    again = fresh.panels.psid()
    fresh.need("receive")
    new = fresh.inbox.newest_message().psid
    assert psid != new
    says(again, new)
    again.close()
    panel.close()


def test_reset_can_forget(fresh: Lab) -> None:
    fresh.need("page")
    assert repr(fresh.reset(forget=True)) == "You start again, with nothing kept."
    assert not (fresh.settings.state / "backups").exists()
    assert fresh.check("page").kind == "not yet"


def test_reset_leaves_the_other_modes_alone(fresh: Lab) -> None:
    live = Lab(state=fresh.settings.state, mode="live")
    arrive(live, message(text="precious"))
    live.inbox.close()
    fresh.reset()
    again = Lab(state=fresh.settings.state, mode="live")
    assert again.inbox.newest_message().text == "precious"
    again.inbox.close()


def test_after_a_crash_of_the_simulator_the_same_line_opens_it_again(fresh: Lab) -> None:
    fresh.need("receive")
    shut(fresh, "simulator")
    again = Lab(state=fresh.settings.state)
    assert repr(again.need("receive")).endswith("\nReady for step 7.")
    assert again.check("jwt", again.token()).kind == "done"
    again.inbox.close()


def test_a_closed_inbox_says_so_in_one_line(fresh: Lab) -> None:
    fresh.stop()
    with pytest.raises(InboxError) as refused:
        fresh.note(anything=1)
    assert refused.value._render_traceback_() == [f"InboxError: {refused.value}"]
