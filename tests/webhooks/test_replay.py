"""A replay: the same bytes or an edit signed anew, to your own receiver alone, and marked wherever it is shown."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers import Lab
from nbhelpers.auth.signatures import sign, verify
from nbhelpers.errors import InboxError, KitError, MessageError, ServiceError
from nbhelpers.inbox import tables
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.webhooks import replay as replaying
from nbhelpers.webhooks.replay import Replayed, replay
from tests.conftest import Shell, wait_until
from tests.support.labs import CLOCK, arrive, message, printed, says, seen, shut, written
from tests.support.simulation import Target, target

FORGED = "6" * 24  # longer than any PSID or Page ID, so that none has it in it


SECRET = "a secret of the account, long enough"


NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens there


fast = pytest.mark.fast


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = Inbox(tmp_path / "simulator" / "lab.sqlite3")
    yield made
    made.close()


def keep(inbox: Inbox, body: Any, **more: Any) -> int:
    """Put a delivery into the inbox as the receiver does, and return its id."""
    data = body if isinstance(body, bytes) else json.dumps(body, indent=1).encode()
    known = {"method": "POST", "path": "/webhooks/inbound", "headers": (), "answer": 200}
    return inbox.record(Delivery(**known | more, body=data)).result(10)


def signed(body: bytes, **more: Any) -> tuple[tuple[str, str], ...]:
    headers = {"content-type": "application/json; charset=utf-8", "content-length": str(len(body))}
    return (*headers.items(), ("authorization", sign(body, SECRET, "abcd1234", "an-application", **more)))


def flat(**more: Any) -> dict[str, Any]:
    """An inbound webhook in today's shape."""
    return {"message_uuid": "uuid-1", "from": "100", "to": "200", "message_type": "text", "text": "Hello"} | more


def status(state: str, uuid: str, psid: str) -> dict[str, Any]:
    ends = {"from": {"type": "messenger", "id": "200"}, "to": {"type": "messenger", "id": psid}}
    return {"message_uuid": uuid, **ends, "timestamp": "2020-01-01T14:00:00.000Z", "status": state}


def new_uuid() -> str:
    return str(uuid.uuid4())


@fast
@pytest.mark.parametrize("path", ["/webhooks/inbound", "/webhooks/status", "/webhooks/inbound?from=tunnel&x=%20"])
def test_bytes_content_type_signature_and_path_are_the_same_and_the_origin_is_said(
    inbox: Inbox, hook: Target, path: str
) -> None:
    body = b' {"message_uuid":"1", "from" : "100", "text":"Zo\xc3\xab \\ud83d"}\n'
    headers = signed(body)
    number = keep(inbox, body, headers=headers, path=path)
    replay(inbox, number, hook.url)
    call = hook.calls[-1]
    assert (call.method, call.path, call.body) == ("POST", path, body)
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert call.headers["authorization"] == dict(headers)["authorization"]
    assert call.headers["x-nbhelpers-origin"] == "replay"


@fast
def test_what_came_without_content_type_or_signature_goes_without(inbox: Inbox, hook: Target) -> None:
    done = replay(inbox, keep(inbox, message()), hook.url, secret=SECRET)
    assert not {"content-type", "authorization"} & set(hook.calls[-1].headers)
    assert done.authorization == "none"
    assert "the same bytes, not signed." in repr(done)


@fast
def test_through_the_receiver_it_is_one_more_delivery_of_the_same_event(ready: Lab) -> None:
    event = written(ready, "Rye bread?")
    done = ready.replay()
    (after,) = ready.inbox.events("inbound")
    assert (after.id, after.deliveries, after.origin, after.received) == (event.id, 2, "wire", event.received)
    assert (done.answer, done.origin, done.new, done.event) == (200, "replay", False, after)
    kept = ready.inbox.delivery(done.kept.id)
    assert (kept.origin, kept.body, kept.verdict) == ("replay", event.body, "signed")
    assert repr(done).splitlines() == [
        f"Delivery {done.delivery} was sent again, the same bytes, with the signature it had.",
        "Answered 200. The same event: now 2 deliveries.",
        "Its signature: signed.",
        after.line,
    ]
    assert repr(ready.replay()).splitlines()[1] == "Answered 200. The same event: now 3 deliveries."


