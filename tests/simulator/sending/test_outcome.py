"""What becomes of an accepted message: every rule of Facebook's, and every code that can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from nbhelpers.simulator.rules.messenger import DAY, REFUSALS
from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.support.simulation import Detached, Program, Target, flat, nested, webhooks

Fate = Callable[..., tuple[str, str]]
TAG = {"category": "message_tag", "tag": "HUMAN_AGENT"}


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture
def psid(world: Detached, page: str) -> str:
    return world.control.write(page=page, text="hi")["psid"]


@pytest.fixture(autouse=True)
def as_it_comes(world: Detached) -> Iterator[None]:
    yield
    world.control.switch(**DEFAULTS)


@pytest.fixture
def outcome_of(world: Detached, program: Program, hook: Target) -> Fate:
    """Sends, and gives the last status with the code of its error, which must be the service's text."""

    def send(body: dict[str, Any], version: str = "v1") -> tuple[str, str]:
        sent = world.send(program, body, version)
        assert hook.statuses(sent, 2)[0] == "submitted"
        last = hook.of(sent)[1].json
        error = last.get("error")
        if error is None:
            return last["status"], ""
        code = str(error["title"])
        assert error["type"] == f"https://developer.vonage.com/api-errors/messages#{code}"
        assert error["detail"] == REFUSALS[code].text
        return last["status"], code

    return send


def image(page: str, psid: str, url: str) -> dict[str, Any]:
    return flat(page, psid, message_type="image", image={"url": url})


def later(world: Detached, psid: str, seconds: float) -> None:
    """As if a person had written so many seconds earlier."""
    world.table("UPDATE psids SET last_wrote = last_wrote - ? WHERE psid = ?", seconds, psid)


def test_an_unknown_psid_has_the_code_that_the_switch_says(world: Detached, outcome_of: Fate, page: str) -> None:
    assert outcome_of(flat(page, "1")) == ("rejected", "1300")
    world.control.switch(unknown_psid="1340")
    assert outcome_of(flat(page, "1")) == ("rejected", "1340")


def test_a_person_who_blocks_the_page_gets_nothing_until_they_unblock_it_or_write(
    world: Detached, outcome_of: Fate, page: str, psid: str
) -> None:
    assert world.control.block(page=page) == {"page_id": page, "psid": psid, "blocked": True}
    assert outcome_of(flat(page, psid)) == ("rejected", "1330")
    assert outcome_of(flat(page, psid, messenger=TAG)) == ("rejected", "1330")
    world.control.switch(blocked_person="1331")
    assert outcome_of(flat(page, psid)) == ("rejected", "1331")
    world.control.block(page=page, blocked=False)
    assert outcome_of(flat(page, psid)) == ("delivered", "")
    world.control.block(page=page)
    world.control.write(page=page, text="I am back")
    assert outcome_of(flat(page, psid)) == ("delivered", "")


def test_who_never_wrote_to_a_page_cannot_block_it(world: Detached, page: str) -> None:
    with pytest.raises(ServiceError, match="Grace never wrote to “Page"):
        world.control.block("Grace", page)


def test_a_link_that_has_run_out_refuses_with_1370_until_the_page_is_linked_again(
    world: Detached, program: Program, outcome_of: Fate, page: str, psid: str
) -> None:
    world.control.fault("page-link-expired", page=page)
    assert outcome_of(flat(page, psid)) == ("rejected", "1370")
    assert outcome_of(flat(page, "1")) == ("rejected", "1370")  # Facebook does not get as far as the PSID
    assert world.control.write(page=page, text="hello?")["passed_on"]
    world.control.link(program.token(), page)
    assert outcome_of(flat(page, psid)) == ("delivered", "")


def test_a_link_runs_out_by_itself_only_where_the_switch_says_so(
    world: Detached, program: Program, outcome_of: Fate, page: str, psid: str
) -> None:
    world.kill()
    world.table("UPDATE pages SET linked = linked - ? WHERE id = ?", 90 * DAY + 60, page)
    world.restart()
    assert outcome_of(flat(page, psid)) == ("delivered", "")
    world.control.switch(page_link="90")
    assert outcome_of(flat(page, psid)) == ("rejected", "1370")
    world.control.link(program.token(), page)
    assert outcome_of(flat(page, psid)) == ("delivered", "")


