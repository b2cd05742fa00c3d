"""events: what a delivery says happened, and how it is told in a line."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.inbox.events import ORIGINS, Delivery, Event, Receipts, event_of, one_line
from tests.support.arrivals import delivery

pytestmark = pytest.mark.fast

UUID, PSID, PAGE = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab", "1111111111111111", "0000000000000000"
INBOUND = {"message_uuid": UUID, "from": PSID, "to": PAGE, "message_type": "text", "text": "Hello!"}
STATUS = {"message_uuid": UUID, "from": PAGE, "to": PSID, "status": "delivered"}


def event(**more: Any) -> Event:
    columns: dict[str, Any] = {
        "id": 1,
        "kind": "inbound",
        "message_uuid": UUID,
        "status": None,
        "psid": PSID,
        "page_id": PAGE,
        "text": "Hello!",
        "message_type": "text",
        "shape": "v1",
        "received": datetime(2020, 1, 1, 14, tzinfo=UTC),
        "deliveries": 1,
        "trusted": True,
        "verdict": "signed",
        "why": "",
        "origin": "wire",
        "path": "/webhooks/inbound",
        "revision": 1,
        "body": json.dumps(INBOUND).encode(),
    }
    return Event(**columns | more)


def test_an_inbound_message_becomes_an_event_with_its_columns():
    assert event_of(delivery(INBOUND)) == {
        "identity": json.dumps(["inbound", UUID, None]),
        "kind": "inbound",
        "message_uuid": UUID,
        "status": None,
        "psid": PSID,
        "page_id": PAGE,
        "text": "Hello!",
        "message_type": "text",
        "shape": "v1",
        "channel": "messenger",
        "notes": "",
        "body": json.dumps(INBOUND).encode(),
    }


def test_each_status_of_a_message_is_an_event_of_its_own():
    found = [event_of(delivery(STATUS | {"status": state})) for state in ("submitted", "delivered")]
    assert [one["identity"] for one in found if one] == [
        json.dumps(["status", UUID, "submitted"]),
        json.dumps(["status", UUID, "delivered"]),
    ]
    assert found[0] is not None
    assert (found[0]["psid"], found[0]["page_id"]) == (PSID, PAGE)


def test_content_decides_what_it_is_and_not_the_url():
    assert event_of(delivery(STATUS, path="/webhooks/inbound"))["kind"] == "status"
    assert event_of(delivery(INBOUND, path="/webhooks/status"))["kind"] == "inbound"


def test_without_a_uuid_the_very_bytes_are_the_identity():
    plain = {name: value for name, value in INBOUND.items() if name != "message_uuid"}
    first, second = event_of(delivery(plain)), event_of(delivery(plain))
    other = event_of(delivery(json.dumps(plain).encode() + b" "))
    assert first["identity"].startswith("sha256:")
    assert first["identity"] == second["identity"] != other["identity"]


@pytest.mark.parametrize("answer", [200, 401, 503])
def test_a_webhook_that_was_refused_is_an_event_all_the_same(answer: int):
    assert event_of(delivery(INBOUND, answer=answer)) is not None


@pytest.mark.parametrize(
    "odd",
    [
        delivery(b"", method="GET", answer=405),
        delivery(b"rubbish", path="/wp-login.php", answer=404),
        delivery(INBOUND, answer=413),
        delivery({}),
        delivery({"nbhelpers": "a test call of the doctor"}),
    ],
)
def test_what_tells_of_nobody_is_no_event(odd: Delivery):
    assert event_of(odd) is None


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (delivery(INBOUND, path="/webhooks/inbound/", answer=404), "near-miss"),
        (delivery(b"", path=f"/webhooks/inbound?message_uuid={UUID}", method="GET", answer=405), "wrong-method"),
        (delivery(b"rubbish", answer=400), "unreadable"),
        (delivery({"msisdn": "447700900001", "to": "447700900000", "messageId": "0A", "text": "Hi"}), "inbound-sms"),
    ],
)
def test_a_call_that_is_no_webhook_is_an_event_of_its_own_kind(call: Delivery, name: str):
    found = event_of(call)
    assert found is not None
    assert (found["kind"], found["status"], found["message_uuid"]) == ("call", name, None)
    assert found["identity"].startswith("call:sha256:")
    assert event_of(call) == found


def test_only_what_came_from_outside_and_was_taken_in_is_trusted():
    assert ORIGINS == ("wire", "replay", "edited", "sample", "doctor")
    trusted = [origin for origin in ORIGINS if delivery(INBOUND, origin=origin).trusted]
    assert trusted == ["wire", "sample"]
    assert not delivery(INBOUND, answer=401).trusted
    assert not delivery(INBOUND, answer=503).trusted


def test_a_delivery_and_an_event_are_frozen():
    for one in (delivery(INBOUND), event()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.path = "/"  # type: ignore[misc]


def test_an_event_gives_its_body_in_both_shapes():
    one = event()
    assert one.json == INBOUND
    assert one.shown_as("v1") == INBOUND
    assert one.shown_as("v0.1")["from"] == {"type": "messenger", "id": PSID}
    reply = event(kind="reply", body=b'{"text": "Hi!"}')
    assert reply.shown_as("v0.1") == reply.shown_as("v1") == {"text": "Hi!"}


def test_an_event_is_told_in_one_line_with_an_arrow():
    line = event().line
    assert line.split(" ", 1)[1] == f"--> inbound   “Hello!” from {PSID} to {PAGE}"
    assert repr(event()) == str(event()) == line
    assert event(kind="reply").line.split(" ", 1)[1] == f"<-- reply     “Hello!” to {PSID} from {PAGE}"
    image = event(text=None, message_type="image").line
    assert "--> inbound   image from" in image
    receipt = event(kind="status", status="delivered", text=None, body=json.dumps(STATUS).encode())
    assert receipt.line.split(" ", 1)[1] == f"--> delivered {UUID} to {PSID}"


@pytest.mark.parametrize(
    ("channel", "end"),
    [
        ("messenger", ""),
        ("whatsapp", " on WhatsApp"),
        ("sms", " on SMS"),
        ("viber_service", " on Viber"),
        ("x\n", " on x�"),
    ],
)
def test_another_channel_is_named_in_the_line(channel: str, end: str):
    assert event(channel=channel).line.endswith(f"from {PSID} to {PAGE}{end}")
    receipt = event(kind="status", status="delivered", text=None, channel=channel, body=json.dumps(STATUS).encode())
    assert receipt.line.endswith(f"to {PSID}{end}")


def test_somebody_elses_call_is_named_with_one_next_action():
    line = event(kind="call", status="inbound-sms", message_type="an inbound SMS of the SMS API", channel="sms").line
    assert f"--> other     an inbound SMS of the SMS API: “Hello!” from {PSID}. Next: SMS and Messenger share" in line


def test_what_stood_in_the_way_of_the_bytes_is_told_in_the_line():
    line = event(notes="compressed with gzip, in Windows-1252").line
    assert " (compressed with gzip, in Windows-1252). Next: Let whatever passes webhooks on" in line


def test_the_body_of_a_call_that_is_no_json_has_no_fields():
    assert event(kind="call", status="form", body=b"a=b").json == {}


def test_a_rejection_says_its_code_and_its_words():
    body = STATUS | {"status": "rejected", "error": {"code": 1300, "reason": "Not part of the provider network"}}
    line = event(kind="status", status="rejected", text=None, body=json.dumps(body).encode()).line
    assert line.endswith(f"to {PSID}: 1300 Not part of the provider network")


def test_what_is_odd_about_an_event_stands_at_the_end_of_its_line():
    assert event(deliveries=3).line.endswith(" (×3)")
    assert event(origin="replay", trusted=False).line.endswith(" (replay)")
    refused = event(trusted=False, verdict="wrong", why="the issuer is not Vonage", deliveries=2)
    assert refused.line.endswith(" (×2, refused: the issuer is not Vonage)")


def test_a_line_of_html_shows_text_and_runs_nothing():
    shown = event(text="<script>alert(1)</script>")._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert "<b>" not in Receipts([event(text="<b>")])._repr_html_()


def test_receipts_give_their_states_in_order():
    receipts = Receipts([event(kind="status", status=state) for state in ("submitted", "delivered")])
    assert receipts.states == ["submitted", "delivered"]
    assert len(repr(receipts).splitlines()) == 2
    assert repr(Receipts()) == "No receipt yet."


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.none() | st.text(st.characters(), max_size=120), st.integers(1, 100))
def test_text_from_outside_is_always_one_harmless_line(text: str | None, longest: int):
    shown = one_line(text, longest)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown and "\u202e" not in shown
    assert len(shown) <= max(longest, len("(none)"))
    shown.encode()


@pytest.mark.parametrize("text", ["", "Zoë", "👩‍👩‍👧", "می‌خواهم", "नमस्ते", "你好", "\U0001faea", "a" * 80])
def test_what_people_really_write_is_shown_as_it_is(text: str):
    assert one_line(text) == text


@pytest.mark.parametrize(
    "text", ["a\nb", "a\rb", "a\x1b[2Jb", "a\u2028b", "a\u2029b", "a\x85b", "a\u202eb", "a\ud800b"]
)
def test_what_moves_the_cursor_or_turns_the_line_is_replaced(text: str):
    assert one_line(text).startswith("a�") and one_line(text).endswith("b")


def test_a_long_text_is_cut_with_an_ellipsis():
    assert one_line("a" * 81) == "a" * 79 + "…"


def test_a_type_from_outside_cannot_end_the_line():
    line = event(text=None, message_type="a\x0bb\nc").line
    assert len(line.splitlines()) == 1
    assert "a�b�c" in line
