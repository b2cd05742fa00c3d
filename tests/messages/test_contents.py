"""contents: every type of message in one line, in both shapes; of an unknown one its fields, cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from nbhelpers.messages.contents import in_words
from nbhelpers.messages.inbound import GUIDE, TODAY, InboundMessage, read
from tests.messages.test_inbound import hostile

pytestmark = pytest.mark.fast

ORDER = {
    "catalog_id": "c1",
    "product_items": [{"product_retailer_id": "rye", "quantity": 2}, {"product_retailer_id": "rolls", "quantity": "6"}],
}


def said(shape: str, kind: str, content: Any) -> str:
    fields = {} if content is None else {kind: content}
    body: dict[str, Any] = {"message_uuid": "u", "timestamp": "2020-01-01T14:00:00.000Z"}
    if shape == GUIDE:
        ends = {name: {"type": "whatsapp", "number": "447700900001"} for name in ("from", "to")}
        body |= {**ends, "message": {"content": {"type": kind, **fields}}}
    else:
        body |= {
            "channel": "whatsapp",
            "from": "1",
            "to": "2",
            "message_type": kind,
            "profile": {"name": "Ada"},
            **fields,
        }
    message = read(body)
    assert isinstance(message, InboundMessage)
    return in_words(message)


@pytest.mark.parametrize("shape", [GUIDE, TODAY])
@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("text", "Hello!", "“Hello!”"),
        ("reply", {"id": "YES", "title": "Yes, please", "description": "any day"}, "reply “Yes, please”, payload YES"),
        ("button", {"payload": "yes-payload", "text": "Yes"}, "button “Yes”, payload yes-payload"),
        ("button", {"payload": "only"}, "button payload only"),
        ("location", {"lat": "51.5", "long": "-0.1", "url": "https://example.com/map"}, "location 51.5, -0.1"),
        (
            "location",
            {"lat": 51.5, "long": -0.1, "name": "Bakery", "address": "1 Rye St"},
            "location 51.5, -0.1: Bakery, 1 Rye St",
        ),
        ("reaction", {"action": "react", "emoji": "👍"}, "reaction 👍"),
        ("reaction", {"action": "unreact"}, "reaction taken back"),
        ("sticker", {"url": "https://example.com/cat.webp"}, "sticker cat.webp"),
        ("like", None, "like"),
        ("contact", {"contacts": [{"name": {"formatted_name": "Ada Lovelace"}}]}, "contact Ada Lovelace"),
        ("contacts", [{"name": {"formatted_name": "Ada"}}, {"name": {"first_name": "Grace"}}], "contacts Ada, Grace"),
        ("order", ORDER, "order of 2× rye, 6× rolls"),
        ("image", {"url": "https://example.com/a/rye%20bread.jpg", "caption": "Ours"}, "image rye bread.jpg: “Ours”"),
        ("file", {"url": "https://example.com/1.pdf", "name": "menu.pdf"}, "file menu.pdf"),
        ("audio", {"url": "https://example.com/sound.mp3"}, "audio sound.mp3"),
        ("video", {"url": "https://[not-an-address"}, "video"),
        ("unsupported", None, "unsupported"),
        ("poll", {"question": "Rye?", "votes": 3}, 'poll {"question": "Rye?", "votes": 3}'),
        ("poll", None, "poll"),
    ],
)
def test_a_type_beside_text_shows_its_words(shape: str, kind: str, content: Any, words: str):
    assert said(shape, kind, content) == words


def test_an_unsupported_message_shows_what_the_provider_says_of_it():
    body = {"message_uuid": "u", "channel": "whatsapp", "message_type": "unsupported", "provider_message": "Not known"}
    message = read(body)
    assert isinstance(message, InboundMessage)
    assert in_words(message) == "unsupported Not known"


def test_what_is_long_is_cut():
    words = said(TODAY, "poll", {"question": "x" * 500})
    assert len(words) == 160 and words.endswith("…")


def test_what_was_made_by_hand_has_its_words_too():
    made = InboundMessage("u", "1", "2", "image", url="https://example.com/photo.jpg")
    assert in_words(made) == "image photo.jpg"
    assert in_words(InboundMessage("u", "1", "2", "text", text="Hello!")) == "“Hello!”"


@pytest.mark.thorough
@hypothesis_settings(max_examples=100, deadline=None)
@given(hostile)
def test_no_object_makes_it_raise(body: dict[str, Any]):
    message = read(body)
    if isinstance(message, InboundMessage):
        assert in_words(message)
