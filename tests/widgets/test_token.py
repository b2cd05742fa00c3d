"""The token card."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.tokens import Minter
from nbhelpers.widgets.token import TokenCard, TokenView
from tests.support.labs import CLOCK, inside, key_path, own_key, printed, seen


class Front:
    """The page in the browser: sends what a press of a button sends, and keeps what the kernel sends back."""

    def __init__(self, card: TokenCard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.view = next(widget for widget in inside(card) if isinstance(widget, TokenView))
        self.heard: list[dict[str, Any]] = []
        monkeypatch.setattr(self.view, "send", lambda content, buffers=None: self.heard.append(content))

    def press(self, ask: str) -> dict[str, Any]:
        self.view._handle_custom_msg({"ask": ask}, [])
        return self.heard[-1]


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
