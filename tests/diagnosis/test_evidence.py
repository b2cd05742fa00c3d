"""evidence: test calls are marked, what came is told apart, and no more is read than is looked at."""

from __future__ import annotations

import json

from nbhelpers import Lab
from nbhelpers.diagnosis.evidence import Evidence
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.tables import store
from tests.support.labs import SMS, WHATSAPP, arrive, message, written
from tests.support.steps import steps_of


def test_a_test_call_is_marked_and_nobodys_message(ready: Lab):
    before = len(ready.inbox.deliveries())
    ready.doctor()
    mine = [call for call in ready.inbox.deliveries()[before:] if call.origin == "doctor"]
    assert [(call.path, call.answer, call.verdict) for call in mine] == [
        ("/webhooks/inbound", 200, "signed"),
        ("/webhooks/status", 200, "signed"),
    ]
    assert "(doctor)" in mine[0].line
    assert ready.inbox.events() == []


def test_messages_on_messenger_are_told_from_what_else_calls(ready: Lab):
    arrive(ready, message())
    arrive(ready, WHATSAPP)
    arrive(ready, SMS)
    ready.doctor()
    seen = Evidence(ready._course)
    assert seen.newest_webhook is not None
    assert json.loads(seen.newest_webhook.body) == message()
    assert [event.message_uuid for event in seen.newest] == [message()["message_uuid"]]
    assert [event.channel for event in seen.others if event.kind != "call"] == ["whatsapp"]
    assert [event.message_type for event in seen.others if event.kind == "call"] == ["an inbound SMS of the SMS API"]
    assert seen.answered == []


def test_of_an_inbox_that_has_grown_it_reads_no_more(ready: Lab):
    written(ready)
    ready.inbox.wait_for_receipt(ready.reply("Hi"), "delivered", timeout=10)

    def grow(count: int) -> None:
        body = {"channel": "messenger", "to": "2", "message_type": "text", "text": "Hello"}
        texts = [json.dumps(body | {"message_uuid": f"{count} {n}", "from": str(n)}).encode() for n in range(count)]
        many = [Delivery("POST", "/webhooks/inbound", (), text, 200) for text in texts]
        ready.inbox.database.write(lambda connection: [store(connection, each) for each in many]).result(30)

    grow(200)
    before = steps_of(ready.inbox, ready.doctor)
    grow(2000)
    assert 0 < steps_of(ready.inbox, ready.doctor) <= before * 1.2 + 500
