"""Reading a send request: what is taken, and the service's own error for everything else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbhelpers.messages.inbound import MEDIA
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.simulator.rules.problems import Problem
from nbhelpers.simulator.sending.request import Outgoing, parse, read_request
from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.support.simulation import flat, nested

pytestmark = pytest.mark.fast

PAGE, PSID = "107083064136738", "1111111111111111"
FLAT, NESTED = flat(PAGE, PSID), nested(PAGE, PSID)
ABSENT = "(absent)"


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The body with one field changed, or taken out."""
    body = copy.deepcopy(body)
    *way, last = path.split(".")
    place = body
    for name in way:
        place = place.setdefault(name, {})
    if value is ABSENT:
        place.pop(last)
    else:
        place[last] = value
    return body


def read(version: str, body: Any) -> Outgoing | Problem:
    return read_request(version, body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(version: str, body: Any) -> tuple[int, str, list[str]]:
    """Status, fragment and the names of the invalid parameters."""
    problem = read(version, body)
    assert isinstance(problem, Problem), problem
    fields = problem.fields
    names = [parameter["name"] for parameter in fields.get("invalid_parameters", [])]
    return problem.status, fields["type"].rpartition("#")[2], names


def accepted(version: str, body: Any) -> Outgoing:
    outgoing = read(version, body)
    assert isinstance(outgoing, Outgoing), outgoing
    return outgoing


def test_the_guides_shape_is_read_on_beta_and_v01() -> None:
    for version in ("beta", "v0.1"):
        outgoing = accepted(version, NESTED | {"client_ref": "order 7"})
        assert outgoing == Outgoing(PAGE, PSID, "text", "response", None, "order 7", None, None)


def test_todays_shape_is_read_on_v1() -> None:
    more = {
        "messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"},
        "client_ref": "order 7",
        "webhook_url": "https://example.com/status",
        "webhook_version": "v0.1",
    }
    expected = Outgoing(
        PAGE, PSID, "text", "message_tag", "HUMAN_AGENT", "order 7", "https://example.com/status", "v0.1"
    )
    assert accepted("v1", FLAT | more) == expected


@pytest.mark.parametrize("version", ["beta", "v0.1", "v1"])
@pytest.mark.parametrize("kind", ["text", *MEDIA, "custom"])
def test_what_the_kits_own_client_writes_is_read(version: str, kind: str) -> None:
    if kind == "custom" and version == "v1":
        assert refusal("v1", changed(FLAT, "message_type", "custom")) == (422, "1140", [])
        return
    content = {"text": "hi", "custom": {"attachment": {}}}.get(kind, "https://example.com/file.bin")
    message = OutboundMessage(PAGE, PSID, content, kind, category="update", client_ref="x")
    outgoing = accepted(version, message.body(version))
    assert (outgoing.kind, outgoing.category, outgoing.client_ref) == (kind, "update", "x")


@pytest.mark.parametrize(
    ("path", "value", "fragment", "names"),
    [
        ("to", ABSENT, "1150", ["to"]),
        ("from", ABSENT, "1150", ["from"]),
        ("channel", ABSENT, "1150", ["channel"]),
        ("message_type", ABSENT, "1150", ["message_type"]),
        ("to", None, "1150", ["to"]),
        ("channel", "sms", "1100", []),
        ("channel", ["messenger"], "1100", []),
        ("channel", "", "1100", []),
        ("from", "", "1120", []),
        ("from", 107083064136738, "1120", []),
        ("from", "1" * 51, "1120", []),
        ("to", "", "110", []),
        ("to", 1111111111111111, "110", []),
        ("to", 1.5, "110", []),
        ("to", "1" * 51, "110", []),
        ("to", {"type": "messenger", "id": PSID}, "110", []),
        ("message_type", "template", "1140", []),
        ("message_type", 7, "1140", []),
        ("message_type", ["text"], "1140", []),
        ("text", ABSENT, "1150", ["text"]),
        ("text", "", "1150", ["text"]),
        ("text", "x" * 641, "1150", ["text"]),
        ("text", 5, "1150", ["text"]),
        ("webhook_url", "no address", "1150", ["webhook_url"]),
        ("webhook_url", "ftp://example.com/x", "1150", ["webhook_url"]),
        ("webhook_url", 5, "1150", ["webhook_url"]),
        ("webhook_version", "v2", "1150", ["webhook_version"]),
        ("webhook_version", ["v1"], "1150", ["webhook_version"]),
        ("messenger.category", "x", "1110", ["messenger.category"]),
        ("messenger.category", {}, "1110", ["messenger.category"]),
        ("messenger.category", "message_tag", "1110", ["messenger.tag"]),
        ("messenger.tag", 7, "1110", ["messenger.tag"]),
        ("messenger", [], "1110", ["messenger"]),
        ("client_ref", "x" * 101, "1060", []),
        ("client_ref", 7, "1060", []),
    ],
    ids=str,
)
def test_v1_answers_what_it_cannot_use_with_its_own_fragment(
    path: str, value: Any, fragment: str, names: list[str]
) -> None:
    assert refusal("v1", changed(FLAT, path, value)) == (422, fragment, names)