@fast
def test_a_receipt_is_sent_again_to_the_path_of_receipts(ready: Lab) -> None:
    person = written(ready)
    arrive(ready, status("delivered", "r-1", person.psid), "/webhooks/status")
    done = ready.replay(ready.inbox.events("status")[0])
    assert done.url.endswith("/webhooks/status")
    assert (done.answer, done.new, done.event.deliveries) == (200, False, 2)


@fast
def test_by_default_it_is_the_newest_message_from_outside_whatever_it_was_answered(inbox: Inbox, hook: Target) -> None:
    keep(inbox, message(uuid="1"))
    refused = keep(inbox, message(uuid="2"), answer=401)
    keep(inbox, message(uuid="3"), origin="edited")
    keep(inbox, status("read", "4", "100"))
    keep(inbox, message(uuid="1"), origin="replay")
    assert replay(inbox, None, hook.url).delivery == refused


@fast
def test_an_event_is_sent_again_as_the_delivery_that_tells_it(inbox: Inbox, hook: Target) -> None:
    forged = keep(inbox, message(text="forged"), answer=401)
    true = keep(inbox, message(text="true"))
    keep(inbox, message(text="true"))
    (event,) = inbox.events()
    assert replay(inbox, event, hook.url).delivery == true
    assert replay(inbox, inbox.delivery(forged), hook.url).delivery == forged
    assert b"forged" in hook.calls[-1].body


@fast
def test_an_event_without_a_person_is_found_too(inbox: Inbox, hook: Target) -> None:
    number = keep(inbox, {"to": "200"})
    assert replay(inbox, inbox.events()[0], hook.url).delivery == number


@fast
@pytest.mark.parametrize(
    ("body", "edits", "changed"),
    [
        (message(), {"message.content.text": "Ça va?"}, {"message": {"content": {"type": "text", "text": "Ça va?"}}}),
        (message(), {"text": "short"}, {"message": {"content": {"type": "text", "text": "short"}}}),
        (flat(), {"text": "short", "from": "999"}, {"text": "short", "from": "999"}),
        (message(), {"from.id": "999"}, {"from": {"type": "messenger", "id": "999"}}),
        (message(), {"from": None}, {"from": None}),
        (flat(a=[{"b": 1}, [2]]), {"a.0.b": 3, "a.1.0": "x"}, {"a": [{"b": 3}, ["x"]]}),
        (flat() | {"a.b": 1, "a": {"b": 2}}, {"a.b": 3}, {"a.b": 3}),
        (flat(), lambda body: body.update(text="in place"), {"text": "in place"}),
        (flat(), lambda body: body | {"more": True}, {"more": True}),
        (flat(), [{"text": "one"}, None, {}, lambda body: body.update(text=body["text"] + "!")], {"text": "one!"}),
    ],
)
def test_an_edit_changes_what_it_names_and_nothing_else(
    inbox: Inbox, hook: Target, body: dict[str, Any], edits: Any, changed: dict[str, Any]
) -> None:
    done = replay(inbox, keep(inbox, body), hook.url, edits, secret=SECRET, api_key="k")
    assert hook.calls[-1].json == body | changed
    assert hook.calls[-1].headers["x-nbhelpers-origin"] == done.origin == "edited"


@fast
def test_what_is_edited_is_written_compactly_and_signed_as_the_service_would_sign_it(
    inbox: Inbox, hook: Target
) -> None:
    body = json.dumps(message(), indent=2).encode()
    old = signed(body, issued=int(time.time()) - 90_000 * 2)
    done = replay(inbox, keep(inbox, body, headers=old), hook.url, {"text": "Zoë"}, secret=SECRET, api_key=None)
    call = hook.calls[-1]
    assert call.body == json.dumps(call.json, separators=(",", ":"), ensure_ascii=False).encode()
    assert "Zoë".encode() in call.body
    assert call.headers["content-type"] == "application/json; charset=utf-8"
    assert verify(call.headers["authorization"], call.body, SECRET).kind == "signed"
    before = jwt.decode(dict(old)["authorization"].removeprefix("Bearer "), options={"verify_signature": False})
    for name in ("iss", "api_key", "application_id"):
        assert call.claims[name] == before[name]
    for name in ("iat", "jti", "payload_hash"):
        assert call.claims[name] != before[name]
    assert abs(call.claims["iat"] - time.time()) < 30
    assert done.authorization == "signed anew"
    assert "was sent again, edited, signed anew." in repr(done)


