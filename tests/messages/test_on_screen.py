"""on_screen: what a sent message shows on a phone, from its body in either shape."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from nbhelpers.messages.on_screen import Choice, on_screen
from nbhelpers.messages.outbound import OutboundMessage
from tests.messages.test_inbound import hostile

pytestmark = pytest.mark.fast

RED, GREEN = ({"content_type": "text", "title": title, "payload": title.upper()} for title in ("Red", "Green"))
ORDER = {"type": "postback", "title": "Order", "payload": "ORDER"}
SITE = {"type": "web_url", "title": "Our site", "url": "https://example.com"}


def template(**payload: Any) -> dict[str, Any]:
    return {"attachment": {"type": "template", "payload": payload}}


@pytest.mark.parametrize("version", ["v0.1", "v1"])
@pytest.mark.parametrize(
    ("kind", "content", "shown", "choices"),
    [
        ("text", "We open at seven.", "We open at seven.", []),
        ("image", "https://example.com/rye.jpg", "(image https://example.com/rye.jpg)", []),
        (
            "custom",
            {"text": "Which?", "quick_replies": [RED, GREEN]},
            "Which? [Red] [Green]",
            [("quick reply", "RED"), ("quick reply", "GREEN")],
        ),
        (
            "custom",
            {"text": "Call?", "quick_replies": [{"content_type": "user_phone_number"}]},
            "Call? [(their phone number)]",
            [("quick reply", "")],
        ),
        (
            "custom",
            template(template_type="button", text="Rye?", buttons=[ORDER, SITE]),
            "Rye? [Order] [Our site ↗]",
            [("button", "ORDER"), ("link", "")],
        ),
        (
            "custom",
            template(
                template_type="generic",
                elements=[{"title": "Rye", "subtitle": "1 kg", "buttons": [ORDER]}, {"title": "Rolls"}],
            ),
            "Rye: 1 kg\nRolls [Order]",
            [("button", "ORDER")],
        ),
        ("custom", template(template_type="receipt"), "(template receipt)", []),
        (
            "custom",
            {"attachment": {"type": "image", "payload": {"url": "https://example.com/a.jpg"}}},
            "(image https://example.com/a.jpg)",
            [],
        ),
        ("custom", {"hello": 1}, "", []),
    ],
)
def test_a_phone_shows_text_quick_replies_and_buttons(version: str, kind: str, content: Any, shown: str, choices: Any):
    screen = on_screen(json.loads(json.dumps(OutboundMessage("200", "100", content, kind).body(version))))
    assert str(screen) == shown
    assert [(choice.kind, choice.payload) for choice in screen.choices] == choices


def test_a_link_says_where_it_leads():
    (link,) = on_screen({"message_type": "custom", "custom": template(text="x", buttons=[SITE])}).choices
    assert link == Choice("link", "Our site", url="https://example.com")


@pytest.mark.thorough
@hypothesis_settings(max_examples=100, deadline=None)
@given(hostile)
def test_no_body_makes_it_raise(body: dict[str, Any]):
    for each in (body, {"message_type": "custom", "custom": body}, {"message": {"content": body}}):
        assert isinstance(str(on_screen(each)), str)