def test_after_24_hours_the_switch_of_2018_allows_one_more_message_until_the_person_writes(
    world: Detached, outcome_of: Fate, page: str, psid: str
) -> None:
    later(world, psid, DAY + 60)
    assert outcome_of(flat(page, psid)) == ("rejected", "1340")
    world.control.switch(window="24+1")
    assert outcome_of(image(page, psid, "http://localhost/a.png")) == ("rejected", "1380")  # spends nothing
    assert outcome_of(flat(page, psid)) == ("delivered", "")
    assert outcome_of(flat(page, psid)) == ("rejected", "1340")
    assert outcome_of(flat(page, psid, messenger=TAG)) == ("delivered", "")
    later(world, psid, -DAY)
    world.control.write(page=page, text="hi again")
    assert outcome_of(flat(page, psid)) == ("delivered", "")  # within the day: the one more is still to be had
    later(world, psid, DAY + 60)
    assert outcome_of(flat(page, psid)) == ("delivered", "")
    assert outcome_of(flat(page, psid)) == ("rejected", "1340")


def test_tags_are_those_of_the_day_that_the_switch_says(
    world: Detached, outcome_of: Fate, page: str, psid: str
) -> None:
    later(world, psid, 30 * DAY)

    def tagged(tag: str) -> tuple[str, str]:
        return outcome_of(flat(page, psid, messenger={"category": "message_tag", "tag": tag}))

    assert tagged("CONFIRMED_EVENT_UPDATE") == ("rejected", "1021")
    assert tagged("HUMAN_AGENT") == ("rejected", "1340")  # more than a week
    world.control.switch(tags_of="2026-04-26")
    assert tagged("CONFIRMED_EVENT_UPDATE") == ("delivered", "")
    world.control.switch(tags_of="2018-06-21")
    assert tagged("ticket_update") == ("delivered", "")
    assert tagged("CONFIRMED_EVENT_UPDATE") == ("rejected", "1021")
    world.control.switch(retired_tag="1020")
    assert tagged("CONFIRMED_EVENT_UPDATE") == ("rejected", "1020")
    assert tagged("NEVER_WAS") == ("rejected", "1021")


def test_a_tag_alone_without_its_category_opens_nothing(
    world: Detached, outcome_of: Fate, page: str, psid: str
) -> None:
    later(world, psid, DAY + 60)
    for category in ({}, {"category": "response"}, {"category": "update"}):
        assert outcome_of(flat(page, psid, messenger=category | {"tag": "HUMAN_AGENT"})) == ("rejected", "1340")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/a.png", ""),
        ("https://example.com/a.exe", "1382"),
        ("http://127.0.0.1:8711/a.png", "1380"),
        ("http://nas.local/a.png", "1380"),
        ("http://nas.local/a.exe", "1380"),
    ],
)
def test_a_file_that_facebook_cannot_use_or_reach_is_refused_later(
    outcome_of: Fate, page: str, psid: str, url: str, code: str
) -> None:
    assert outcome_of(image(page, psid, url)) == ("rejected" if code else "delivered", code)