@fast
def test_account_and_application_that_are_given_win(inbox: Inbox, hook: Target) -> None:
    body = json.dumps(message()).encode()
    number = keep(inbox, body, headers=signed(body))
    replay(inbox, number, hook.url, {"text": "x"}, secret=SECRET, api_key="mine", application_id="other")
    assert (hook.calls[-1].claims["api_key"], hook.calls[-1].claims["application_id"]) == ("mine", "other")


@fast
def test_without_a_secret_an_edit_goes_out_unsigned_and_that_is_said(inbox: Inbox, hook: Target) -> None:
    body = json.dumps(message()).encode()
    done = replay(inbox, keep(inbox, body, headers=signed(body)), hook.url, {"text": "x"})
    assert "authorization" not in hook.calls[-1].headers
    assert done.authorization == "no secret"
    assert "edited, not signed: no signature secret is known." in repr(done)


@fast
@pytest.mark.parametrize("nothing", [None, {}, [], [None, {}]])
def test_no_edit_is_the_same_bytes(inbox: Inbox, hook: Target, nothing: Any) -> None:
    number = keep(inbox, message())
    assert replay(inbox, number, hook.url, nothing, secret=SECRET).origin == "replay"
    assert hook.calls[-1].body == inbox.delivery(number).body


@fast
def test_half_a_character_is_sent_as_it_can_be_written(inbox: Inbox, hook: Target) -> None:
    replay(inbox, keep(inbox, message(text="\ud83d")), hook.url, {"message_uuid": "2"})
    assert hook.calls[-1].json["message"]["content"]["text"] == "\ud83d"


@fast
def test_an_edit_under_the_same_uuid_is_no_new_event_and_where_it_is_is_said(ready: Lab) -> None:
    event = written(ready, "as it was")
    done = ready.replay(text="edited")
    assert (done.new, done.event.text, done.event.deliveries) == (False, "as it was", 2)
    assert f"the edit is in delivery {done.kept.id} alone. With another message_uuid" in repr(done)
    assert b"edited" in ready.inbox.delivery(done.kept.id).body
    assert (done.kept.verdict, ready.inbox.newest_message().text) == ("signed", "as it was")
    assert "alone" not in repr(ready.replay(event))


@fast
def test_an_edit_with_another_uuid_is_a_new_event_and_sent_again_it_is_edited_still(ready: Lab) -> None:
    event = written(ready)
    done = ready.replay(event, {"message_uuid": new_uuid()}, text="made up")
    assert (done.new, done.event.text, done.event.origin, done.event.trusted) == (True, "made up", "edited", False)
    assert repr(done).splitlines()[1:] == ["Answered 200. A new event.", "Its signature: signed.", done.event.line]
    again = ready.replay(done.event)
    assert (again.origin, again.authorization, again.new) == ("edited", "as it came", False)
    assert again.event.deliveries == 2
    assert "message_uuid it is another" not in repr(again)


@fast
def test_an_edit_that_makes_it_no_webhook_is_answered_so(ready: Lab) -> None:
    written(ready)
    done = ready.replay(edits=lambda body: body.update(more="x" * (1 << 20)))
    assert (done.answer, done.event) == (413, None)
    assert "The receiver says: Too long. The body has more than 1048576 bytes." in repr(done)


@pytest.fixture
def forged(ready: Lab) -> tuple[Lab, str, Replayed]:
    """A person who wrote, and an edited replay of it that says somebody else did, and one that they said more."""
    psid = written(ready, "true").psid
    ready.replay(edits={"message_uuid": new_uuid(), "text": "more"})
    return ready, psid, ready.replay(edits={"message_uuid": new_uuid(), "from.id": FORGED, "text": "forged"})


