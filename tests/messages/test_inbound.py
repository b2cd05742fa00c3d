"""messages: what reaches us, read in both shapes; nothing that comes can make the reader raise or lose it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.messages.inbound import (
    GUIDE,
    MEDIA,
    TODAY,
    InboundMessage,
    MessageStatus,
    Unreadable,
    moment_of,
    read,
    shape_of_version,
    timestamp,
)

pytestmark = pytest.mark.fast

GUIDES_OWN = (Path(__file__).parents[1] / "data" / "guide_inbound.json").read_bytes()
PSID, PAGE = "1111111111111111", "0000000000000000"
UUID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
TIME = "2020-01-01T14:00:00.000Z"

CONTENTS: dict[str, dict[str, Any]] = {
    "text": {"text": "Hello from Facebook Messenger!"},
    **{kind: {kind: {"url": f"https://example.com/some.{kind}"}} for kind in MEDIA},
    "unsupported": {},
    "location": {"location": {"lat": "51.5", "long": "-0.1", "url": "https://example.com/map"}},
}
ERRORS = {GUIDE: {"code": 1300, "reason": "Not part of the provider network"}}
ERRORS[TODAY] = {
    "type": "https://developer.vonage.com/api-errors/messages#1300",
    "title": "1300",
    "detail": "Not part of the provider network",
    "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
}
STATES = ("submitted", "delivered", "read", "rejected", "undeliverable")
USAGE = {"currency": "EUR", "price": "0.0333"}


def inbound(shape: str, kind: str, **more: Any) -> dict[str, Any]:
    if shape == GUIDE:
        ends = {"to": {"type": "messenger", "id": PAGE}, "from": {"type": "messenger", "id": PSID}}
        content = {"message": {"content": {"type": kind, **CONTENTS.get(kind, {})}}}
    else:
        ends = {"channel": "messenger", "to": PAGE, "from": PSID}
        content = {"message_type": kind, **CONTENTS.get(kind, {})}
    return {"message_uuid": UUID, **ends, "timestamp": TIME, **content, **more}


def status(shape: str, state: str, **more: Any) -> dict[str, Any]:
    if shape == GUIDE:
        ends = {"to": {"type": "messenger", "id": PSID}, "from": {"type": "messenger", "id": PAGE}}
    else:
        ends = {"channel": "messenger", "to": PSID, "from": PAGE}
    return {"message_uuid": UUID, **ends, "timestamp": TIME, "status": state, **more}


both_shapes = pytest.mark.parametrize("shape", [GUIDE, TODAY])


def test_the_guides_own_example_gives_the_psid_and_the_page_id():
    message = read(GUIDES_OWN)
    assert isinstance(message, InboundMessage)
    assert (message.psid, message.page_id) == ("1111111111111111", "0000000000000000")
    assert (message.message_uuid, message.kind, message.text) == (UUID, "text", "Hello from Facebook Messenger!")
    assert (message.shape, message.flags, message.url) == (GUIDE, (), None)
    assert message.raw == json.loads(GUIDES_OWN)


@both_shapes
@pytest.mark.parametrize("kind", CONTENTS)
def test_every_documented_inbound_type_is_read_without_a_flag(shape: str, kind: str):
    message = read(json.dumps(inbound(shape, kind)).encode())
    assert isinstance(message, InboundMessage)
    assert (message.shape, message.kind, message.flags) == (shape, kind, ())
    assert (message.psid, message.page_id, message.message_uuid) == (PSID, PAGE, UUID)
    assert message.text == ("Hello from Facebook Messenger!" if kind == "text" else None)
    assert message.url == (CONTENTS[kind][kind]["url"] if kind in (*MEDIA, "location") else None)


@both_shapes
@pytest.mark.parametrize("state", STATES)
def test_every_documented_status_is_read_without_a_flag(shape: str, state: str):
    more: dict[str, Any] = {"client_ref": "order-7", "usage": USAGE}
    if state in ("rejected", "undeliverable"):
        more["error"] = ERRORS[shape]
    receipt = read(json.dumps(status(shape, state, **more)))
    assert isinstance(receipt, MessageStatus)
    assert (receipt.shape, receipt.status, receipt.flags) == (shape, state, ())
    # The message went the other way: `to` is now the person.
    assert (receipt.psid, receipt.page_id, receipt.message_uuid) == (PSID, PAGE, UUID)
    assert (receipt.client_ref, receipt.usage) == ("order-7", USAGE)
    failed = state in ("rejected", "undeliverable")
    assert receipt.error_code == ("1300" if failed else None)
    assert receipt.error_text == ("Not part of the provider network" if failed else None)


def test_an_error_whose_title_is_a_number_or_words_still_gives_its_code():
    number = read(status(TODAY, "rejected", error=ERRORS[TODAY] | {"title": 1300}))
    words = read(status(TODAY, "rejected", error=ERRORS[TODAY] | {"title": "Not in network"}))
    assert isinstance(number, MessageStatus) and isinstance(words, MessageStatus)
    assert number.error_code == words.error_code == "1300"


@pytest.mark.parametrize("text", ["2020-01-01T14:00:00.000Z", "2020-01-01T14:00:00Z", "2020-01-01 14:00:00 UTC"])
def test_all_three_documented_timestamps_are_kept_and_are_the_same_moment(text: str):
    for body in (inbound(TODAY, "text"), status(TODAY, "read")):
        message = read(body | {"timestamp": text})
        assert not isinstance(message, Unreadable)
        assert message.timestamp == text
        assert moment_of(message.timestamp) == datetime(2020, 1, 1, 14, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "9999-99-99", "0001-01-01T00:00:00+23:59", "\ud800"])
def test_a_timestamp_that_is_none_is_kept_and_gives_no_moment(text: str):
    message = read(inbound(GUIDE, "text", timestamp=text))
    assert isinstance(message, InboundMessage)
    assert message.timestamp == (text or None)
    assert moment_of(message.timestamp) is None


def test_a_time_is_written_as_the_service_writes_it():
    moment = datetime(2020, 1, 1, 16, 0, 0, 7999, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2020-01-01T14:00:00.007Z"


def test_the_versions_speak_two_shapes():
    assert [shape_of_version(version) for version in ("beta", "v0.1", "v1")] == [GUIDE, GUIDE, TODAY]


@both_shapes
def test_an_unknown_type_and_extra_fields_are_kept(shape: str):
    body = inbound(shape, "sticker", direction="inbound", profile={"name": "Ada"})
    message = read(json.dumps(body))
    assert isinstance(message, InboundMessage)
    assert (message.kind, message.raw) == ("sticker", body)
    assert message.flags == ("its message type “sticker” is not documented",)
    for other in (GUIDE, TODAY):
        converted = message.body(other)
        assert (converted["direction"], converted["profile"]) == ("inbound", {"name": "Ada"})


@both_shapes
def test_a_status_nobody_documented_is_kept_as_it_is(shape: str):
    receipt = read(status(shape, "seen", extra=[1]))
    assert isinstance(receipt, MessageStatus)
    assert (receipt.status, receipt.raw["extra"]) == ("seen", [1])


@both_shapes
@pytest.mark.parametrize(
    ("value", "kept", "words"),
    [
        (1111111111111111, "1111111111111111", "a number"),
        (1111111111111111.0, "1111111111111111.0", "a float"),
        (None, None, "holds no ID"),
        (True, None, "holds no ID"),
        ([], None, "holds no ID"),
        ("", None, "0 characters"),
        ("1" * 51, "1" * 51, "51 characters"),
    ],
)
def test_an_id_that_is_no_proper_text_is_kept_and_flagged(shape: str, value: Any, kept: str | None, words: str):
    sender = {"type": "messenger", "id": value} if shape == GUIDE else value
    message = read(json.dumps(inbound(shape, "text") | {"from": sender}))
    assert isinstance(message, InboundMessage)
    assert message.psid == kept
    assert message.page_id == PAGE
    (flag,) = message.flags
    assert words in flag and "`from`" in flag


@both_shapes
@pytest.mark.parametrize("name", ["message_uuid", "timestamp", "from", "to"])
def test_a_missing_field_is_flagged_by_its_name(shape: str, name: str):
    body = inbound(shape, "text")
    del body[name]
    message = read(body)
    assert isinstance(message, InboundMessage)
    assert [flag for flag in message.flags if f"`{name}`" in flag]
    assert (message.shape, message.text) == (shape, "Hello from Facebook Messenger!")


def test_the_guides_other_name_for_an_id_is_read():
    message = read(inbound(GUIDE, "text") | {"from": {"type": "messenger", "number": PSID}})
    assert isinstance(message, InboundMessage)
    assert message.psid == PSID


@pytest.mark.parametrize(("value", "kept"), [(7, "7"), (7.5, "7.5"), (True, "True"), ([], None), ({}, None)])
def test_a_uuid_that_is_no_text_is_flagged_and_kept_where_it_can_be(value: Any, kept: str | None):
    message = read(inbound(TODAY, "text") | {"message_uuid": value})
    assert isinstance(message, InboundMessage)
    assert message.message_uuid == kept
    assert f"`message_uuid` is of type {type(value).__name__}, where a text belongs" in message.flags


def test_a_message_without_a_type_is_flagged():
    for body in ({"message_uuid": UUID}, {"from": {"id": PSID}, "message": {"content": {"type": 5}}}):
        message = read(body)
        assert isinstance(message, InboundMessage)
        assert message.kind == "unknown"
        assert "it has no message type" in message.flags


@both_shapes
@pytest.mark.parametrize("kind", [*CONTENTS, "sticker"])
def test_an_inbound_message_comes_back_from_the_other_shape_as_it_was(shape: str, kind: str):
    body = inbound(shape, kind)
    there = read(body)
    assert isinstance(there, InboundMessage)
    other = GUIDE if shape == TODAY else TODAY
    converted = there.body(other)
    assert converted == inbound(other, kind)
    back = read(json.dumps(converted))
    assert isinstance(back, InboundMessage)
    assert back.shape == other
    assert back.body(shape) == body


@both_shapes
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("more", [{}, {"client_ref": "order-7", "usage": USAGE}])
def test_a_status_comes_back_from_the_other_shape_as_it_was(shape: str, state: str, more: dict[str, Any]):
    body = status(shape, state, **more)
    if state in ("rejected", "undeliverable"):
        body["error"] = ERRORS[shape]
    if more and shape == TODAY:
        body["workflow"] = {"workflow_id": "3TcNj", "items_number": "1", "items_total": "2"}
    there = read(body)
    assert isinstance(there, MessageStatus)
    other = GUIDE if shape == TODAY else TODAY
    converted = read(json.dumps(there.body(other)))
    assert isinstance(converted, MessageStatus)
    assert (converted.shape, converted.error_code, converted.psid) == (other, there.error_code, PSID)
    back = converted.body(shape)
    if shape == GUIDE and "error" in body:  # today's `instance` has no place there; it travels along
        back["error"].pop("instance")
    assert back == body


def test_what_is_made_by_hand_is_written_in_both_shapes():
    made = InboundMessage(UUID, PSID, PAGE, "text", text="Hello from Facebook Messenger!", timestamp=TIME)
    assert [made.body(shape) for shape in (GUIDE, TODAY)] == [inbound(shape, "text") for shape in (GUIDE, TODAY)]
    image = InboundMessage(UUID, PSID, PAGE, "image", url="https://example.com/some.image", timestamp=TIME)
    assert [image.body(shape) for shape in (GUIDE, TODAY)] == [inbound(shape, "image") for shape in (GUIDE, TODAY)]
    nothing = InboundMessage(UUID, PSID, PAGE, "unsupported", timestamp=TIME)
    assert nothing.body(GUIDE) == inbound(GUIDE, "unsupported")
    receipt = MessageStatus(UUID, "rejected", PSID, PAGE, TIME, "1300", "Not part of the provider network")
    assert receipt.body(GUIDE) == status(GUIDE, "rejected", error=ERRORS[GUIDE])
    assert receipt.body(TODAY) == status(TODAY, "rejected", error=ERRORS[TODAY] | {"instance": UUID})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"to=1&from=2", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        (b"[1, 2]", "a list and not an object"),
        (b"null", "a NoneType and not an object"),
        ('"text"', "a str and not an object"),
        (b"9" * 5000, "not JSON"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper than 100 levels"),
        (b"[" * 200_000, "nested deeper than 100 levels"),
    ],
)
def test_what_is_no_object_is_unreadable_and_says_why(body: bytes | str, words: str):
    message = read(body)
    assert isinstance(message, Unreadable)
    assert words in message.why


def test_what_is_handed_over_parsed_is_read_like_text():
    assert read(json.loads(GUIDES_OWN)) == read(GUIDES_OWN)
    for value in (None, 5, 5.5, True, [GUIDES_OWN], object()):
        assert isinstance(read(value), Unreadable)  # type: ignore[arg-type]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())  # surrogates included
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
FIELDS = ("message_uuid", "from", "to", "timestamp", "message", "message_type", "status", "error", "usage", "channel")
INNER = ("id", "number", "content", "type", "text", "url", "image", "code", "reason", "title", "detail")
hostile = st.dictionaries(
    st.sampled_from([*FIELDS, "text", "image", "client_ref"]) | st.text(max_size=3),
    values
    | st.dictionaries(
        st.sampled_from(INNER), values | st.dictionaries(st.sampled_from(INNER), values, max_size=3), max_size=4
    ),
    max_size=8,
)


def survives(body: Any) -> None:
    message = read(body)
    if isinstance(message, Unreadable):
        assert message.why
        return
    if isinstance(body, dict):
        assert message.raw is body
    for shape in (GUIDE, TODAY):
        converted = message.body(shape)
        again = read(converted)
        assert not isinstance(again, Unreadable)
    if message.raw:  # an empty object says nothing; nothing to keep is written as a body of Nones
        assert message.body(message.shape) == message.raw


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
@example(GUIDES_OWN.decode().encode("utf-16"))
@example("\ud800")
def test_no_bytes_make_the_reader_raise(body: bytes | str):
    survives(body)


@pytest.mark.thorough
@hypothesis_settings(max_examples=50, deadline=None)
@given(hostile)
@example({"status": "rejected", "error": {"code": 10**5000}})
@example({"status": 10**5000, "message_uuid": -(10**5000), "from": 10**5000})
@example({"status": "rejected", "message_uuid": "u", "error": {"title": "1" * 5000}})
@example({"message_type": "from", "from": {"id": 1}})
def test_no_object_makes_the_reader_raise_and_all_of_it_is_kept(body: dict[str, Any]):
    survives(body)


@hypothesis_settings(max_examples=30, deadline=None)
@given(hostile)
def test_what_is_read_from_text_is_what_stands_in_it(body: dict[str, Any]):
    text = json.dumps(body)
    message = read(text)
    assert not isinstance(message, Unreadable)
    assert json.dumps(message.raw) == text
