"""The round of a message, read from real deliveries and the simulator's record; in live mode from deliveries alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.diagnosis.round import RoundReader
from nbhelpers.diagnosis.sequence import Arrow, Round
from nbhelpers.inbox.events import Delivery
from nbhelpers.messages.outbound import OutboundMessage
from tests.conftest import wait_until
from tests.support.labs import arrive, message, written

pytestmark = pytest.mark.fast


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("PUBLIC_URL", "https://receiver.example")
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


def ways(found: Round) -> list[str]:
    return [f"{each.source}>{each.target} {each.state}" for each in found.arrows]


def complete(reader: RoundReader, uuid: str | None, count: int) -> Round:
    def look() -> Round | None:
        found = reader.read(uuid)
        # The simulator notes a call when it has its answer: a moment after the receiver has the webhook.
        noted = all(each.took is not None for each in found.arrows if (each.source, each.target) == ("api", "receiver"))
        return found if len(found.arrows) >= count and noted else None

    return wait_until(look, 10, f"{count} arrows")


def answered(lab: Lab, text: str = "At seven.") -> str:
    psid = written(lab).psid
    return lab.client.send(OutboundMessage(lab.facts["page_id"], psid, text)).message_uuid


def the(found: Round, label: str) -> Arrow:
    return next(each for each in found.arrows if label in each.label)


def test_a_message_that_came_in_went_four_hops(ready: Lab) -> None:
    reader = RoundReader(ready._course)
    event = written(ready, "Do you have rye bread?")
    found = complete(reader, event.message_uuid, 4)
    assert ways(found) == ["person>messenger ok", "messenger>api ok", "api>receiver ok", "receiver>notebook ok"]
    assert [each.label for each in found.arrows] == [
        "“Do you have rye bread?”",
        "passes it on",
        "POST /webhooks/inbound",
        "inbox: the PSID is known",
    ]
    assert found.lifelines["person"] == "Ada"
    assert found.arrows[2].result == "200"
    assert 0 < (found.arrows[2].took or 0) < 5000
    assert (found.arrows[3].took or 0) > 0, "the reader was there when it came, so it knows how long that took"
    assert all(each.seen for each in found.arrows), "the simulator plays both, so nothing is inferred"
    assert [each.at for each in found.arrows] == sorted(each.at for each in found.arrows)


def test_the_time_of_all_hops_holds_the_time_of_each(ready: Lab) -> None:
    # The answer 200 is back a moment after the inbox has the message: the hop before the last ends last.
    found = complete(RoundReader(ready._course), written(ready, "How long?").message_uuid, 4)
    span = re.fullmatch(r"4 hops in (\d+) ms\.", found.summary)
    assert span, found.summary
    assert float(span[1]) >= max(each.took or 0 for each in found.arrows) - 1


def test_the_request_behind_an_arrow_is_the_exact_one_and_lets_nobody_in(ready: Lab) -> None:
    event = written(ready, "Rye?")
    shown = the(complete(RoundReader(ready._course), event.message_uuid, 4), "POST").exchanged
    assert shown is not None
    assert shown.line == f"POST {ready.receiver.inbound_url}"
    assert json.loads(shown.body) == event.json
    assert shown.shape == "the guide's shape"
    assert shown.answer.startswith("200")
    assert shown.verdict == "Signature verified."
    headers = {name.lower(): value for name, value in shown.headers}
    assert headers["authorization"] == "Bearer ••••"
    assert headers["content-type"] == "application/json"
    assert "eyJ" not in repr(shown)
    assert shown.curl.startswith(f"curl -X POST {ready.receiver.inbound_url} \\\n")


def test_an_answer_goes_out_lands_and_is_read(ready: Lab) -> None:
    uuid = answered(ready)
    ready.inbox.wait_for_receipt(uuid, "delivered", 5)
    ready.simulator.read()
    found = complete(RoundReader(ready._course), uuid, 10)
    assert ways(found) == [
        "notebook>api ok",
        "api>messenger ok",
        "api>receiver ok",
        "receiver>notebook ok",
        "messenger>person ok",
        "api>receiver ok",
        "receiver>notebook ok",
        "person>messenger ok",
        "api>receiver ok",
        "receiver>notebook ok",
    ]
    sent = found.arrows[0]
    assert (sent.label, sent.result) == ("POST /v0.1/messages", "202")
    assert sent.exchanged is not None
    assert json.loads(sent.exchanged.answer.partition("\n")[2]) == {"message_uuid": uuid}
    assert '"Authorization: Bearer $JWT"' in sent.exchanged.curl
    assert "eyJ" not in repr(sent.exchanged)


def test_what_was_refused_later_is_refused_by_messenger_with_its_cure(ready: Lab) -> None:
    ready.simulator.refuse_next("1340")
    uuid = answered(ready)
    ready.inbox.wait_for_receipt(uuid, "rejected", 5)
    found = complete(RoundReader(ready._course), uuid, 6)
    refused = next(each for each in found.arrows if each.state == "refused")
    assert (refused.source, refused.target, refused.result) == ("api", "messenger", "rejected")
    assert refused.why.startswith("1340 ")
    assert "Next: " in refused.why
    assert found.summary.endswith("refused: “At seven.” → rejected.")


def test_a_call_that_was_refused_at_once_is_in_the_last_minute_with_its_cure(ready: Lab) -> None:
    url = f"{ready.settings.host}/v1/messages"
    requests.post(url, json={}, headers={"Authorization": "Bearer a.b.c"}, timeout=5)
    found = RoundReader(ready._course).read(None)
    refused = [each for each in found.arrows if each.state == "refused"][-1]
    assert (refused.source, refused.target, refused.label, refused.result) == (
        "notebook",
        "api",
        "POST /v1/messages",
        "401",
    )
    assert "Next: Check that the private key belongs" in refused.why
    assert refused.exchanged is not None
    assert refused.exchanged.body == "(refused before the body was read)"


def test_each_try_of_a_webhook_is_an_arrow_of_its_own(ready: Lab) -> None:
    ready.simulator.pace(100)
    ready.simulator.fault("receiver-down", 2)
    event = written(ready, "Anybody?")
    found = complete(RoundReader(ready._course), event.message_uuid, 6)
    ready.simulator.pace(1)
    assert ways(found)[2:] == [
        "api>receiver refused",
        "api>receiver refused",
        "api>receiver ok",
        "receiver>notebook ok",
    ]
    assert [each.label for each in found.arrows[2:5]] == [
        "POST /webhooks/inbound",
        "POST /webhooks/inbound (try 2)",
        "POST /webhooks/inbound (try 3)",
    ]
    assert found.arrows[2].result == "no answer"
    # The receiver runs: nothing is to be started.
    assert found.arrows[2].why == "No answer (the lesson receiver-down)."


def test_where_nobody_listens_it_says_what_to_start_without_marks_for_code(ready: Lab) -> None:
    ready.webhooks.save(inbound="http://127.0.0.1:9/in", method="POST")
    said = ready.simulator.write(text="Anybody?", page=ready.facts["page_name"])
    found = complete(RoundReader(ready._course), said["message_uuid"], 3)
    why = "No answer (nobody listens there). Next: start what should answer there, lab.receiver. It tries again at "
    assert found.arrows[-1].why.startswith(why)


def test_while_it_waits_for_the_next_try_it_says_when_that_is(ready: Lab) -> None:
    ready.simulator.fault("receiver-down", 1)
    said = ready.simulator.write(text="Anybody?", page=ready.facts["page_name"])
    found = complete(RoundReader(ready._course), said["message_uuid"], 3)
    assert "It tries again at " in found.arrows[-1].why
    ready.simulator.advance(0.01)
    wait_until(lambda: ready.inbox.events(uuid=said["message_uuid"]), 10)


def test_a_message_to_a_page_that_is_not_linked_stops_at_messenger(ready: Lab) -> None:
    ready.simulator.unlink("Corner Bakery")
    said = ready.simulator.write(text="Hello?", page="Corner Bakery")
    found = RoundReader(ready._course).read(said["message_uuid"])
    assert ways(found) == ["person>messenger ok", "messenger>api refused"]
    assert found.arrows[1].why == "This Page is linked to no application. Next: link it, step 4."


def test_a_wrong_signature_is_told_on_the_arrow(ready: Lab) -> None:
    ready.simulator.fault("bad-signature", 1)
    event = written(ready, "Signed?")
    called = the(complete(RoundReader(ready._course), event.message_uuid, 4), "POST")
    assert called.label == "POST /webhooks/inbound, signature wrong"
    assert called.exchanged is not None
    assert called.exchanged.verdict.startswith("Signature wrong: ")


def test_a_replay_comes_from_the_notebook_and_says_what_it_is(ready: Lab) -> None:
    event = written(ready, "Once")
    ready.replay(event)
    found = complete(RoundReader(ready._course), event.message_uuid, 5)
    assert found.arrows[-1].label == "POST /webhooks/inbound (replay)"
    assert ways(found)[-1] == "notebook>receiver ok"


def test_before_anything_has_happened_it_says_so(ready: Lab) -> None:
    assert RoundReader(ready._course).read("no-such-uuid").summary == "Nothing has happened to this message."


def test_lately_leaves_out_what_was_before(ready: Lab) -> None:
    written(ready, "Before")
    time.sleep(0.3)
    event = written(ready, "After")
    wait_until(lambda: len(RoundReader(ready._course).read(event.message_uuid).arrows) >= 4, 5)
    said = [each.label for each in RoundReader(ready._course).read(None, lately=0.25).arrows]
    assert "“Before”" not in said


# Live: what the kit does not see is inferred


def test_in_live_mode_what_facebook_and_the_service_do_is_inferred(live: Lab) -> None:
    arrive(live, message(psid="4711", page_id="42", text="From a phone", uuid="u-1"))
    found = RoundReader(live._course).read("u-1")
    assert [(each.source, each.target, each.seen) for each in found.arrows] == [
        ("person", "messenger", False),
        ("messenger", "api", False),
        ("api", "tunnel", False),
        ("tunnel", "receiver", True),
        ("receiver", "notebook", True),
    ]
    assert list(found.lifelines.values()) == [
        "the person",
        "Messenger",
        "Messages API",
        "tunnel",
        "receiver",
        "your notebook",
    ]
    assert found.arrows[0].label == "“From a phone”"


def test_in_live_mode_a_reply_and_its_receipts_are_told_from_the_inbox(live: Lab) -> None:
    body = OutboundMessage("42", "4711", "Hello").body("v1")
    live.inbox.sent("v1", body, "u-2", psid="4711", page_id="42", text="Hello", message_type="text")
    arrive(live, _status("u-2", "delivered"), "/webhooks/status")
    arrive(live, _status("u-2", "rejected", error={"code": 1340, "reason": "Outside"}), "/webhooks/status")
    found = RoundReader(live._course).read("u-2")
    assert (found.arrows[0].source, found.arrows[0].result, found.arrows[0].seen) == ("notebook", "202", True)
    assert the(found, "lands on the phone").seen is False
    refused = next(each for each in found.arrows if each.state == "refused")
    assert (refused.target, refused.seen) == ("messenger", False)
    assert "eyJ" not in repr(found)


def test_a_webhook_that_was_refused_says_why_in_the_receivers_column(live: Lab) -> None:
    body = json.dumps(message(uuid="u-3")).encode()
    why = "the body is not the one that was signed"
    live.inbox.record(Delivery("POST", "/webhooks/inbound", (), body, 401, verdict="wrong", why=why)).result()
    refused = next(each for each in RoundReader(live._course).read("u-3").arrows if each.state == "refused")
    assert refused.target == "receiver"
    assert refused.why == f"It answered 401. {why}"


def test_what_is_no_webhook_is_shown_among_all_of_the_last_minute(live: Lab) -> None:
    live.inbox.record(Delivery("GET", "/webhooks/inbound?x=1", (), b"", 405)).result()
    (arrow,) = [each for each in RoundReader(live._course).read(None).arrows if each.seen]
    assert (arrow.label, arrow.result, arrow.state) == ("GET /webhooks/inbound", "405", "refused")


def _status(uuid: str, state: str, **more: Any) -> dict[str, Any]:
    ends = {"to": {"type": "messenger", "id": "4711"}, "from": {"type": "messenger", "id": "42"}}
    return {"message_uuid": uuid, "status": state, "timestamp": "2020-01-01T14:00:00.000Z"} | ends | more