@fast
def test_the_newest_psid_and_what_is_waited_for_stay(forged: tuple[Lab, str, Replayed]) -> None:
    lab, psid, _ = forged
    lab.replay()
    assert lab.inbox.newest_message().psid == lab.inbox.wait_for_message(timeout=1).psid == psid
    assert lab.inbox.newest_message(FORGED) is None
    with pytest.raises(InboxError, match="No message came"):
        lab.inbox.wait_for_message(timeout=0.05, new=True)
    assert lab.check("receive", psid).kind == "done"
    assert lab.reply("Who is there?").psid == psid


@fast
def test_an_old_message_that_is_sent_again_does_not_become_the_newest(ready: Lab) -> None:
    old = written(ready, "old")
    newest = written(ready, "new", person="Bob")
    ready.replay(old)
    assert ready.inbox.newest_message().id == newest.id


@fast
def test_the_line_of_an_event_and_of_a_delivery_says_it(forged: tuple[Lab, str, Replayed]) -> None:
    lab, _, done = forged
    page = lab.facts["page_id"]
    assert re.fullmatch(rf"{CLOCK} --> inbound   “forged” from {FORGED} to {page} \(edited\)", done.event.line)
    assert done.event.replayed
    line = lab.inbox.delivery(done.kept.id).line
    told = r"POST /webhooks/inbound, answered 200, signed: inbound “forged”"
    assert re.fullmatch(rf"{done.kept.id} {CLOCK} {told} \(edited\)", line)
    assert not lab.inbox.delivery().line.endswith(")")
    assert not lab.inbox.newest_message().replayed


@fast
@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (Delivery("GET", "/webhooks/inbound?to=1", (), b"", 405), "GET /webhooks/inbound, answered 405, x: no event"),
        (
            Delivery("POST", "/webhooks/status", (), json.dumps(status("read", "u", "1")).encode(), 200),
            "POST /webhooks/status, answered 200, x: read u",
        ),
        (
            Delivery("POST", "/webhooks/inbound", (), json.dumps(flat(message_type="image", text=None)).encode(), 200),
            "POST /webhooks/inbound, answered 200, x: inbound image",
        ),
        (Delivery("P\x1b[2J", "/\x1b[2J", (), b"", 404), "P�[2J /�[2J, answered 404, x: no event"),
    ],
)
def test_the_line_of_a_delivery_says_what_came_and_what_it_tells_of(delivery: Delivery, words: str) -> None:
    line = dataclasses.replace(delivery, id=7, verdict="x").line
    assert re.fullmatch(rf"7 {CLOCK} {re.escape(words)}", line)


@fast
def test_the_talk_shows_it_as_what_it_is(forged: tuple[Lab, str, Replayed]) -> None:
    talk = forged[0].panels.conversation()
    lines = printed(talk).splitlines()[1:]
    assert re.fullmatch(rf"(Ada|the person): true \({CLOCK}\)", lines[0])
    assert re.fullmatch(rf"edited, not the person: more \({CLOCK}\)", lines[1])
    assert len(lines) == 2
    assert "edited, not the person more" in seen(talk)
    talk.close()


@fast
def test_the_panel_of_the_psid_and_the_reply_box_stay_with_the_person(forged: tuple[Lab, str, Replayed]) -> None:
    lab, psid, _ = forged
    for panel in (lab.panels.psid(), lab.panels.reply()):
        assert psid in seen(panel)
        assert FORGED not in seen(panel) + printed(panel)
        assert "newer" not in seen(panel)
        panel.close()


@fast
def test_the_webhooks_panel_says_that_the_last_call_was_a_replay(ready: Lab) -> None:
    written(ready)
    panel = ready.panels.webhooks()
    ready.replay()
    says(panel, "POST /webhooks/inbound, answered 200 (replay).")
    panel.close()


