"""phone: templates on the screen, a tap that comes back, a place, an emoji; each as its switch says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from tests.conftest import wait_until
from tests.support.simulation import Detached, Program, Target, flat, nested, webhooks

QUICK = {
    "text": "Pick a colour:",
    "quick_replies": [
        {"content_type": "text", "title": title, "payload": f"PICK_{title.upper()}"} for title in ("Red", "Green")
    ],
}
BUTTONS = {
    "attachment": {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "Rye bread?",
            "buttons": [
                {"type": "postback", "title": "Order", "payload": "ORDER"},
                {"type": "web_url", "title": "Our site", "url": "https://example.com"},
            ],
        },
    }
}


@pytest.fixture(params=["v0.1", "v1"])
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def talk(world: Detached, hook: Target, key: PrivateKey, version: str) -> Any:
    """A person who has just written to a linked Page, whose webhooks come in this shape; every switch as at first."""
    program = world.application(key, messages=webhooks(hook.url, hook.url, version))
    page = world.page(program)
    psid = world.control.write(page=page, text="Hello!")["psid"]
    hook.calls.clear()
    yield Talk(world, hook, program, page, psid, version)
    world.control.switch(custom="refused", tap="reply", location="location", reaction="reaction")


class Talk:
    def __init__(self, world: Detached, hook: Target, program: Program, page: str, psid: str, version: str) -> None:
        self.world, self.hook, self.program, self.page, self.psid, self.version = (
            world,
            hook,
            program,
            page,
            psid,
            version,
        )
        self.control = world.control

    def send(self, custom: dict[str, Any], version: str = "v0.1") -> str:
        body = nested(self.page, self.psid, message={"content": {"type": "custom", "custom": custom}})
        if version == "v1":
            body = flat(self.page, self.psid, message_type="custom", custom=custom)
            del body["text"]
        return self.world.send(self.program, body, version)

    def came(self, written: dict[str, Any]) -> dict[str, Any]:
        """The content of the inbound webhook of a message, with its type."""
        (call,) = wait_until(lambda: self.hook.of(written["message_uuid"]), what="the webhook")
        body = call.json
        if self.version == "v0.1":
            return body["message"]["content"]
        kind = body["message_type"]
        return {"type": kind} | ({kind: body[kind]} if kind in body else {})

    def screen(self) -> list[dict[str, Any]]:
        return self.control.phone(page=self.page, psid=self.psid)


def test_custom_on_v1_is_refused_until_the_switch_takes_it(talk: Talk) -> None:
    body = flat(talk.page, talk.psid, message_type="custom", custom=QUICK)
    answer = talk.world.post("/v1/messages", body, headers=talk.program.headers)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (422, "1140")
    talk.control.switch(custom="taken")
    uuid = talk.send(QUICK, "v1")
    assert talk.hook.statuses(uuid, 2) == ["submitted", "delivered"]


def test_the_phone_shows_text_quick_replies_and_buttons(talk: Talk) -> None:
    talk.send(BUTTONS)
    talk.control.switch(custom="taken")
    talk.send(QUICK, "v1")
    hello, buttons, quick = talk.screen()
    assert (hello["from_page"], hello["text"]) == (False, "Hello!")
    assert (buttons["from_page"], buttons["text"]) == (True, "Rye bread?")
    assert [line["kind"] for line in (hello, buttons, quick)] == ["text", "custom", "custom"]
    assert [(each["kind"], each["title"]) for each in buttons["choices"]] == [("button", "Order"), ("link", "Our site")]
    assert (quick["text"], [each["payload"] for each in quick["choices"]]) == (
        "Pick a colour:",
        ["PICK_RED", "PICK_GREEN"],
    )


@pytest.mark.parametrize(
    ("switch", "choice", "guide", "today"),
    [
        (
            "reply",
            "Red",
            {"type": "button", "button": {"payload": "PICK_RED", "text": "Red"}},
            {"type": "reply", "reply": {"id": "PICK_RED", "title": "Red"}},
        ),
        (
            "reply",
            "pick_green",
            {"type": "button", "button": {"payload": "PICK_GREEN", "text": "Green"}},
            {"type": "reply", "reply": {"id": "PICK_GREEN", "title": "Green"}},
        ),
        ("text", "Red", {"type": "text", "text": "Red"}, {"type": "text", "text": "Red"}),
        ("unsupported", "Red", {"type": "unsupported"}, {"type": "unsupported"}),
    ],
)
def test_a_tap_comes_back_as_the_type_that_the_switch_says(
    talk: Talk, switch: str, choice: str, guide: dict[str, Any], today: dict[str, Any]
) -> None:
    uuid = talk.send(QUICK)
    talk.control.switch(tap=switch)
    tapped = talk.control.tap(choice, page=talk.page, psid=talk.psid)
    assert talk.came(tapped) == (guide if talk.version == "v0.1" else today)
    assert "read" in talk.hook.statuses(uuid, 3), "who taps has read what stands there"


def test_quick_replies_go_with_the_next_message_and_buttons_stay(talk: Talk) -> None:
    talk.send(BUTTONS)
    talk.send(QUICK)
    talk.control.write(page=talk.page, psid=talk.psid, text="Well…")
    with pytest.raises(ServiceError, match=r"You named “Red”; on the screen there is: “Order”, “Our site”\."):
        talk.control.tap("Red", page=talk.page, psid=talk.psid)
    with pytest.raises(ServiceError, match=r"It leads to https://example\.com"):
        talk.control.tap("Our site", page=talk.page, psid=talk.psid)
    assert talk.control.tap("ORDER", page=talk.page, psid=talk.psid)["passed_on"]
    with pytest.raises(ServiceError, match="cannot be tapped"):
        talk.control.tap("", page=talk.page, psid=talk.psid)


def test_a_place_and_an_emoji_come_as_their_switches_say(talk: Talk) -> None:
    place = talk.control.send_location(52.52, 13.405, page=talk.page, psid=talk.psid)
    came = talk.came(place)
    assert (came["type"], came["location"]["lat"], came["location"]["long"]) == ("location", "52.52", "13.405")
    with pytest.raises(ServiceError, match="has not answered yet"):
        talk.control.react(page=talk.page, psid=talk.psid)
    talk.send({"text": "We open at seven."})
    liked = talk.control.react("👍", page=talk.page, psid=talk.psid)
    assert talk.came(liked) == {"type": "reaction", "reaction": {"action": "react", "emoji": "👍"}}
    talk.control.switch(location="unsupported", reaction="unsupported")
    for said in (
        talk.control.send_location(0, 0, page=talk.page, psid=talk.psid),
        talk.control.react("❤️", page=talk.page, psid=talk.psid),
    ):
        assert talk.came(said) == {"type": "unsupported"}


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda control, who: control.send_location(91, 0, **who), "There is no such place"),
        (
            lambda control, who: control._call("POST", "location", {"latitude": "x", "longitude": "1"}),
            "This is no place",
        ),
        (lambda control, who: control.send_location(float("nan"), 0, **who), "There is no such place"),
        (lambda control, who: control.react("nice", **who), "This is no emoji"),
        (lambda control, who: control.react("👍", "no-such-uuid", **who), "no such message to react to"),
        (lambda control, who: control.tap("x", person="Nobody"), "Nobody is not in this conversation"),
        (lambda control, who: control.phone(psid="1"), "Nobody has this PSID"),
    ],
)
def test_what_cannot_be_done_says_so_in_words(talk: Talk, act: Any, words: str) -> None:
    talk.send({"text": "We open at seven."})
    with pytest.raises(ServiceError, match=words):
        act(talk.control, {"page": talk.page, "psid": talk.psid})


@pytest.mark.parametrize(
    "custom",
    [
        {"hello": 1},
        {"text": "x", "quick_replies": [QUICK["quick_replies"][0]] * 14},
        {"text": "x", "quick_replies": [{"content_type": "text", "payload": "no title"}]},
        {"text": "x", "quick_replies": [{"title": "x" * 21, "payload": "p"}]},
        {"text": "x", "quick_replies": "Red"},
        {"attachment": {"type": "template", "payload": {"template_type": "button", "buttons": [{"title": "no text"}]}}},
        {
            "attachment": {
                "type": "template",
                "payload": {"template_type": "button", "text": "x", "buttons": [{"title": "x"}] * 4},
            }
        },
        {"attachment": "template"},
    ],
)
def test_a_template_that_meta_does_not_take_is_refused_with_1022_and_shown_nowhere(
    talk: Talk, custom: dict[str, Any]
) -> None:
    uuid = talk.send(custom)
    assert talk.hook.statuses(uuid, 2) == ["submitted", "rejected"]
    assert json.dumps(talk.hook.of(uuid)[-1].json).count("1022")
    assert [line["text"] for line in talk.screen()] == ["Hello!"]
    assert talk.control.sent(uuid)["state"] == "rejected"
    assert talk.control.sent("no-such-uuid") is None
