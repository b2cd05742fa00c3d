"""outbound: what cannot be sent is refused when it is made; the rest is written in the shape of its version."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbhelpers.errors import MessageError
from nbhelpers.messages.outbound import LONGEST_TEXT, LONGEST_URL, OutboundMessage

pytestmark = pytest.mark.fast

PAGE, PSID = "0000000000000000", "1111111111111111"
URL = "https://example.com/cat.jpg"
both_versions = pytest.mark.parametrize("version", ["beta", "v0.1", "v1"])


def nested(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "from": {"type": "messenger", "id": PAGE},
        "to": {"type": "messenger", "id": PSID},
        "message": {"content": content},
        **more,
    }


def flat(**more: Any) -> dict[str, Any]:
    return {"to": PSID, "from": PAGE, "channel": "messenger", **more}


def refused(*arguments: Any, **more: Any) -> MessageError:
    with pytest.raises(MessageError) as caught:
        OutboundMessage(*arguments, **more)
    error = caught.value
    assert error.what and error.seen and error.next
    return error


@pytest.mark.parametrize("version", ["beta", "v0.1"])
def test_a_text_in_the_guides_shape(version: str):
    assert OutboundMessage(PAGE, PSID, "Hello!").body(version) == nested({"type": "text", "text": "Hello!"})


def test_a_text_in_todays_shape():
    assert OutboundMessage(PAGE, PSID, "Hello!").body("v1") == flat(message_type="text", text="Hello!")


@pytest.mark.parametrize("kind", ["image", "audio", "video", "file"])
def test_every_medium_is_written_in_both_shapes(kind: str):
    message = OutboundMessage(PAGE, PSID, URL, kind=kind)
    for version in ("beta", "v0.1"):
        assert message.body(version) == nested({"type": kind, kind: {"url": URL}})
    assert message.body("v1") == flat(message_type=kind, **{kind: {"url": URL}})


def test_a_custom_message_goes_through_in_both_shapes_and_the_service_judges_it():
    template = {"attachment": {"type": "template", "payload": {}}}
    message = OutboundMessage(PAGE, PSID, template, kind="custom")
    for version in ("beta", "v0.1"):
        assert message.body(version) == nested({"type": "custom", "custom": template})
    assert message.body("v1") == flat(message_type="custom", custom=template)


@pytest.mark.parametrize("category", ["response", "update"])
def test_a_category_is_written_where_each_shape_has_it(category: str):
    message = OutboundMessage(PAGE, PSID, "Hello!", category=category)
    assert message.body("v0.1")["message"]["messenger"] == {"category": category}
    assert message.body("v1")["messenger"] == {"category": category}


def test_a_tag_travels_with_its_category():
    message = OutboundMessage(PAGE, PSID, "Hello!", category="message_tag", tag="HUMAN_AGENT")
    expected = {"category": "message_tag", "tag": "HUMAN_AGENT"}
    assert message.body("v0.1")["message"]["messenger"] == expected
    assert message.body("v1")["messenger"] == expected


@pytest.mark.parametrize("tag", [None, ""])
def test_message_tag_without_a_tag_is_refused(tag: str | None):
    assert "message_tag" in refused(PAGE, PSID, "Hello!", category="message_tag", tag=tag).what


def test_an_unknown_category_or_type_is_refused_with_the_known_ones():
    assert "response, update, message_tag" in refused(PAGE, PSID, "Hello!", category="promotion").next
    error = refused(PAGE, PSID, "Hello!", kind="sticker")
    assert "sticker" in error.seen and "image" in error.next
    assert "no dict" in refused(PAGE, PSID, "Hello!", kind="custom").seen


@pytest.mark.parametrize("length", [1, 50])
def test_an_id_may_have_from_1_to_50_characters(length: int):
    message = OutboundMessage("1" * length, "2" * length, "Hello!")
    assert (message.sender, message.recipient) == ("1" * length, "2" * length)


@pytest.mark.parametrize("text", ["", "   ", "1" * 51])
def test_an_id_of_no_or_51_characters_is_refused(text: str):
    assert "Page ID" in refused(text, PSID, "Hello!").what
    assert "PSID" in refused(PAGE, text, "Hello!").what


def test_white_space_around_a_pasted_id_is_left_out():
    assert OutboundMessage(f" {PAGE}\n", PSID, "Hello!").sender == PAGE


def test_an_int_is_taken_as_an_id_with_a_warning_at_the_line_that_gave_it():
    with pytest.warns(UserWarning, match="write it in quotes") as caught:
        message = OutboundMessage(PAGE, 1111111111111111, "Hello!")  # type: ignore[arg-type]
    assert message.recipient == PSID
    (warning,) = caught
    assert warning.filename == __file__


@pytest.mark.parametrize("value", [1111111111111111.0, 1.5, float("nan"), True, None, b"1", ["1"]])
def test_a_float_or_anything_else_is_never_taken_as_an_id(value: Any):
    for arguments in ((value, PSID), (PAGE, value)):
        assert type(value).__name__ in refused(*arguments, "Hello!").seen


@both_versions
def test_a_text_of_640_characters_is_sent_and_one_more_is_not(version: str):
    assert LONGEST_TEXT == 640
    longest = "é" * 640
    assert longest in str(OutboundMessage(PAGE, PSID, longest).body(version))
    assert "641" in refused(PAGE, PSID, longest + "é").seen


@pytest.mark.parametrize("text", ["", None, 5, b"bytes"])
def test_no_text_is_refused(text: Any):
    assert "nothing to send" in refused(PAGE, PSID, text).what


@pytest.mark.parametrize("url", ["", "cat.jpg", "ftp://example.com/cat.jpg", "https://" + "a" * LONGEST_URL, None, 5])
def test_what_cannot_be_fetched_is_no_medium(url: Any):
    assert "image" in refused(PAGE, PSID, url, kind="image").what
    if url is not None:
        assert "webhook_url" in refused(PAGE, PSID, "Hello!", webhook_url=url).what


@pytest.mark.parametrize(("version", "longest"), [("beta", 40), ("v0.1", 40), ("v1", 100)])
def test_client_ref_has_the_length_that_its_version_takes(version: str, longest: int):
    assert OutboundMessage(PAGE, PSID, "Hello!", client_ref="r" * longest).body(version)["client_ref"] == "r" * longest
    for wrong in ("r" * (longest + 1), ""):
        with pytest.raises(MessageError, match="client_ref") as caught:
            OutboundMessage(PAGE, PSID, "Hello!", client_ref=wrong).body(version)
        assert str(longest) in caught.value.next


def test_a_client_ref_that_is_no_text_is_refused():
    assert "int" in refused(PAGE, PSID, "Hello!", client_ref=7).seen


V1_ONLY = {
    "webhook_url": "https://example.com/status",
    "webhook_version": "v1",
    "failover": ({"channel": "sms", "to": "1"},),
}


def test_what_is_new_in_v1_is_written_there():
    body = OutboundMessage(PAGE, PSID, "Hello!", **V1_ONLY).body("v1")
    assert body == flat(message_type="text", text="Hello!", **V1_ONLY | {"failover": [{"channel": "sms", "to": "1"}]})


@pytest.mark.parametrize("name", V1_ONLY)
@pytest.mark.parametrize("version", ["beta", "v0.1"])
def test_what_is_new_in_v1_cannot_go_out_in_the_guides_shape(name: str, version: str):
    message = OutboundMessage(PAGE, PSID, "Hello!", **{name: V1_ONLY[name]})
    with pytest.raises(MessageError, match="new in v1") as caught:
        message.body(version)
    assert version in caught.value.seen


def test_an_unknown_webhook_version_is_refused():
    assert "v2" in refused(PAGE, PSID, "Hello!", webhook_version="v2").seen


@given(st.text(min_size=1, max_size=640))
def test_any_text_that_fits_goes_out_as_it_is(text: str):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = OutboundMessage(PAGE, PSID, text)
    assert message.body("v0.1")["message"]["content"] == {"type": "text", "text": text}
    assert message.body("v1")["text"] == text
