"""The two parts with a little JavaScript: what they may hold, and that nothing is fetched for them."""

from __future__ import annotations

import json
import re

import pytest

from nbhelpers.widgets.copy_field import CopyField, TokenView

pytestmark = pytest.mark.fast

both = pytest.mark.parametrize("kind", [CopyField, TokenView])


@both
def test_the_script_is_inline_and_fetches_nothing(kind: type) -> None:
    script, style = str(kind._esm), str(kind._css)
    assert not re.search(r"https?:|//cdn|\bimport\b|\bfetch\b|XMLHttpRequest|url\(", script + style)
    assert "export default { render }" in script


@both
def test_the_script_puts_text_and_never_markup_on_the_page(kind: type) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", str(kind._esm))


@both
def test_what_changes_is_read_out(kind: type) -> None:
    assert 'setAttribute("role", "status")' in str(kind._esm)


def test_a_field_holds_its_label_and_value() -> None:
    field = CopyField(label="Webhook URL", value="http://x/<b>")
    assert (field.get_state()["label"], field.get_state()["value"]) == ("Webhook URL", "http://x/<b>")
    assert 'setAttribute("aria-label", "Copy " + model.get("label"))' in str(CopyField._esm)


def test_the_token_view_has_no_place_for_a_token() -> None:
    """Widget state can end up in the saved notebook."""
    own = set(TokenView(expires=5.0).get_state()) - set(CopyField().get_state())
    assert own == {"expires"}
    assert "eyJ" not in json.dumps(TokenView(expires=5.0).get_state(), default=str)


def test_the_countdown_stops_when_the_view_is_gone() -> None:
    assert "clearInterval(timer)" in str(TokenView._esm)