@pytest.mark.parametrize("kind", MEDIA)
def test_v1_names_the_url_that_a_kind_of_message_lacks(kind: str) -> None:
    body = changed(FLAT, "message_type", kind)
    assert refusal("v1", body) == (422, "1150", [f"{kind}.url"])
    for wrong in (7, {}, {"url": 5}, {"url": "x"}, {"url": "https://" + "x" * 2000}, "https://example.com/x"):
        assert refusal("v1", changed(body, kind, wrong)) == (422, "1150", [f"{kind}.url"])
    assert accepted("v1", changed(body, kind, {"url": "https://example.com/x"})).kind == kind


@pytest.mark.parametrize("kind", MEDIA)
@pytest.mark.parametrize("url", ["", "/photo.jpg", "photo.jpg", "//example.com/photo.jpg", "ftp://example.com/x"])
@pytest.mark.parametrize("version", ["v0.1", "v1"])
def test_a_media_url_that_is_none_is_refused_at_once_or_later_by_the_switch(version: str, url: str, kind: str) -> None:
    where, form = ("message.content.", NESTED) if version == "v0.1" else ("", FLAT)
    body = changed(changed(form, f"{where}{'type' if where else 'message_type'}", kind), f"{where}{kind}", {"url": url})
    assert refusal(version, body)[2] == [f"{where}{kind}.url"]
    later = read_request(version, json.dumps(body).encode(), DEFAULTS | {"media_url": "later"})
    assert isinstance(later, Outgoing)
    assert (later.kind, later.later) == (kind, "1380")


def test_the_reasons_of_the_specification_are_given_as_they_stand() -> None:
    problem = read("v1", changed(FLAT, "messenger.category", "x"))
    reason = "Must be one of `response`, `update` or `message_tag`."
    assert problem.fields["invalid_parameters"] == [{"name": "messenger.category", "reason": reason}]
    problem = read("v1", changed(FLAT, "message_type", "image"))
    assert problem.fields["invalid_parameters"] == [{"name": "image.url", "reason": "is required."}]


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("from", ABSENT, ["from"]),
        ("to", ABSENT, ["to"]),
        ("to", PSID, ["to"]),
        ("to.id", ABSENT, ["to.id"]),
        ("to.id", 1111111111111111, ["to.id"]),
        ("to.id", "", ["to.id"]),
        ("to.id", "1" * 51, ["to.id"]),
        ("from.type", ABSENT, ["from.type"]),
        ("from.type", "sms", ["from.type"]),
        ("message", ABSENT, ["message"]),
        ("message", "hello", ["message"]),
        ("message.content", ABSENT, ["message.content"]),
        ("message.content", [], ["message.content"]),
        ("message.content.type", ABSENT, ["message.content.type"]),
        ("message.content.type", "location", ["message.content.type"]),
        ("message.content.type", [], ["message.content.type"]),
        ("message.content.text", "", ["message.content.text"]),
        ("message.content.text", "é" * 641, ["message.content.text"]),
        ("message.content.type", "image", ["message.content.image.url"]),
        ("message.content.type", "custom", ["message.content.custom"]),
        ("message.messenger.category", "x", ["message.messenger.category"]),
        ("message.messenger.category", "message_tag", ["message.messenger.tag"]),
        ("message.messenger", "x", ["message.messenger"]),
        ("client_ref", "x" * 41, ["client_ref"]),
    ],
    ids=str,
)
def test_v01_names_each_parameter_that_it_cannot_use(path: str, value: Any, names: list[str]) -> None:
    assert refusal("v0.1", changed(NESTED, path, value)) == (400, "InvalidParams", names)


def test_v01_names_all_that_is_wrong_at_once() -> None:
    body = {"from": {}, "message": {"content": {"type": "text"}}}
    names = ["from.type", "from.id", "to", "message.content.text"]
    assert refusal("v0.1", body) == (400, "InvalidParams", names)


def test_the_other_generations_body_is_refused_with_the_fields_that_it_lacks() -> None:
    assert refusal("v1", NESTED) == (422, "1150", ["channel", "message_type"])
    assert refusal("v0.1", FLAT) == (400, "InvalidParams", ["from", "to", "message"])


