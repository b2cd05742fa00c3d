"""The whole conversation with one person."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course.demonstration import demonstrate
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.widgets import conversation
from nbhelpers.widgets.conversation import ConversationPanel
from tests.conftest import wait_until
from tests.support.arrivals import status
from tests.support.labs import (
    CLOCK,
    arrive,
    button,
    inside,
    markup,
    message,
    printed,
    says,
    seen,
    shut,
    written,
)

NOBODY = "Nobody has written yet. The talk begins with the person's first message."


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
    """What each bubble of the business's side says, in its order."""
    return [" ".join(" ".join(each[name] for name in ("who", "text", "below")).split()) for each in panel._talk.bubbles]


@pytest.mark.fast
def test_before_anybody_wrote_the_talk_is_empty(talk: Any) -> None:
    assert seen(talk).startswith(f"The whole talk SIMULATOR Your side {NOBODY} Ada's phone · Corner Bakery ")
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
    wait_until(lambda: len(bubbles(talk)) == 3, 5)
    shapes = [
        rf"Ada Are you open\? Ada · {CLOCK}",
        rf"you At seven\. you · ✓ read {CLOCK}",
        rf"Ada Thanks! Ada · {CLOCK}",
    ]
    assert all(re.fullmatch(shape, said) for shape, said in zip(shapes, bubbles(talk), strict=True)), bubbles(talk)
    printed_lines = printed(talk).splitlines()
    assert re.fullmatch(rf"Ada: Are you open\? \({CLOCK}\)", printed_lines[1])
    assert re.fullmatch(rf"you: At seven\. \(✓ read {CLOCK}\)", printed_lines[2])
    assert [each["own"] for each in talk._talk.bubbles] == [False, True, False]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("content", "kind", "shown"),
    [
        ("We open\nat seven & <b>", "text", "We open at seven & <b>"),
        ({"text": "Rye?", "quick_replies": [{"title": "Yes", "payload": "Y"}]}, "custom", "Rye? [Yes]"),
        ("https://example.com/rye.jpg", "image", "(image https://example.com/rye.jpg)"),
    ],
)
def test_an_answer_that_was_sent_by_hand_has_its_words_and_is_marked(
    ready: Lab, talk: Any, content: Any, kind: str, shown: str
) -> None:
    psid = written(ready).psid
    body = OutboundMessage(ready.facts["page_id"], psid, content, kind).body("v0.1")
    headers = {"Authorization": f"Bearer {ready.token()}"}
    requests.post(f"{ready.settings.host}/v0.1/messages", json=body, headers=headers, timeout=5)
    says(talk, "✓ delivered")
    assert re.fullmatch(rf"you, by hand {re.escape(shown)} you, by hand · ✓ delivered {CLOCK}", bubbles(talk)[-1])
    assert len(bubbles(talk)) == 2
    assert "you, by hand: " in printed(talk)


@pytest.mark.fast
def test_in_live_mode_it_says_why_an_answer_by_hand_has_no_words(live: Lab) -> None:
    arrive(live, message())
    arrive(live, status("r", "delivered", "100"), "/webhooks/status")
    talk = live.panels.conversation()
    assert "you, by hand (sent by hand: receipts carry no words, and the service gives out none" in bubbles(talk)[-1]
    talk.close()


@pytest.mark.fast
def test_a_template_sent_with_the_kit_shows_what_the_phone_shows(ready: Lab, talk: Any) -> None:
    psid = written(ready).psid
    template = {"text": "Rye?", "quick_replies": [{"title": "Yes", "payload": "YES"}]}
    ready.client.send(OutboundMessage(ready.facts["page_id"], psid, template, "custom"))
    says(talk, "you Rye? [Yes]")
    (reply,) = ready.inbox.events("reply")
    assert "<-- reply     Rye? [Yes] to" in reply.line
    ready.user.tap("Yes")
    assert "button “Yes”, payload YES" in says(talk, "payload YES")


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
    says(talk, "✗ rejected")
    assert bubbles(talk)[-1].endswith("1340 Outside of the <b>window")
    assert "<b>window" not in markup(talk)


@pytest.mark.fast
def test_the_talk_is_with_one_person(ready: Lab, talk: Any) -> None:
    written(ready, "I am Ada")
    wait_until(lambda: bubbles(talk), 5)
    written(ready, "I am Bob", person="Bob")
    written(ready, "And I am still Ada")
    assert "Bob" not in says(talk, "And I am still Ada")


@pytest.mark.fast
def test_each_text_has_its_own_direction(ready: Lab, talk: Any) -> None:
    written(ready, "مرحبا، هل أنتم مفتوحون؟")
    wait_until(lambda: talk._talk.bubbles, 5)
    assert talk._talk.bubbles[0]["text"] == "مرحبا، هل أنتم مفتوحون؟", "alone, so that its direction is its own"
    assert 'said.dir = "auto"' in str(talk._talk._esm)


