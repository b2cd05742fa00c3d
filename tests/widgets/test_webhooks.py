"""The webhooks panel: the form, the last call and its signature, and setting them in live mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.inbox.events import Delivery
from nbhelpers.tunnel.webhook_secret import make_secret
from nbhelpers.widgets.page_origin import PageOrigin
from nbhelpers.widgets.panels import Panels
from nbhelpers.widgets.parts import CopyField
from tests.conftest import wait_until
from tests.support.account_api import ID, KEY, SECRET, Account, messages, playing
from tests.support.labs import CLOCK, SMS, WHATSAPP, arrive, button, inside, lookers, markup, printed, says, seen, shut


def fields(panel: Any) -> list[tuple[str, str]]:
    return [(field.label, field.value) for field in inside(panel) if isinstance(field, CopyField)]


@pytest.mark.fast
def test_the_two_labels_stand_in_the_order_of_the_form_with_the_receivers_addresses(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    receiver = ready.receiver
    assert fields(panel) == [
        ("Webhook URL for Inbound Message", receiver.inbound_url),
        ("Webhook URL for Delivery Receipt", receiver.status_url),
    ]
    lines = printed(panel).splitlines()
    assert lines[:4] == [
        "Webhooks (SIMULATOR)",
        f"Webhook URL for Inbound Message: {receiver.inbound_url}",
        f"Webhook URL for Delivery Receipt: {receiver.status_url}",
        "HTTP method: POST. Saved in the form.",
    ]
    assert "HTTP method: POST. Saved in the form." in seen(panel)
    panel.close()


def test_before_anything_is_opened_or_saved_it_says_so(fresh: Lab) -> None:
    panel = fresh.panels.webhooks()
    assert [value for _, value in fields(panel)] == ["", ""]
    assert seen(panel) == (
        "Webhooks SIMULATOR Webhook URL for Inbound Message Webhook URL for Delivery Receipt"
        " HTTP method: GET. Nothing is saved in the form yet. Last call: none yet."
    )
    receiver = fresh.receiver
    wait_until(lambda: fields(panel)[0][1] == receiver.inbound_url, 1, "the address, by itself")
    panel.close()


@pytest.mark.fast
def test_it_follows_the_form_and_the_last_call_by_itself(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    ready.webhooks.save()
    says(panel, "HTTP method: GET. Saved in the form.")
    assert re.search(rf"Last call: {CLOCK} GET /webhooks/status, answered 405\.", says(panel, "status, answered 405"))
    ready.webhooks.save(method="POST")
    assert re.search(rf"Last call: {CLOCK} POST /webhooks/status, answered 200\.", says(panel, "status, answered 200"))
    panel.close()


@pytest.mark.fast
def test_it_follows_a_form_whose_addresses_reach_nobody(ready: Lab) -> None:
    ready.webhooks.save(method="POST")
    panel = ready.panels.webhooks()
    ready.webhooks.save(inbound="http://127.0.0.1:9/in", status="http://127.0.0.1:9/st", method="GET")
    says(panel, "HTTP method: GET. Saved in the form.")
    panel.close()


@pytest.mark.fast
def test_a_path_from_outside_is_escaped(ready: Lab) -> None:
    import requests

    panel = ready.panels.webhooks()
    base = ready.receiver.inbound_url.removesuffix("/webhooks/inbound")
    requests.post(f"{base}/%3Cscript%3Ealert(1)%3C/script%3E?token=eyJsecret", timeout=5)
    says(panel, "answered 404")
    assert "<script>" not in panel._facts.value
    assert "eyJsecret" not in panel._facts.value
    panel.close()


def test_when_the_simulator_is_gone_it_says_so_and_goes_on_looking(fresh: Lab) -> None:
    fresh.need("webhooks")
    panel = fresh.panels.webhooks()
    shut(fresh, "simulator")
    fresh.note(anything=1)
    says(panel, "The simulator does not answer.", 3)
    assert fields(panel)[0][1] == fresh.receiver.inbound_url
    assert "The simulator does not answer." in printed(panel)
    assert f"Delivery Receipt: {fresh.receiver.status_url}" in printed(panel)
    assert lookers("WebhooksPanel")
    again = fresh.panels.webhooks()
    assert "The simulator does not answer." in seen(again)
    again.close()


def test_a_receiver_that_is_gone_is_said_by_itself_and_comes_back(fresh: Lab) -> None:
    fresh.need("webhooks")
    panel = fresh.panels.webhooks()
    assert "does not run" not in seen(panel)
    shut(fresh, "receiver")
    assert "Your receiver does not run, so nothing can arrive. Run `lab.receiver`." in says(panel, "does not run", 10)
    assert "Your receiver does not run" in printed(panel)
    assert fresh.receiver.inbound_url
    wait_until(lambda: "does not run" not in seen(panel), 10, "the receiver")
    panel.close()


@pytest.mark.fast
def test_in_live_mode_the_dashboard_cannot_be_read(live: Lab) -> None:
    panel = Panels(live._course).webhooks()
    assert seen(panel) == (
        "Webhooks LIVE Webhook URL for Inbound Message Webhook URL for Delivery Receipt HTTP method: what the dashboard"
        " holds cannot be read. Set POST there. Last call: none yet."
    )
    assert printed(panel).startswith("Webhooks (LIVE)\n")
    panel.close()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("verdict", "why", "answer", "words"),
    [
        ("signed", "", 200, "Signature verified."),
        ("wrong", "the body is not the one that was signed", 401, "Signature wrong: the body is not the one that was"),
        ("unsigned", "there is no Authorization header", 200, "Unsigned."),
        ("unchecked", "no signature secret is set", 200, "Signature not verified: no signature secret is known."),
    ],
)
def test_how_the_last_call_was_signed_stands_in_words(
    ready: Lab, verdict: str, why: str, answer: int, words: str
) -> None:
    panel = ready.panels.webhooks()
    call = Delivery("POST", "/webhooks/inbound", (), b"{}", answer, verdict=verdict, why=why)
    ready.inbox.record(call).result()
    assert f"answered {answer}. {words}" in says(panel, words)
    assert words in printed(panel)
    panel.close()


@pytest.mark.fast
def test_of_a_call_that_was_refused_before_its_signature_is_not_spoken_of(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    ready.inbox.record(Delivery("GET", "/webhooks/inbound", (), b"", 405, verdict="unchecked")).result()
    assert "answered 405." in says(panel, "answered 405.")
    assert "ignature" not in seen(panel) + printed(panel)
    panel.close()


@pytest.mark.fast
def test_in_live_mode_an_unset_secret_is_named(live: Lab) -> None:
    live.inbox.record(Delivery("POST", "/webhooks/inbound", (), b"{}", 200, why="no signature secret is set")).result()
    panel = live.panels.webhooks()
    assert "Signature not verified: VONAGE_SIGNATURE_SECRET is not set." in seen(panel)
    panel.close()


PUBLIC = ("https://door.example/webhooks/inbound", "https://door.example/webhooks/status")


@pytest.fixture
def vonage() -> Iterator[Account]:
    with playing() as made:
        yield made


@pytest.fixture
def owner(vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A lab in live mode that may change the application."""
    for name, value in {
        "NBHELPERS_API_HOST": vonage.url,
        "VONAGE_API_KEY": KEY,
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_APPLICATION_ID": ID,
        "PUBLIC_URL": "https://door.example",
    }.items():
        monkeypatch.setenv(name, value)
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