@pytest.mark.parametrize("nothing", [b"", b" \n", b"{}"])
def test_an_empty_body_lacks_every_field(nothing: bytes) -> None:
    assert refusal("v1", nothing) == (422, "1150", ["to", "from", "channel", "message_type"])
    assert refusal("v0.1", nothing) == (400, "InvalidParams", ["from", "to", "message"])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"hello",
        b'{"a":1,}',
        b"{'a': 1}",
        b"\xff\xfe\xfd",
        b'{"a": "\xff"}',
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b"9" * 5000,
        b"NaN",
        b'{"text": Infinity}',
        b"\x00",
    ],
)
def test_what_is_no_json_is_said_so(body: bytes) -> None:
    assert refusal("v1", body) == (422, "invalid-json", [])
    assert refusal("v0.1", body) == (400, "invalid-json", [])


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"text"', b"true", b"1e999"])
def test_json_that_is_no_object_is_an_invalid_body(body: bytes) -> None:
    assert refusal("v1", body) == (422, "1150", ["body"])
    assert refusal("v0.1", body) == (400, "InvalidParams", ["body"])


def test_limits_are_taken_to_the_last_character() -> None:
    assert accepted("v1", FLAT | {"text": "é" * 640, "client_ref": "x" * 100, "to": "1" * 50, "from": "2" * 50})
    assert accepted("v0.1", NESTED | {"client_ref": "x" * 40})


@pytest.mark.parametrize("value", ["https://example.com/x", "v1", 7, [], {"a": 1}])
def test_the_guides_shape_knows_no_webhook_of_a_messages_own(value: Any) -> None:
    assert accepted("v0.1", NESTED | {"webhook_url": value, "webhook_version": value}) == accepted("v0.1", NESTED)


def test_unknown_fields_key_order_and_duplicates_do_not_matter() -> None:
    assert accepted("v1", dict(reversed(FLAT.items())) | {"caption": "x", "viber_service": {"a": [1]}})
    twice = json.dumps(FLAT)[:-1] + ', "to": "2222"}'
    assert accepted("v1", twice.encode()).psid == "2222"


def test_null_in_an_optional_field_is_as_if_it_were_not_there() -> None:
    nothing = dict.fromkeys(("messenger", "client_ref", "webhook_url", "webhook_version"))
    assert accepted("v1", FLAT | nothing) == accepted("v1", FLAT)


def test_what_utf8_cannot_hold_is_kept_as_a_question_mark() -> None:
    body = json.dumps(FLAT | {"to": "\ud800", "client_ref": "a\udfff\x00"}).encode()
    outgoing = accepted("v1", body)
    assert (outgoing.psid, outgoing.client_ref) == ("?", "a?\x00")


def test_json_is_read_strictly() -> None:
    assert parse(b'{"a": [1, 2.5, null, true]}') == {"a": [1, 2.5, None, True]}
    for constant in (b"NaN", b"[-Infinity]"):
        with pytest.raises(ValueError, match=r"NaN|Infinity"):
            parse(constant)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["messenger", "text", "v1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PLACES = [
    *("to", "from", "channel", "message_type", "text", "image", "messenger", "messenger.category", "messenger.tag"),
    *("client_ref", "webhook_url", "webhook_version", "message", "message.content", "message.content.type"),
    *("message.content.text", "message.messenger", "message.messenger.tag", "to.id", "to.type"),
]


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from(["beta", "v0.1", "v1"]),
    changes=st.dictionaries(st.sampled_from(PLACES), VALUES, max_size=2),
)
def test_whatever_types_a_body_holds_it_is_read_or_refused(version: str, changes: dict[str, Any]) -> None:
    body = FLAT if version == "v1" else NESTED
    for path, value in changes.items():
        try:
            body = changed(body, path, value)
        except (TypeError, AttributeError):  # its parent is no object any more
            continue
    result = read(version, json.dumps(body).encode())
    if isinstance(result, Problem):
        assert 400 <= result.status < 500
        assert json.loads(result.body("trace")[0])["title"]
    else:
        assert all(1 <= len(each) <= 50 for each in (result.page_id, result.psid))


@settings(max_examples=150, deadline=None)
@given(version=st.sampled_from(["v0.1", "v1"]), body=st.binary() | st.text().map(lambda text: text.encode()))
def test_whatever_bytes_come_they_are_refused_in_the_services_words(version: str, body: bytes) -> None:
    result = read(version, body)
    assert isinstance(result, Problem)
    assert result.status == (422 if version == "v1" else 400)