@fast
def test_a_receipt_that_was_only_replayed_is_no_receipt(ready: Lab) -> None:
    psid = written(ready).psid
    talk, box = ready.panels.conversation(), ready.panels.reply()
    uuid = ready.client.send(answer_to(ready, psid)).message_uuid
    ready.inbox.wait_for_receipt(uuid, "delivered")
    box._uuid = uuid  # as after *Send*
    for state in ("read", "rejected"):
        done = ready.replay(ready.inbox.receipts(uuid)[-1], {"status": state})
        assert (done.new, done.event.status) == (True, state)
        assert done.event.line.endswith(f"--> {state:<9} {uuid} to {psid} (edited)")
    ready.replay(ready.inbox.receipts(uuid)[-1], {"message_uuid": new_uuid()})  # of an answer that nobody sent
    assert ready.inbox.receipts(uuid).states == ["submitted", "delivered"]
    with pytest.raises(InboxError, match="No receipt says “read” yet"):
        ready.inbox.wait_for_receipt(uuid, "read", timeout=0.05)
    says(box, "✓ delivered")
    for panel in (talk, box):
        panel.show()
        assert "✓ read" not in seen(panel) and "✗" not in seen(panel) and "by hand" not in seen(panel)
        panel.close()
    ready.user.read()
    assert ready.inbox.wait_for_receipt(uuid, "read").states[-1] == "read"
    read = next(event for event in ready.inbox.events("status", uuid=uuid) if event.status == "read")
    assert (read.origin, read.deliveries) == ("wire", 2), "as soon as the service says it too, that is what counts"


def answer_to(lab: Lab, psid: str) -> Any:
    from nbhelpers import OutboundMessage

    return OutboundMessage(lab.facts["page_id"], psid, "Baked this morning.")


@fast
@pytest.mark.parametrize(
    ("which", "words"),
    [
        (99, "There is no such delivery. You asked for 99; the newest is 1. `nbhelpers replay --list` shows"),
        (0, "You asked for 0;"),
        (-1, "You asked for -1;"),
        (1 << 70, "There is no such delivery."),
        ("1", "This names no delivery. It is of type str."),
        (True, "This names no delivery. It is of type bool."),
    ],
)
def test_a_delivery_that_is_not_there_is_said_with_what_is(inbox: Inbox, which: Any, words: str) -> None:
    keep(inbox, message())
    with pytest.raises(InboxError, match=re.escape(words)):
        replay(inbox, which, NOWHERE)


@fast
def test_an_empty_inbox_has_nothing_to_send_again(inbox: Inbox) -> None:
    with pytest.raises(InboxError, match="There is nothing to send again"):
        replay(inbox, None, NOWHERE)
    with pytest.raises(InboxError, match="No delivery has come yet"):
        replay(inbox, 1, NOWHERE)


@fast
def test_a_reply_and_an_event_of_a_forgotten_person_cannot_be_sent_again(inbox: Inbox) -> None:
    keep(inbox, message())
    inbox.sent("v1", {"text": "x"}, "r", psid="100", page_id="200", text="x", message_type="text")
    event, reply = inbox.events()
    with pytest.raises(InboxError, match="It is a reply that you sent"):
        replay(inbox, reply, NOWHERE)
    inbox.forget("100")
    with pytest.raises(InboxError, match="The delivery of this event is gone"):
        replay(inbox, event, NOWHERE)


@fast
@pytest.mark.parametrize(
    ("body", "more", "words"),
    [
        (b"", {"method": "GET", "path": "/webhooks/inbound?x=1", "answer": 405}, "It came by GET"),
        (b"{}", {"path": "/webhooks/inbond", "answer": 404}, "It came to /webhooks/inbond, where nothing is"),
        (b"{}", {"path": "@example.com/webhooks/inbound"}, "It came to @example.com"),
        (b"", {"answer": 413}, "Its body was too long: 0 bytes of it were kept"),
        (b"x" * 9000, {"answer": 400, "headers": (("content-length", "9000"),)}, "too long: 4096 bytes"),
        (b"x" * 9000, {"answer": 400}, "too long: 4096 bytes"),
    ],
)
def test_what_the_receiver_would_not_look_at_or_is_not_whole_is_not_sent(
    inbox: Inbox, hook: Target, body: bytes, more: dict[str, Any], words: str
) -> None:
    before = len(hook.calls)
    with pytest.raises(InboxError, match=re.escape(words)) as raised:
        replay(inbox, keep(inbox, body, **more), hook.url)
    assert raised.value.what == "Delivery 1 cannot be sent again."
    assert raised.value.next
    assert len(hook.calls) == before