def test_what_stands_only_in_the_prose_is_refused_at_once_or_later_as_the_switches_say(
    world: Detached, program: Program, outcome_of: Fate, page: str, psid: str
) -> None:
    long = flat(page, psid, text="x" * 641)
    untagged = flat(page, psid, messenger={"category": "message_tag"})
    unknown = flat(page, psid, messenger={"category": "message_tag", "tag": "NO_SUCH_TAG"})
    wrong = image(page, psid, "https://example.com/a.exe")
    stranger = flat(world.page(), psid)

    def at_once(body: dict[str, Any]) -> str:
        answer = world.post("/v1/messages", body, headers=program.headers)
        assert answer.status_code == 422
        return answer.json()["type"].rpartition("#")[2]

    assert [at_once(body) for body in (long, untagged, stranger)] == ["1150", "1110", "1120"]
    assert [outcome_of(body) for body in (unknown, wrong)] == [("rejected", "1021"), ("rejected", "1382")]
    world.control.switch(
        long_text="later", missing_tag="later", unlinked_page="later", unknown_tag="at once", file_type="at once"
    )
    codes = ["1020", "1021", "1120"]
    assert [outcome_of(body) for body in (long, untagged, stranger)] == [("rejected", code) for code in codes]
    assert [at_once(body) for body in (unknown, wrong)] == ["1150", "1150"]
    world.control.switch(file_type="taken")
    assert outcome_of(wrong) == ("delivered", "")
    assert outcome_of(image(page, psid, "http://localhost/a.exe")) == ("rejected", "1380")
    empty = flat(page, psid, text="")
    assert at_once(empty) == "1150"
    relative = image(page, psid, "/photo.jpg")
    assert at_once(relative) == "1150"
    world.control.switch(empty_text="later", media_url="later")
    assert outcome_of(empty) == ("rejected", "1020")
    assert outcome_of(relative) == ("rejected", "1380")


def test_the_client_ref_of_v1_is_as_long_as_the_switch_says(world: Detached, program: Program, page: str) -> None:
    def status(length: int) -> int:
        return world.post("/v1/messages", flat(page, "1", client_ref="x" * length), headers=program.headers).status_code

    assert [status(length) for length in (40, 41, 100, 101)] == [202, 202, 202, 422]
    world.control.switch(client_ref="40")
    assert [status(length) for length in (40, 41)] == [202, 422]


def test_a_custom_message_with_neither_text_nor_attachment_is_refused_with_1022(
    world: Detached, program: Program, hook: Target, page: str, psid: str
) -> None:
    for custom, status in (({"attachment": {"type": "template"}}, "delivered"), ({"hello": 1}, "rejected")):
        body = nested(page, psid)
        body["message"]["content"] = {"type": "custom", "custom": custom}
        sent = world.send(program, body, "v0.1")
        assert hook.statuses(sent, 2)[1] == status
    assert hook.of(sent)[1].json["error"]["title"] == "1022"


@pytest.mark.parametrize("status", ["rejected", "undeliverable"])
def test_every_code_can_be_had_once_by_asking_for_it(
    world: Detached, program: Program, hook: Target, page: str, psid: str, status: str
) -> None:
    for code in REFUSALS:
        assert world.control.refuse_next(code, status) == {"code": code, "status": status}
    sent = [world.send(program, flat(page, psid)) for _ in range(len(REFUSALS) + 1)]
    for each, code in zip(sent, REFUSALS, strict=False):
        assert hook.statuses(each, 2) == ["submitted", status]
        assert hook.of(each)[1].json["error"]["title"] == code
    assert hook.statuses(sent[-1], 2) == ["submitted", "delivered"]


def test_a_code_that_is_on_no_list_cannot_be_asked_for(world: Detached) -> None:
    with pytest.raises(ServiceError, match=r"There is no such code. You gave “9999”. There are 1000, "):
        world.control.refuse_next(9999)
    with pytest.raises(ServiceError, match="Use rejected, or undeliverable: Facebook is down"):
        world.control.refuse_next(1300, "delivered")


def test_what_was_asked_for_can_be_seen_and_taken_back(world: Detached, outcome_of: Fate, page: str, psid: str) -> None:
    world.control.refuse_next(1000)
    world.control.refuse_next("1331", "undeliverable")
    assert world.control.refusals() == [
        {"code": "1000", "status": "rejected"},
        {"code": "1331", "status": "undeliverable"},
    ]
    world.control.clear_faults()
    assert world.control.refusals() == []
    assert outcome_of(flat(page, psid)) == ("delivered", "")


def test_nothing_that_was_refused_is_read(world: Detached, outcome_of: Fate, page: str, psid: str) -> None:
    world.control.refuse_next(1331, "undeliverable")
    assert outcome_of(flat(page, psid)) == ("undeliverable", "1331")
    assert world.control.read(page=page) == 0
