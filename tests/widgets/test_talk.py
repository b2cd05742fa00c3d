"""The two sides of a talk: words of answers that were sent by hand, and what a phone shows."""

from __future__ import annotations

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.widgets.talk import SentByHand, phone_side
from tests.conftest import wait_until
from tests.support.labs import written

pytestmark = pytest.mark.fast


def test_an_answer_by_hand_has_its_words_also_when_the_simulator_has_gone(
    ready: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = OutboundMessage(ready.facts["page_id"], written(ready).psid, "By hand").body("v0.1")
    headers = {"Authorization": f"Bearer {ready.token()}"}
    said = requests.post(f"{ready.settings.host}/v0.1/messages", json=body, headers=headers, timeout=5).json()
    found = SentByHand(ready._course)
    assert found.of(said["message_uuid"]) == ("text", "By hand")
    assert found.of("no-such-uuid") == ("", "(sent by hand: the simulator does not know this message)")
    monkeypatch.setattr(ready._course.control, "base_url", "http://127.0.0.1:9")
    assert found.of(said["message_uuid"]) == ("text", "By hand")
    assert "does not answer" in SentByHand(ready._course).of(said["message_uuid"])[1]


def test_what_a_person_wrote_is_their_own_on_the_phone_and_what_came_is_not(ready: Lab) -> None:
    psid, page = written(ready, "Rye?").psid or "", ready.facts["page_name"]
    ready.client.send(OutboundMessage(ready.facts["page_id"], psid, "https://example.com/rye.jpg", "image"))
    wait_until(lambda: phone_side(ready._course, psid, page)[-1]["own"] is False, 5)
    asked, came = phone_side(ready._course, psid, page)[-2:]
    assert (asked["own"], asked["kind"], asked["text"]) == (True, "text", "Rye?")
    assert (came["kind"], came["text"]) == ("other", "(image https://example.com/rye.jpg)")
    assert came["below"].endswith("not read yet")
    ready.simulator.read(page=page)
    assert phone_side(ready._course, psid, page)[-1]["below"].endswith("· read")
