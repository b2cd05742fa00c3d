"""The shared parts: what they may hold, that nothing is fetched for them, and that there is one stylesheet."""

from __future__ import annotations

import json
import re
from typing import Any

import ipywidgets
import pytest

from nbhelpers.widgets import parts
from nbhelpers.widgets.parts import CodeBlock, CopyField, Countdown, Head, Note, button, field, row, script, table
from nbhelpers.widgets.psid import Newcomers
from nbhelpers.widgets.token import TokenView

pytestmark = pytest.mark.fast

FRONT = parts._FRONT
SCRIPTS = sorted(FRONT.glob("*.js"))
every = pytest.mark.parametrize("name", [path.stem for path in SCRIPTS])


@every
def test_a_script_is_inline_and_fetches_nothing(name: str) -> None:
    text = (FRONT / f"{name}.js").read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/)|//cdn|\bimport\b|\bfetch\b|XMLHttpRequest|WebSocket", text)
    assert name == "shared" or "export default { render };" in text


@every
def test_a_script_puts_text_and_never_markup_on_the_page(name: str) -> None:
    text = (FRONT / f"{name}.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(", text)


def test_the_stylesheet_comes_with_the_head_alone_and_fetches_nothing() -> None:
    style = str(Head._css)
    assert not re.search(r"https?:|@import|url\(", style)
    assert "--nbh-ink" in style and ".nbh-head" in style
    assert not any(hasattr(kind, "_css") for kind in (Note, CopyField, Countdown, CodeBlock, Newcomers, TokenView))


def test_no_rule_stands_in_the_stylesheet_twice() -> None:
    rules = re.findall(
        r"([^{}]+)\{([^{}]*)\}", re.sub(r"/\*.*?\*/|@[a-z-]+ [^{]*\{", "", str(Head._css), flags=re.DOTALL)
    )
    told = [(" ".join(selector.split()), " ".join(body.split())) for selector, body in rules]
    assert len(told) > 50
    assert len(told) == len(set(told))


@pytest.mark.parametrize("kind", [CopyField, TokenView, Note, Head, CodeBlock, Newcomers])
def test_what_changes_is_read_out(kind: Any) -> None:
    assert re.search(r'spoken\(|"status"', str(kind._esm).replace(script_of_shared(), ""))


def script_of_shared() -> str:
    return (FRONT / "shared.js").read_text(encoding="utf-8")


def test_a_field_to_copy_holds_its_label_and_value() -> None:
    made = CopyField(label="Webhook URL", value="http://x/<b>")
    assert (made.get_state()["label"], made.get_state()["value"]) == ("Webhook URL", "http://x/<b>")
    assert made.get_state()["held"] is False


def test_a_value_that_is_held_is_sent_on_the_click_and_is_in_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    made = CopyField(whole=lambda: "5643442791834631", label="PSID", value="••••4631")
    monkeypatch.setattr(made, "send", lambda content, buffers=None: sent.append(content))
    made._handle_custom_msg({"ask": "something else"}, [])
    assert sent == []
    made._handle_custom_msg({"ask": "copy"}, [])
    assert sent == [{"text": "5643442791834631"}]
    assert "5643442791834631" not in json.dumps(made.get_state(), default=str)


def test_a_value_that_is_not_held_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    made = CopyField(label="PSID", value="1")
    monkeypatch.setattr(made, "send", lambda content, buffers=None: sent.append(content))
    made._handle_custom_msg({"ask": "copy"}, [])
    assert sent == []


def test_the_token_view_has_no_place_for_a_token() -> None:
    """Widget state can end up in the saved notebook."""
    own = set(TokenView(expires=5.0).get_state()) - set(CopyField().get_state())
    assert own == {"expires", "whole", "running", "over"}
    assert "eyJ" not in json.dumps(TokenView(expires=5.0).get_state(), default=str)


@pytest.mark.parametrize("kind", [Countdown, TokenView])
def test_the_countdown_stops_when_the_view_is_gone(kind: Any) -> None:
    assert "clearInterval(timer)" in str(kind._esm)
    assert "stop" in str(kind._esm).replace(script_of_shared(), "")


def test_a_note_says_words_and_kind_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    note, sent = Note(), []
    monkeypatch.setattr(note, "send_state", lambda key=None: sent.append(set(key)))
    note.say("Done.", "ok")
    assert (note.words, note.kind) == ("Done.", "ok")
    assert sent == [{"words", "kind"}]


def test_a_field_has_its_label_in_words_and_a_button_says_what_it_does() -> None:
    made = field(ipywidgets.Text, "Write as Ada", placeholder="Message")
    assert (made.description, made.placeholder) == ("Write as Ada", "Message")
    pressed: list[Any] = []
    press = button("Send", pressed.append, first=True, tooltip="Send this answer")
    press.click()
    assert (press.description, press.tooltip, pressed) == ("Send", "Send this answer", [press])
    assert "nbh-go" in press._dom_classes
    assert row(made, press).children == (made, press)


def test_a_table_escapes_everything() -> None:
    shown = table([("<b>name", "<i>value", "<u>means")])
    assert "&lt;b&gt;name" in shown and "&lt;i&gt;value" in shown and "&lt;u&gt;means" in shown
    assert not re.search(r"<[biu]>", shown)


def test_a_script_comes_with_what_all_of_them_share() -> None:
    assert script("note").startswith(script_of_shared())