def pressable(panel: Any) -> list[str]:
    return [
        each.description
        for each in inside(panel)
        if isinstance(each, ipywidgets.Button) and each.layout.display != "none"
    ]


@pytest.mark.fast
def test_in_live_mode_the_public_addresses_are_there_to_copy(owner: Lab) -> None:
    panel = owner.panels.webhooks()
    assert [value for _, value in fields(panel)] == [*PUBLIC]
    assert "HTTP method: POST. “Set the webhooks for me” shows what the application holds now." in seen(panel)
    assert pressable(panel) == ["Set the webhooks for me"]
    panel.close()


@pytest.mark.fast
def test_webhooks_are_set_only_after_old_and_new_were_shown_and_yes_was_said(owner: Lab, vonage: Account) -> None:
    panel = owner.panels.webhooks()
    button(panel, "Set the webhooks for me").click()
    assert f"Inbound URL: https://old.example/in (POST) -> {PUBLIC[0]} (POST)" in seen(panel)
    assert f"Status URL: https://old.example/st (POST) -> {PUBLIC[1]} (POST)" in printed(panel)
    assert '<p role="status">' in markup(panel)
    assert "<b>" not in markup(panel)
    assert pressable(panel) == ["Yes, set them", "No"]
    assert vonage.puts == []
    button(panel, "No").click()
    assert "Nothing was changed." in seen(panel)
    assert pressable(panel) == ["Set the webhooks for me"]
    button(panel, "Yes, set them").click()  # it is not there to be pressed, and does nothing
    assert vonage.puts == []

    button(panel, "Set the webhooks for me").click()
    button(panel, "Yes, set them").click()
    assert "It is done. It was read again: nothing else of it is different." in seen(panel)
    assert vonage.of["capabilities"]["messages"]["webhooks"]["inbound_url"]["address"] == PUBLIC[0]
    assert pressable(panel) == ["Set the webhooks for me", "Put the old ones back"]
    button(panel, "Set the webhooks for me").click()
    assert "There is nothing to change." in seen(panel)
    assert pressable(panel) == ["Set the webhooks for me", "Put the old ones back"]

    button(panel, "Put the old ones back").click()
    assert pressable(panel) == ["Yes, put them back", "No"]
    assert len(vonage.puts) == 1
    button(panel, "Yes, put them back").click()
    assert vonage.of["capabilities"]["messages"] == messages()
    assert pressable(panel) == ["Set the webhooks for me"]
    assert SECRET not in seen(panel) + printed(panel)
    panel.close()


