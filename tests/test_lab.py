"""`Lab`: one line opens the course, in any Jupyter, and opening it twice starts nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbhelpers import Lab, background, credentials
from nbhelpers.errors import MessageError, ServiceError, SettingsError

pytestmark = pytest.mark.fast


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
    monkeypatch.setenv("NBHELPERS_RECEIVER_PORT", "0")
    made = Lab(state=tmp_path / "lab")
    yield made
    made.stop()


def with_application(lab: Lab) -> str:
    """What steps 1 to 5 make: returns the Page ID."""
    import requests

    account = (lab.settings.api_key, lab.settings.api_secret)
    form = {"name": "Test", "capabilities": {"voice": {}}}  # the guide's: its webhooks are the account's
    made = requests.post(f"{lab.settings.host}/v2/applications", json=form, auth=account, timeout=5).json()
    credentials.save(made["keys"]["private_key"], lab.settings.folder / "private.key")
    page = lab.simulator.create_page("Bakery")
    lab.note(application_id=made["id"], page_id=page["id"])
    lab.simulator.link(lab.token(), "Bakery")
    urls = lab.receiver.ready
    lab.simulator.change_settings(**{name: urls[name] for name in ("inbound_url", "status_url")}, http_method="POST")
    return page["id"]


def test_it_says_that_it_is_ready_and_starts_the_simulator_alone(lab: Lab) -> None:
    assert repr(lab) == "Ready. A simulator plays the service. Nothing leaves this computer."
    assert background.find("simulator", lab.settings)
    assert background.find("receiver", lab.settings) is None


def test_opened_twice_it_joins_what_runs(lab: Lab) -> None:
    again = Lab(state=lab.settings.state)
    assert again.settings.host == lab.settings.host
    again.inbox.close()


def test_the_answer_goes_to_who_wrote_and_its_receipts_come(lab: Lab) -> None:
    page_id = with_application(lab)
    psid = lab.user.write("Hello!")
    assert lab.inbox.wait_for_message(10).psid == psid

    accepted = lab.reply("Good morning!")
    assert lab.inbox.wait_for_receipt(accepted.message_uuid, "delivered", 10).states == ["submitted", "delivered"]
    assert lab.user.read() == 1
    assert lab.inbox.wait_for_receipt(accepted.message_uuid, "read", 10).states[-1] == "read"
    assert [(event.kind, event.page_id, event.psid) for event in lab.inbox.events(kind="reply")] == [
        ("reply", page_id, psid)
    ]


def test_nobody_can_be_answered_before_somebody_wrote(lab: Lab) -> None:
    with pytest.raises(MessageError, match="They write first"):
        lab.reply("Hello?")


def test_without_an_application_it_says_which_step_makes_one(lab: Lab) -> None:
    with pytest.raises(SettingsError, match="Do step 2"):
        lab.token()


def test_a_token_is_masked_when_shown_and_a_text_when_used(lab: Lab) -> None:
    with_application(lab)
    token = lab.token()
    assert token.startswith("eyJ")
    assert "eyJ" not in repr(token)


def test_it_keeps_loopback_away_from_a_proxy(lab: Lab) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert {"127.0.0.1", "localhost"} <= set(os.environ[name].split(","))


def test_the_other_modes_start_nothing_and_play_nobody(tmp_path: Path) -> None:
    live = Lab(state=tmp_path / "lab", mode="live")
    assert "LIVE: messages go to https://api.nexmo.com and reach real people." in repr(live)
    with pytest.raises(SettingsError, match="from a phone"):
        live.user.write("Hello")
    assert background.find("simulator", live.settings) is None
    live.inbox.close()


def test_after_stop_the_simulator_says_how_to_start_it_again(lab: Lab) -> None:
    lab.stop()
    with pytest.raises(ServiceError, match="starts it again"):
        lab.simulator.create_page("Too late")
