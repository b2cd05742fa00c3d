"""Hello, credentials card, token card, webhooks panel: what they show, in words, and what they never show."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until
from labs import CLOCK, button, course_of, inside, key_path, lookers, own_key, printed, says, seen, shut

from nbhelpers import Lab
from nbhelpers.credentials import PrivateKey
from nbhelpers.tokens import Minter
from nbhelpers.widgets import Panels
from nbhelpers.widgets.copying import CopyField, TokenView
from nbhelpers.widgets.small import CredentialsCard, TokenCard


class Front:
    """The page in the browser: sends what a press of a button sends, and keeps what the kernel sends back."""

    def __init__(self, card: TokenCard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view = next(widget for widget in inside(card) if isinstance(widget, TokenView))
        self.heard: list[dict[str, Any]] = []
        monkeypatch.setattr(self.view, "send", lambda content, buffers=None: self.heard.append(content))

    def press(self, ask: str) -> dict[str, Any]:
        self.view._handle_custom_msg({"ask": ask}, [])
        return self.heard[-1]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


# Hello


@pytest.mark.fast
def test_hello_says_that_panels_work_when_it_is_pressed(ready: Lab) -> None:
    panel = ready.panels.hello()
    assert "Panels work." not in seen(panel)
    button(panel, "Press me").click()
    assert seen(panel) == "Hello SIMULATOR ✓ Panels work."


@pytest.mark.fast
def test_hello_prints_as_text(ready: Lab) -> None:
    assert printed(ready.panels.hello()) == (
        "Hello (SIMULATOR)\nPanels work as text. In JupyterLab a button stands here."
    )


# Credentials


@pytest.mark.fast
def test_the_card_shows_id_file_and_public_half_and_nothing_secret(ready: Lab) -> None:
    card = ready.panels.credentials()
    key = own_key(ready)
    for shown in (seen(card), " ".join(printed(card).split())):
        assert f"Application ID{':' if ':' in shown[:60] else ''} {ready.facts['application_id']}" in shown
        assert str(key_path(ready)) in shown
        assert " ".join(key.public_pem.split()) in shown
        assert "PRIVATE KEY" not in shown
        assert ready.settings.api_secret not in shown
    assert "SIMULATOR" in seen(card)
    assert printed(card).startswith("Credentials (SIMULATOR)\n")


def test_the_card_says_what_is_missing(fresh: Lab) -> None:
    card = fresh.panels.credentials()
    assert printed(card).splitlines()[1:3] == ["Application ID: none noted", "Private key: none that can be used"]
    assert "The private key is missing." in seen(card)


@pytest.mark.fast
def test_a_key_that_was_configured_as_text_is_not_shown(ready: Lab, other_key: PrivateKey) -> None:
    course = course_of(ready, application_id="<i>mine</i>", private_key=other_key.pem())
    course.simulator = None  # as in live mode
    card = CredentialsCard(course)
    assert "Private key the text you gave" in seen(card)
    assert "PRIVATE KEY" not in seen(card) + printed(card)
    assert "<i>mine</i>" in seen(card), "escaped on the page, so it reads as it was written"
    assert "<i>" not in "".join(widget.value for widget in inside(card) if hasattr(widget, "value"))


# Token


@pytest.mark.fast
def test_the_token_card_shows_the_claims_and_the_time_left_and_never_the_token(ready: Lab) -> None:
    token = str(ready.token())
    card = ready.panels.token(token)
    assert f"application_id {ready.facts['application_id']}" in seen(card)
    assert re.search(rf"iat \d{{10}} \({CLOCK}\)", seen(card))
    assert re.search(rf"exp \d{{10}} \({CLOCK}\)", seen(card))
    assert printed(card).startswith("Your JWT (SIMULATOR)\napplication_id: ")
    assert re.search(r"\n1[45]:\d\d left$", printed(card))
    (view,) = [widget for widget in inside(card) if isinstance(widget, TokenView)]
    assert view.expires == pytest.approx(time.time() + 900, abs=5)
    states = json.dumps([widget.get_state() for widget in inside(card)], default=str)
    for part in token.split("."):
        assert part not in states + seen(card) + printed(card)


@pytest.mark.fast
def test_copy_sends_the_token_and_keeps_it_out_of_the_state(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    token = ready.token()
    card = ready.panels.token(token)
    front = Front(card, monkeypatch)
    assert front.press("copy") == {"token": str(token)}
    states = json.dumps([widget.get_state() for widget in inside(card)], default=str)
    assert "eyJ" not in states


@pytest.mark.fast
def test_mint_again_makes_another_token_with_its_own_time(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Minter(ready.facts["application_id"], own_key(ready), ttl=60)()
    card = ready.panels.token(old)
    front = Front(card, monkeypatch)
    until, before = front.view.expires, seen(card)
    assert front.press("mint") == {"words": "Minted."}
    assert front.view.expires > until + 600
    assert seen(card) != before
    new = front.press("copy")["token"]
    assert new != old
    assert ready.check("jwt", new).kind == "done"


@pytest.mark.fast
def test_when_nothing_can_be_minted_the_card_says_why_and_keeps_its_token(
    ready: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = str(ready.token())
    card = ready.panels.token(token)
    front = Front(card, monkeypatch)
    key_path(ready).unlink()
    assert front.press("mint")["words"].startswith("The private key is missing. There is no file ")
    assert front.press("copy") == {"token": token}


@pytest.mark.fast
def test_a_press_that_is_not_known_does_nothing(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    front = Front(ready.panels.token(ready.token()), monkeypatch)
    front.view._handle_custom_msg({"ask": "everything"}, [])
    front.view._handle_custom_msg({}, [])
    assert front.heard == []


@pytest.mark.fast
def test_claims_of_somebody_else_are_escaped_and_short(ready: Lab, key: PrivateKey) -> None:
    import jwt

    claims = {"application_id": "<script>alert(1)</script>", "<b>": "x" * 500, "exp": int(time.time()) + 60}
    card = ready.panels.token(jwt.encode(claims, key.key, algorithm="RS256"))
    assert "<script>" not in card._claims.value
    assert "<b>" not in card._claims.value
    assert "x" * 81 not in seen(card)


# Webhooks


def fields(panel: Any) -> list[tuple[str, str]]:
    return [(field.label, field.value) for field in inside(panel) if isinstance(field, CopyField)]


@pytest.mark.fast
def test_the_two_labels_stand_in_the_order_of_the_form_with_the_doors_addresses(ready: Lab) -> None:
    panel = ready.panels.webhooks()
    door = ready.receiver
    assert fields(panel) == [
        ("Webhook URL for Inbound Message", door.inbound_url),
        ("Webhook URL for Delivery Receipt", door.status_url),
    ]
    lines = printed(panel).splitlines()
    assert lines[:4] == [
        "Webhooks (SIMULATOR)",
        f"Webhook URL for Inbound Message: {door.inbound_url}",
        f"Webhook URL for Delivery Receipt: {door.status_url}",
        "HTTP method: POST. Saved in the form.",
    ]
    assert "HTTP method: POST. Saved in the form." in seen(panel)
    panel.close()


def test_before_anything_is_opened_or_saved_it_says_so(fresh: Lab) -> None:
    panel = fresh.panels.webhooks()
    assert [value for _, value in fields(panel)] == ["", ""]
    assert seen(panel) == (
        "Webhooks SIMULATOR HTTP method: GET. Nothing is saved in the form yet. Last call: none yet."
    )
    door = fresh.receiver
    wait_until(lambda: fields(panel)[0][1] == door.inbound_url, 1, "the address, by itself")
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


@pytest.mark.fast
def test_in_live_mode_the_dashboard_cannot_be_read(live: Lab) -> None:
    panel = Panels(live._course).webhooks()
    assert seen(panel) == (
        "Webhooks LIVE HTTP method: what the dashboard holds cannot be read. Set POST there. Last call: none yet."
    )
    assert printed(panel).startswith("Webhooks (LIVE)\n")
    panel.close()