@pytest.mark.fast
def test_what_goes_wrong_while_setting_is_said_and_ends_the_question(owner: Lab, vonage: Account) -> None:
    panel = owner.panels.webhooks()
    vonage.answers = [(500, {}, b"")]
    button(panel, "Set the webhooks for me").click()
    assert "The service had a fault of its own." in seen(panel)
    assert pressable(panel) == ["Set the webhooks for me"]
    button(panel, "Set the webhooks for me").click()
    vonage.answers = [None, (400, {}, b"")]
    button(panel, "Yes, set them").click()
    assert "It was not changed." in seen(panel)
    assert pressable(panel) == ["Set the webhooks for me"]
    panel.close()


@pytest.mark.fast
def test_without_a_public_address_the_panel_says_what_comes_first(
    owner: Lab, vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUBLIC_URL")
    lab = Lab(state=tmp_path / "other", mode="live")
    panel = lab.panels.webhooks()
    assert [value for _, value in fields(panel)] == ["", ""]
    button(panel, "Set the webhooks for me").click()
    assert "Open the tunnel first: `lab.tunnel`." in seen(panel)
    panel.close()
    lab.stop()


@pytest.mark.fast
def test_without_key_and_secret_and_in_the_simulator_there_is_no_such_button(live: Lab, ready: Lab) -> None:
    for lab in (live, ready):
        panel = lab.panels.webhooks()
        assert pressable(panel) == []
        panel.close()


@pytest.mark.fast
def test_the_last_call_is_named_when_it_is_somebody_elses_or_on_another_channel(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    arrive(ready, SMS)
    words = says(panel, "It was an inbound SMS of the SMS API.")
    assert "Next: SMS and Messenger share this URL" in words
    arrive(ready, WHATSAPP)
    assert "A message on WhatsApp." in says(panel, "WhatsApp")
    panel.close()


@pytest.mark.fast
def test_on_a_hub_it_learns_from_the_page_where_the_hub_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    lab = Lab(state=tmp_path / "lab", mode="live")
    panel = lab.panels.webhooks()
    asking = next(widget for widget in inside(panel) if isinstance(widget, PageOrigin))
    assert "page_origin" not in lab._course.facts
    asking.origin = "https://hub.example"  # what the page does
    assert lab._course.facts["page_origin"] == "https://hub.example"
    assert "page_origin" not in lab.facts
    panel.close()
    make_secret(lab.settings.folder)
    panel = lab.panels.webhooks()
    inbound = fields(panel)[0][1]
    assert inbound.startswith("https://hub.example/user/ada/nbhelpers/webhooks/") and inbound.endswith("/inbound")
    panel.close()
    lab.stop()


@pytest.mark.fast
def test_where_no_hub_is_the_page_is_not_asked(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    assert not [widget for widget in inside(panel) if isinstance(widget, PageOrigin)]
    panel.close()
