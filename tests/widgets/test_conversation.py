"""The whole conversation with one person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.messages.outbound import OutboundMessage
from tests.conftest import wait_until
from tests.support.arrivals import status
from tests.support.labs import (
    CLOCK,
    arrive,
    markup,
    printed,
    says,
    seen,
    written,
)

NOBODY = "Nobody has written yet. A PSID appears here with the first message."


HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)> & </p>'


@pytest.fixture
def panel(ready: Lab) -> Iterator[Any]:
    made = ready.panels.psid()
    yield made
    made.close()


@pytest.fixture
def talk(ready: Lab) -> Iterator[Any]:
    made = ready.panels.conversation()
    yield made
    made.close()


def bubbles(panel: Any) -> list[str]:
    """What each bubble says, in its order."""
    import html

    items = re.findall(r"<li[^>]*>(.*?)</li>", markup(panel), re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", item)).split()) for item in items]


@pytest.mark.fast
def test_before_anybody_wrote_the_talk_is_empty(talk: Any) -> None:
    assert seen(talk) == f"The whole talk SIMULATOR {NOBODY}"
    assert printed(talk) == f"The whole talk (SIMULATOR)\n{NOBODY}"


@pytest.mark.fast
def test_it_shows_both_sides_in_order_and_how_far_each_answer_came(ready: Lab, talk: Any) -> None:
    psid = written(ready, "Are you open?").psid
    uuid = ready.client.send(OutboundMessage(ready.facts["page_id"], psid, "At seven.")).message_uuid
    ready.inbox.wait_for_receipt(uuid, "delivered", 5)
    says(talk, "✓ delivered")
    ready.simulator.read()
    says(talk, "✓ read")
    written(ready, "Thanks!")
    says(talk, "Thanks!")
    shapes = [
        rf"the person Are you open\? {CLOCK}",
        rf"you At seven\. .*✓ read {CLOCK}",
        rf"the person Thanks! {CLOCK}",
    ]
    assert all(re.fullmatch(shape, said) for shape, said in zip(shapes, bubbles(talk), strict=True)), bubbles(talk)
    printed_lines = printed(talk).splitlines()
    assert re.fullmatch(rf"the person: Are you open\? \({CLOCK}\)", printed_lines[1])
    assert re.fullmatch(rf"you: At seven\. \(.*✓ read {CLOCK}\)", printed_lines[2])
    assert re.findall(r"<li style=\"text-align:(\w+)", markup(talk)) == ["left", "right", "left"]


@pytest.mark.fast
def test_an_answer_that_was_sent_by_hand_is_known_by_its_receipts(ready: Lab, talk: Any) -> None:
    psid = written(ready).psid
    body = OutboundMessage(ready.facts["page_id"], psid, "By hand").body("v0.1")
    headers = {"Authorization": f"Bearer {ready.token()}"}
    requests.post(f"{ready.settings.host}/v0.1/messages", json=body, headers=headers, timeout=5)
    says(talk, "✓ delivered")
    assert re.fullmatch(rf"you \(an answer that you sent by hand\) .*✓ delivered {CLOCK}", bubbles(talk)[-1])
    assert len(bubbles(talk)) == 2


@pytest.mark.fast
def test_a_receipt_that_overtakes_the_note_of_its_answer_hides_no_text(ready: Lab, talk: Any) -> None:
    psid = written(ready).psid
    arrive(ready, status("early", "submitted", psid), "/webhooks/status")
    says(talk, "sent by hand")
    ready.inbox.sent("v0.1", {}, "early", psid=psid, page_id="200", text="I was first", message_type="text")
    assert "sent by hand" not in says(talk, "I was first")
    assert len(bubbles(talk)) == 2


@pytest.mark.fast
def test_a_refused_answer_says_why(ready: Lab, talk: Any) -> None:
    psid = written(ready).psid
    error = {"error": {"code": 1340, "reason": "Outside of the <b>window"}}
    arrive(ready, status("late", "rejected", psid, **error), "/webhooks/status")
    assert says(talk, "✗ rejected").endswith("1340 Outside of the <b>window")
    assert "<b>window" not in markup(talk)


@pytest.mark.fast
def test_the_talk_is_with_one_person(ready: Lab, talk: Any) -> None:
    written(ready, "I am Ada")
    says(talk, "I am Ada")
    written(ready, "I am Bob", person="Bob")
    written(ready, "And I am still Ada")
    assert "Bob" not in says(talk, "And I am still Ada")


@pytest.mark.fast
def test_each_text_has_its_own_direction(ready: Lab, talk: Any) -> None:
    written(ready, "مرحبا، هل أنتم مفتوحون؟")
    says(talk, "مرحبا، هل أنتم مفتوحون؟")
    assert re.search(r'<div dir="auto"[^>]*>مرحبا، هل أنتم مفتوحون؟</div>', markup(talk)), (
        "the direction is found from the text alone, not from the word “the person” before it"
    )


@pytest.mark.fast
def test_a_long_text_is_whole_and_wraps(ready: Lab, talk: Any) -> None:
    long = "W" * 600 + " " + "ä" * 600
    written(ready, long)
    says(talk, long)
    assert "overflow-wrap:anywhere" in markup(talk)


@pytest.mark.fast
def test_the_lines_of_a_text_stay_lines(ready: Lab, talk: Any) -> None:
    written(ready, "One\nTwo\r\nThree")
    wait_until(lambda: ">One\nTwo\nThree</div>" in markup(talk), 1)
    assert "white-space:pre-wrap" in markup(talk)


@pytest.mark.fast
def test_what_was_written_on_either_side_is_escaped(ready: Lab, talk: Any) -> None:
    psid = written(ready, HOSTILE).psid
    ready.client.send(OutboundMessage(ready.facts["page_id"], psid, HOSTILE))
    wait_until(lambda: len(bubbles(talk)) == 2, 1)
    assert "<script>" not in markup(talk)
    assert "<img" not in markup(talk)
    assert "\x1b" not in printed(talk)


@pytest.mark.fast
def test_control_characters_are_shown_as_what_cannot_be_shown(ready: Lab, talk: Any) -> None:
    written(ready, "a\x1b[2Jb\u202ec")
    says(talk, "a�[2Jb�c")


@pytest.mark.fast
def test_the_talk_in_live_mode_says_live(live: Lab) -> None:
    talk = live.panels.conversation()
    assert seen(talk).startswith("The whole talk LIVE ")
    talk.close()
