"""other_calls: whoever else calls is named, with both ends and one next action; nothing that comes makes it raise."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.messages.inbound import InboundMessage, MessageStatus
from nbhelpers.messages.other_calls import CALLS, Recognised, recognise

pytestmark = pytest.mark.fast

IN, STATUS = "/webhooks/inbound", "/webhooks/status"
JSON, FORM = (("content-type", "application/json"),), (("content-type", "application/x-www-form-urlencoded"),)

SMS = {
    "msisdn": "447700900001",
    "to": "447700900000",
    "messageId": "0A0000000123ABCD1",
    "text": "Hello",
    "type": "text",
    "keyword": "HELLO",
    "api-key": "abcd1234",
    "message-timestamp": "2020-01-01 12:00:00 +0000",
}
RECEIPT = {
    "msisdn": "447700900001",
    "to": "AcmeInc",
    "network-code": "12345",
    "messageId": "0A0000001234567B",
    "price": "0.03330000",
    "status": "delivered",
    "scts": "2001011400",
    "err-code": "0",
}
ANSWER = {"from": "442079460000", "to": "447700900000", "uuid": "aaaaaaaabbbb", "conversation_uuid": "CON-aaaa"}
EVENT = ANSWER | {"status": "ringing", "direction": "inbound", "timestamp": "2020-01-01T12:00:00.000Z"}
FACEBOOK = {
    "object": "page",
    "entry": [
        {
            "id": "200",
            "time": 1458692752478,
            "messaging": [{"sender": {"id": "100"}, "recipient": {"id": "200"}, "message": {"mid": "m", "text": "Hi"}}],
        }
    ],
}
MESSAGE = {"message_uuid": "u", "from": {"type": "messenger", "id": "100"}, "to": {"type": "messenger", "id": "200"}}
HUB = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "meatyhamhock"}


def post(body: Any, path: str = IN, headers: Any = JSON) -> Recognised:
    return recognise("POST", path, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def form(fields: dict[str, Any], path: str = IN) -> Recognised:
    return post(urlencode(fields).encode(), path, FORM)


def get(fields: dict[str, Any], path: str = IN, method: str = "GET") -> Recognised:
    return recognise(method, f"{path}?{urlencode(fields)}", (), b"")


@pytest.mark.parametrize(
    ("found", "name", "answer", "ends", "text"),
    [
        (post(SMS), "inbound-sms", 200, ("447700900001", "447700900000"), "Hello"),
        (form(SMS), "inbound-sms", 200, ("447700900001", "447700900000"), "Hello"),
        (get(SMS), "inbound-sms", 200, ("447700900001", "447700900000"), "Hello"),
        (post(urlencode(SMS).encode(), headers=()), "inbound-sms", 200, ("447700900001", "447700900000"), "Hello"),
        (post(RECEIPT, STATUS), "sms-receipt", 200, ("447700900001", "AcmeInc"), None),
        (form(RECEIPT, STATUS), "sms-receipt", 200, ("447700900001", "AcmeInc"), None),
        (get(RECEIPT, STATUS), "sms-receipt", 200, ("447700900001", "AcmeInc"), None),
        (post(ANSWER), "voice-answer", 200, ("442079460000", "447700900000"), None),
        (get(ANSWER), "voice-answer", 200, ("442079460000", "447700900000"), None),
        (post(EVENT, STATUS), "voice-event", 200, ("442079460000", "447700900000"), None),
        (get(EVENT, STATUS), "voice-event", 200, ("442079460000", "447700900000"), None),
        (
            post({"request_id": "r", "type": "summary", "channel": "sms", "status": "completed"}),
            "verify-event",
            200,
            (None, None),
            None,
        ),
        (
            post({"type": "member:joined", "application_id": "a", "body": {}, "from": "MEM-1"}),
            "rtc-event",
            200,
            ("MEM-1", None),
            None,
        ),
        (post(FACEBOOK), "facebook-webhook", 200, ("100", "200"), "Hi"),
        (post(FACEBOOK | {"object": "instagram"}), "facebook-webhook", 200, ("100", "200"), "Hi"),
        (get(HUB), "facebook-verification", 200, (None, None), None),
        (post([MESSAGE, MESSAGE]), "event-list", 200, ("100", "200"), None),
        (form({"message_uuid": "u", "from": "100", "to": "200", "text": "Hi"}), "form", 200, ("100", "200"), "Hi"),
        (form({"message_uuid": "u", "from": '{"id":"100"}', "to": '{"id":"200"}'}), "form", 200, ("100", "200"), None),
        (form({"a": "b"}), "form", 400, (None, None), None),
        (get({"message_uuid": "u", "from": "100", "to": "200"}), "wrong-method", 405, ("100", "200"), None),
        (get({"message_uuid": "u", "status": "read"}, STATUS, "PUT"), "wrong-method", 405, (None, None), None),
        (
            get({"message_uuid": "u", "status": "read", "from": "200", "to": "100"}, STATUS),
            *("wrong-method", 405, ("100", "200"), None),
        ),
        (recognise("PUT", IN, JSON, json.dumps(MESSAGE).encode()), "wrong-method", 405, ("100", "200"), None),
        (post(b"<xml/>"), "unreadable", 400, (None, None), None),
        (post(b""), "unreadable", 400, (None, None), None),
        (post(b"null"), "unreadable", 400, (None, None), None),
        (post([1]), "unreadable", 400, (None, None), None),
        (post(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"), "unreadable", 400, (None, None), None),
        (post(b"x", headers=(("content-encoding", "br"),)), "unreadable", 400, (None, None), None),
        (post(MESSAGE, "/webhooks/inbound/"), "near-miss", 404, ("100", "200"), None),
        (post(MESSAGE | {"status": "read"}, "/hook"), "near-miss", 404, ("200", "100"), None),
        (form({"message_uuid": "u", "from": "100"}, "/"), "near-miss", 404, ("100", None), None),
        (get({}, "/webhooks/inbound/"), "near-miss", 404, (None, None), None),
        (post(SMS, "/webhooks/inbound-message"), "inbound-sms", 404, ("447700900001", "447700900000"), "Hello"),
        (get(HUB, "/"), "facebook-verification", 404, (None, None), None),
    ],
)
def test_a_call_is_named_answered_and_knows_its_two_ends(
    found: Recognised, name: str, answer: int, ends: tuple[str | None, str | None], text: str | None
):
    assert found.call is not None
    assert (found.call.name, found.answer, found.message) == (name, answer, None)
    assert ((found.call.person, found.call.ours), found.call.text) == (ends, text)
    assert found.call.what and found.call.next == CALLS[name]["next"]


@pytest.mark.parametrize(
    ("path", "body", "meant"),
    [
        ("/webhooks/status/", MESSAGE | {"status": "read"}, STATUS),
        ("/webhooks/status/", MESSAGE, IN),  # what came says it better than where it came to
        ("/", [MESSAGE | {"status": "read"}], STATUS),
        ("/", MESSAGE, IN),
        ("/webhooks/inbound-message", {}, IN),
    ],
)
def test_a_near_miss_names_the_address_that_was_meant(path: str, body: Any, meant: str):
    found = post(body, path)
    assert found.call is not None
    assert (found.answer, found.call.meant) == (404, meant)
    assert f"{path}, where nothing is: {meant} is meant" in found.call.what


@pytest.mark.parametrize(
    "found",
    [
        get({}),
        get({"a": "b"}),
        get({}, "/"),
        get(SMS, "/") and get({}, "/.env"),
        post({}, "/"),
        post(b"rubbish", "/wp-login.php"),
        recognise("HEAD", IN, (), b""),
    ],
)
def test_whoever_only_looks_is_no_caller(found: Recognised):
    assert (found.call, found.message) == (None, None)
    assert found.answer in (404, 405)


@pytest.mark.parametrize("body", [MESSAGE, MESSAGE | {"status": "read"}, {}, {"nbhelpers": "a test call"}])
def test_a_json_object_is_a_webhook_until_it_is_known_as_somebody_elses(body: dict[str, Any]):
    for headers, data in ((JSON, json.dumps(body).encode()), ((), gzip.compress(json.dumps(body).encode()))):
        found = post(data, headers=headers)
        assert (found.answer, found.call) == (200, None)
        assert isinstance(found.message, MessageStatus if "status" in body else InboundMessage)


def test_every_row_has_its_source_and_one_next_action():
    for name, row in CALLS.items():
        assert set(row) - {"channel"} == {"what", "next", "known", "source"}, name
        assert row["next"].endswith(".") and "{" not in row["next"], name


words = st.sampled_from([*SMS, *RECEIPT, *EVENT, *HUB, "message_uuid", "object", "entry", "type", "a", "page", "x:y"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(st.characters(), max_size=5)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=8
)
bodies = st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode())
targets = st.sampled_from([IN, STATUS, "/", f"{IN}/", f"{IN}?hub.mode=1", f"{IN}?msisdn=1&text=2"]) | st.text(
    st.characters(), max_size=20
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "content-encoding"]),
        st.sampled_from(["gzip", "application/json; charset=utf-16", FORM[0][1], "x"]) | st.text(max_size=9),
    ),
    max_size=3,
)


@pytest.mark.thorough
@hypothesis_settings(max_examples=200, deadline=None)
@given(st.sampled_from(["POST", "GET", "PUT", "HEAD"]), targets, headers, bodies)
@example("POST", IN, [], b'{"object":"page","entry":[{"messaging":[{"sender":{"id":[]}}]}]}')
@example("POST", IN, [("content-encoding", "gzip")], b"\xef\xbb\xbf")
@example("POST", IN, [], b'{"msisdn":{"id":{}},"text":1,"messageId":[]}')
@example("POST", IN, FORM, b"message_uuid=1&from=" + b"{%22id%22:" * 300)
def test_nothing_that_comes_makes_it_raise(method: str, target: str, told: list[tuple[str, str]], body: bytes):
    found = recognise(method, target, told, body)
    assert found.answer in (200, 400, 404, 405)
    if found.answer == 200:
        assert (found.message is None) != (found.call is None), "what is answered 200 is a webhook, or is named"
    if found.answer == 400:
        assert found.call is not None and found.call.why
    if found.call is not None:
        for end in (found.call.person, found.call.ours, found.call.text):
            assert end is None or isinstance(end, str)