@pytest.mark.fast
def test_a_long_text_is_whole_and_wraps(ready: Lab, talk: Any) -> None:
    long = "W" * 600 + " " + "ä" * 600
    written(ready, long)
    says(talk, long)


@pytest.mark.fast
def test_the_lines_of_a_text_stay_lines(ready: Lab, talk: Any) -> None:
    written(ready, "One\nTwo\r\nThree")
    wait_until(lambda: talk._talk.bubbles and talk._talk.bubbles[0]["text"] == "One\nTwo\nThree", 1)


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
    assert seen(talk) == f"The whole talk LIVE Your side {NOBODY}"
    assert (talk._phones, talk._talk.write) == ([], "")
    talk.close()


@pytest.mark.fast
def test_of_a_long_talk_the_newest_are_shown_and_how_many_were_before(live: Lab) -> None:
    for number in range(70):
        arrive(live, message(psid="4711", uuid=f"long-{number}", text=f"Number {number}"))
    talk = live.panels.conversation()
    assert (len(talk._talk.bubbles), talk._talk.earlier) == (60, 10)
    assert talk._talk.bubbles[-1]["text"] == "Number 69"
    assert printed(talk).count("Number ") == 70
    talk.close()


# The phone, which the learner plays


class Front:
    """A part in the browser: sends what a press sends, and keeps what the kernel sends back."""

    def __init__(self, part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.part, self.heard = part, []
        monkeypatch.setattr(part, "send", lambda content, buffers=None: self.heard.append(content))

    def press(self, **asked: Any) -> dict[str, Any]:
        self.part._handle_custom_msg(asked, [])
        return self.heard[-1] if self.heard else {}

    def ends(self, *texts: str) -> bool:
        """Whether these are its newest bubbles: the phone remembers the tests before."""
        return [each["text"] for each in self.part.bubbles][-len(texts) :] == [*texts]


@pytest.mark.fast
def test_the_round_is_played_on_the_phone_and_on_your_side(
    ready: Lab, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, side = Front(talk._phones[0], monkeypatch), Front(talk._talk, monkeypatch)
    assert phone.press(ask="send", kind="text", text="Rye bread?") == {"words": "", "sent": True}
    wait_until(lambda: side.ends("Rye bread?") and phone.ends("Rye bread?"), 5)
    assert side.press(ask="send", text="At seven.") == {"words": "Accepted.", "sent": True}
    wait_until(lambda: phone.ends("Rye bread?", "At seven."), 5, "the answer on the phone")
    assert phone.part.bubbles[-1]["below"].endswith("not read yet")
    assert phone.press(ask="read") == {"words": "1 message read.", "sent": False}
    wait_until(lambda: "✓ read" in side.part.bubbles[-1]["below"], 5)
    assert phone.part.bubbles[-1]["below"].endswith("· read")


@pytest.mark.fast
def test_what_can_be_tapped_stands_on_the_phone_until_the_next_message(
    ready: Lab, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, side = Front(talk._phones[0], monkeypatch), Front(talk._talk, monkeypatch)
    psid = written(ready).psid
    buttons = [{"type": "postback", "title": "Order", "payload": "ORDER"}]
    buttons.append({"type": "web_url", "title": "Our site", "url": "https://example.com"})
    card = {"type": "template", "payload": {"template_type": "button", "text": "Rye?", "buttons": buttons}}
    quick = {"text": "Which?", "quick_replies": [{"content_type": "text", "title": "Dark", "payload": "DARK"}]}
    for custom in ({"attachment": card}, quick):
        ready.client.send(OutboundMessage(ready.facts["page_id"], psid, custom, "custom"))
    wait_until(lambda: phone.ends("Rye?", "Which?"), 5, "both messages")
    assert [each["choices"] for each in phone.part.bubbles[-2:]] == [["Order"], ["Dark"]], "a link sends nothing"
    assert phone.press(ask="tap", choice="Dark") == {"words": "", "sent": False}
    wait_until(lambda: side.part.bubbles[-1]["text"] == "(button “Dark”, payload DARK)", 5, "the tap on your side")
    assert [each["choices"] for each in phone.part.bubbles[-3:]] == [["Order"], [], []]
    assert "cannot be tapped" in phone.press(ask="tap", choice="Light")["words"]
    assert all(not each["choices"] for each in side.part.bubbles)


@pytest.mark.fast
def test_pictures_and_stickers_are_named(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = Front(talk._phones[0], monkeypatch)
    phone.press(ask="send", kind="image", text="")
    phone.press(ask="send", kind="sticker", text="")
    wait_until(lambda: phone.ends("image picture.jpg", "unsupported"), 5)
    assert {each["kind"] for each in phone.part.bubbles[-2:]} == {"other"}


@pytest.mark.fast
def test_what_was_refused_later_is_on_your_side_and_not_on_the_phone(
    ready: Lab, talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, side = Front(talk._phones[0], monkeypatch), Front(talk._talk, monkeypatch)
    phone.press(ask="send", kind="text", text="Hello")
    wait_until(lambda: side.ends("Hello"), 5)
    ready.simulator.refuse_next("1340")
    side.press(ask="send", text="Too late")
    wait_until(lambda: "✗ rejected" in side.part.bubbles[-1]["below"], 5)
    assert phone.ends("Hello")


@pytest.mark.fast
def test_a_second_person_has_a_phone_of_their_own_and_takes_no_place_by_themselves(
    ready: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = ready.panels.conversation(people=2)
    ada, ben, side = (Front(part, monkeypatch) for part in (*talk._phones, talk._talk))
    ada.press(ask="send", kind="text", text="I am Ada")
    wait_until(lambda: side.ends("I am Ada"), 5)
    ben.press(ask="send", kind="text", text="I am Ben")
    wait_until(lambda: "1 newer person" in seen(talk), 5)
    assert ada.ends("I am Ada") and ben.ends("I am Ben") and side.ends("I am Ada")
    assert (ben.part.write, ben.part.reads) == ("Write as Ben", "Ben")
    talk._newcomers._handle_custom_msg({"pin": 7}, [])
    assert side.ends("I am Ada")
    talk._newcomers._handle_custom_msg({"pin": 0}, [])
    assert side.ends("I am Ben")
    talk.close()


@pytest.mark.fast
def test_what_cannot_be_sent_is_said_below_the_line_and_kept(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    phone, side = Front(talk._phones[0], monkeypatch), Front(talk._talk, monkeypatch)
    assert phone.press(ask="send", kind="text", text="") == {
        "words": "An empty message cannot be sent. There is no text. Give a text."
    }
    assert phone.press(ask="send", kind="rubbish", text="x")["words"].startswith("Nobody can write that.")
    assert side.press(ask="send", text="x")["words"].startswith("There is nobody to answer.")
    before = len(phone.heard)
    phone.press(ask="something else")
    assert len(phone.heard) == before


@pytest.mark.fast
def test_a_fault_is_picked_beside_the_talk(ready: Lab, talk: Any) -> None:
    assert "On now" not in seen(talk)
    talk._faults.value = True
    assert "On now: nothing." in seen(talk)
    button(talk, "Start").click()
    assert "On now: expired-token (1×)." in seen(talk)
    button(talk, "End all").click()
    assert "On now: nothing." in seen(talk)
    talk._faults.value = False
    assert "On now" not in seen(talk)


@pytest.mark.fast
def test_it_plays_by_itself_until_it_is_paused(presented: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "demonstrate", lambda course, ended: demonstrate(course, ended, pause=0.05))
    talk = presented.panels.conversation(plays=True)
    try:
        wait_until(lambda: any("✓ read" in each["below"] for each in talk._talk.bubbles), 20, "a whole round")
        assert "nbh-projector" in talk._dom_classes
        assert talk._run.description == "Pause"
        talk._run.click()
        wait_until(lambda: not players(), 5, "its end")
        assert talk._run.description == "Play by itself"
    finally:
        talk.close()


@pytest.mark.fast
def test_closed_it_plays_no_more(ready: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = ready.panels.conversation()
    button(talk, "Play by itself").click()
    assert len(players()) == 1
    talk.close()
    wait_until(lambda: not players(), 5, "its end")


def test_a_simulator_that_goes_while_it_plays_is_said(fresh: Lab) -> None:
    fresh.need("webhooks")
    talk = fresh.panels.conversation()
    shut(fresh, "simulator")
    button(talk, "Play by itself").click()
    says(talk, "The simulator does not answer.")
    wait_until(lambda: not players(), 5)
    talk.close()


@pytest.mark.fast
def test_on_a_projector_ids_and_addresses_are_masked_in_state_and_text(presented: Lab) -> None:
    event = written(presented, "My PSID is 5643442791834631, look at https://bakery.example/x")
    talk = ConversationPanel(presented._course)
    assert talk._run.description == "Play by itself"
    talk._run.click()
    states = json.dumps([widget.get_state() for widget in inside(talk)], default=str) + printed(talk)
    for secret in (event.psid, "5643442791834631", "bakery.example"):
        assert secret not in states
    assert "My PSID is ••••4631, look at https://••••/x" in seen(talk)
    talk.close()
    wait_until(lambda: not players(), 5, "its end")  # what it still wrote would be the next test's


def players() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "Conversation plays"]