@fast
def test_a_compressed_webhook_is_sent_again_as_it_came_and_edited_as_it_reads(ready: Lab) -> None:
    body = json.dumps(message(uuid="zipped"), ensure_ascii=False).encode()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    requests.post(ready.receiver.inbound_url, data=gzip.compress(body), headers=headers, timeout=5)
    number = ready.inbox.deliveries(limit=1)[0].id
    again = ready.replay(number)
    assert (again.answer, again.event.message_uuid, again.event.deliveries) == (200, "zipped", 2)
    edited = ready.replay(number, text="Grüße")
    assert json.loads(edited.kept.body)["message"]["content"]["text"] == "Grüße"


@fast
def test_it_knows_how_much_the_ledger_keeps() -> None:
    assert replaying._KEPT == tables._ODD_BODY


@fast
def test_rubbish_is_sent_again_as_it_came_but_cannot_be_edited(ready: Lab) -> None:
    requests.post(ready.receiver.inbound_url, data=b"rubbish", timeout=5)
    number = ready.inbox.deliveries(limit=1)[0].id
    done = ready.replay(number)
    assert (done.answer, done.event.kind, done.new) == (400, "call", False)
    assert "Answered 400. It was refused, and kept all the same. The same event: now 2 deliveries." in repr(done)
    assert "The receiver says: This is no webhook." in repr(done)
    with pytest.raises(MessageError, match=f"Delivery {number} cannot be edited. Its body is no JSON object."):
        ready.replay(number, text="x")


@fast
@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ({"message.contnt.text": "x"}, "You wrote “message.contnt.text”; where “contnt” should be there is: content."),
        ({"txt": "x"}, "there is: message_uuid, from, to, timestamp, message."),
        ({"from.id.x": "x"}, "where “x” should be there is: nothing."),
        ({"": "x"}, "You wrote “”"),
        ({"from.": "x"}, "You wrote “from.”"),
        ({1: "x"}, "This is no path. It is of type int."),
        ({"from.id": b"x"}, "The edit failed. TypeError"),
        ({"from.id": float("nan")}, "The edit failed. ValueError"),
        ("text", "This is no edit. It is of type str."),
        ([["text"]], "This is no edit. It is of type list."),
        (lambda body: body.pop("from"), None),
        (lambda body: body.pop("message_uuid"), "The edit gave no body. It returned a str."),
        (lambda body: 1 // 0, "The edit failed. ZeroDivisionError"),
        (lambda: None, "The edit failed. TypeError"),
    ],
)
def test_an_edit_that_cannot_be_made_is_said_and_nothing_is_sent(
    inbox: Inbox, hook: Target, edits: Any, words: str | None
) -> None:
    number, before = keep(inbox, message()), len(hook.calls)
    if words is None:  # what it gives back is a body, if an odd one
        replay(inbox, number, hook.url, edits)
        assert hook.calls[-1].json == {"type": "messenger", "id": "100"}
        return
    with pytest.raises(MessageError, match=re.escape(words)) as raised:
        replay(inbox, number, hook.url, edits)
    assert raised.value.next
    assert len(hook.calls) == before


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


paths = st.lists(st.sampled_from(["from", "id", "message", "content", "text", "0", "", "x", "-1", "٣"]), max_size=4)


anything = values | st.lists(
    st.dictionaries(paths.map(".".join) | st.integers() | st.text(), values, max_size=3)
    | values.map(lambda value: lambda body: value)
    | values.map(lambda value: lambda body: body.update(message_uuid=value)),
    max_size=3,
)


@pytest.mark.thorough
@fast
@hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(body=st.binary(max_size=20) | values.map(lambda value: repr(value).encode()) | st.just(None), edits=anything)
@example(body=None, edits={"from": [[[[]]]]})
@example(body=b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", edits={"a": 1})
def test_whatever_the_edit_and_the_body_only_errors_in_words_come_out(
    inbox: Inbox, body: bytes | None, edits: Any
) -> None:
    data = json.dumps(message(), indent=1).encode() if body is None else body
    stored = Delivery("POST", "/webhooks/inbound", (), data, 200)
    with pytest.raises(KitError) as raised:  # at the latest because nobody listens
        replay(inbox, stored, NOWHERE, edits, secret=SECRET)
    assert len(str(raised.value).splitlines()) == 1
    assert raised.value.what and raised.value.seen and raised.value.next


@fast
@pytest.mark.parametrize(
    "url",
    [
        "https://api.nexmo.com",
        "http://192.168.1.1:8710",
        "http://0.0.0.0:8710",
        "http://127.0.0.1.example.com:8710",
        "http://127.0.0.1:8710@example.com/",
        "http://user@127.0.0.1:8710",
        "http://example.com\\@127.0.0.1:8710",
        "http://localhost.example.com",
        "http://2130706433:8710",
        "https://127.0.0.1:8710",
        "http://127.0.0.1:port",
        "http://[::1",
        "127.0.0.1:8710",
        "",
        None,
        b"http://127.0.0.1:8710",
    ],
)
def test_another_host_is_refused_in_words(inbox: Inbox, url: Any) -> None:
    keep(inbox, message())
    with pytest.raises(ServiceError, match="A replay goes to your own receiver alone") as raised:
        replay(inbox, None, url)
    assert "`nbhelpers status`" in raised.value.next


@fast
@hypothesis_settings(max_examples=200, deadline=None)
@given(st.text() | st.from_regex(r"http://[\w.@:\[\]%\\-]{0,20}", fullmatch=True))
@example("http://[::1%25lo]:8710")
@example("http://[::ffff:127.0.0.1]:1")
def test_whatever_the_address_it_is_of_this_computer_or_refused(url: str) -> None:
    try:
        base = replaying._own(url)
    except ServiceError:
        return
    assert re.fullmatch(r"http://(localhost|127\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\])(:\d+)?", base)


@fast
def test_of_the_address_only_host_and_port_count(inbox: Inbox, hook: Target) -> None:
    base = hook.url.removesuffix("/hook")
    for url in (base, f"{base}/", f"{base}/webhooks/status?x#y", base.replace("127.0.0.1", "localhost").upper()):
        done = replay(inbox, keep(inbox, message()), url)
        assert (hook.calls[-1].path, done.url[-17:]) == ("/webhooks/inbound", "/webhooks/inbound")


@fast
def test_no_proxy_and_no_netrc_comes_between(
    inbox: Inbox, hook: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert replay(inbox, keep(inbox, message()), hook.url).answer == 200
    assert "authorization" not in hook.calls[-1].headers


@fast
def test_a_redirect_is_an_answer_and_not_followed(inbox: Inbox) -> None:
    with target(302) as elsewhere:
        done = replay(inbox, keep(inbox, message()), elsewhere.url)
        assert done.answer == 302
        assert len(elsewhere.calls) == 1
    assert "Answered 302. It was not stored." in repr(done)


@fast
def test_a_receiver_that_keeps_another_inbox_is_noticed(inbox: Inbox, hook: Target) -> None:
    keep(inbox, message(), origin="replay")  # one before, that did reach it
    done = replay(inbox, keep(inbox, message()), hook.url)
    assert (done.kept, done.event, done.new) == (None, None, False)
    assert "Answered 200. It is not in this inbox: what runs there keeps another." in repr(done)


@fast
def test_nobody_there_is_said_with_what_to_do(inbox: Inbox) -> None:
    keep(inbox, message())
    with pytest.raises(ServiceError, match="The receiver does not answer") as raised:
        replay(inbox, None, NOWHERE)
    assert raised.value.seen == "http://127.0.0.1:9: ConnectionError."
    assert "Run `nbhelpers receiver`" in raised.value.next


@fast
def test_a_receiver_that_says_nothing_is_not_waited_for_long(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sum(replaying._TIMEOUT) <= 15
    monkeypatch.setattr(replaying, "_TIMEOUT", (0.1, 0.1))
    with target(lambda call: time.sleep(0.3) or 200) as slow, pytest.raises(ServiceError, match="ReadTimeout"):
        replay(inbox, keep(inbox, message()), slow.url)


@fast
@pytest.mark.parametrize("header", ["ü€", "a\r\nX-Evil: 1", "\x00"])
def test_a_header_that_cannot_be_sent_breaks_nothing(inbox: Inbox, hook: Target, header: str) -> None:
    number = keep(inbox, message(), headers=(("content-type", header),))
    try:
        replay(inbox, number, hook.url)
    except ServiceError:
        return
    assert "x-evil" not in hook.calls[-1].headers


def test_in_a_notebook_a_receiver_that_is_gone_is_started_again(fresh: Lab) -> None:
    fresh.need("webhooks")
    event = written(fresh)
    shut(fresh, "receiver")
    assert launcher.find("receiver", fresh.settings) is None
    assert fresh.replay(event).answer == 200


@fast
def test_the_result_is_frozen_plain_for_a_program_and_harmless_as_html(ready: Lab) -> None:
    written(ready, "<script>alert(1)</script>")
    done = ready.replay()
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.answer = 500
    assert json.loads(json.dumps(done.facts)) == {
        "delivery": done.delivery,
        "origin": "replay",
        "authorization": "as it came",
        "url": ready.receiver.inbound_url,
        "answer": 200,
        "said": "",
        "new": False,
        "kept_as": done.kept.id,
        "verdict": "signed",
        "event": {"message_uuid": done.event.message_uuid, "deliveries": 2},
    }
    assert done._repr_html_().startswith("<pre>") and "<script>" not in done._repr_html_()
    assert ready.settings.signature_secret not in repr(done) + json.dumps(done.facts)


def test_the_command_sends_the_newest_message_again_and_edits_it(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")

    def inbox() -> list[dict[str, Any]]:
        return [json.loads(line) for line in shell("inbox", "--json").stdout.splitlines()]

    hello = wait_until(inbox, what="the demo's first message")[0]
    assert hello["origin"] == "wire"

    said = shell("replay").stdout
    assert "the same bytes, with the signature it had." in said
    assert "Answered 200. The same event: now 2 deliveries." in said
    edited = shell("replay", "--edit", "text=Rye?", "--edit", "message_uuid=another", "--edit", "from=6666", "--json")
    facts = json.loads(edited.stdout)
    assert (facts["origin"], facts["new"], facts["verdict"]) == ("edited", True, "signed")
    assert [(event["text"], event["psid"], event["origin"], event["deliveries"]) for event in inbox()] == [
        ("Hello from Facebook Messenger!", demo["psid"], "wire", 2),
        ("Rye?", "6666", "edited", 1),
    ]
    assert shell("inbox").stdout.splitlines()[1].endswith("“Rye?” from 6666 to " + demo["page_id"] + " (edited)")

    listed = [json.loads(line) for line in shell("replay", "--list", "--json").stdout.splitlines()]
    assert [each["origin"] for each in listed] == ["wire", "replay", "edited"]
    assert shell("replay", "--list").stdout.splitlines()[2].endswith("inbound “Rye?” (edited)")
    assert f"Delivery {listed[2]['id']} was sent again, edited" in shell("replay", str(listed[2]["id"])).stdout

    for arguments, words in ((("99",), "There is no such delivery."), (("--edit", "txt=x"), "nothing at this path.")):
        refused = shell("replay", *arguments, ok=False)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert words in refused.stderr


def test_the_command_without_a_receiver_says_what_to_run(shell: Shell) -> None:
    refused = shell("replay", ok=False)
    assert "The receiver does not run. None is recorded here. Run `nbhelpers receiver`." in refused.stderr


def test_where_signatures_are_refused_an_old_one_is_and_an_edit_is_signed_anew(shell: Shell) -> None:
    """In live mode, with a secret of one's own: a replay is judged like any other webhook."""
    shell.environment["VONAGE_SIGNATURE_SECRET"] = SECRET
    live = ("--mode", "live")
    _, receiver = shell.start("receiver", *live)
    body = json.dumps(message()).encode()
    headers = {"Authorization": sign(body, SECRET, "abcd1234", issued=int(time.time()) - 26 * 3600)}
    assert requests.post(receiver["inbound_url"], data=body, headers=headers, timeout=5).status_code == 401

    said = shell("replay", *live).stdout
    assert "Answered 401. It was refused, and kept all the same. The same event: now 2 deliveries." in said
    assert "Its signature: wrong: the token is too old" in said
    done = json.loads(shell("replay", *live, "--edit", "text=again", "--json").stdout)
    assert (done["answer"], done["verdict"], done["authorization"]) == (200, "signed", "signed anew")
    store = Inbox(shell.folder / ".lab" / "live" / "lab.sqlite3")
    assert store.newest_message() is None, "what we made ourselves is nobody's message, signed or not"
    store.close()
