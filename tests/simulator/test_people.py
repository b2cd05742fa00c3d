"""Facebook's side: Pages, the person who writes and reads, and what becomes of a message to them."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from tests.support.simulation import GUIDES_VOICE, Detached, Program, Target, flat, nested, webhooks

HOUR = 3600


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture
def page(world: Detached, program: Program) -> str:
    return world.page(program)


def inbound(hook: Target, said: dict[str, Any]) -> dict[str, Any]:
    """The webhook of what a person wrote."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for call in hook.of(said["message_uuid"]):
            return call.json
        time.sleep(0.01)
    pytest.fail("the message was not passed on")


# Pages


@pytest.mark.fast
def test_a_page_made_twice_is_the_same_page(world: Detached) -> None:
    first = world.control.create_page("Corner Bakery")
    again = world.control.create_page("  Corner Bakery ")
    assert first == again
    assert first == {
        "id": first["id"],
        "name": "Corner Bakery",
        "published": True,
        "application_id": None,
        "at": first["at"],
        "linked": None,
        "people": [],
    }
    assert first["id"].isdecimal()
    assert len(first["id"]) == 15
    assert [page["name"] for page in world.control.pages()].count("Corner Bakery") == 1


@pytest.mark.fast
@pytest.mark.parametrize("name", ["", "   ", "x" * 76])
def test_a_page_needs_a_name_of_facebooks_length(world: Detached, name: str) -> None:
    with pytest.raises(ServiceError, match="needs a name"):
        world.control.create_page(name)


@pytest.mark.fast
def test_a_page_may_have_any_name(world: Detached) -> None:
    for name in ("x" * 75, "مخبز الزاوية", "🥐", "Robert'); DROP TABLE pages;--"):
        assert world.control.create_page(name)["name"] == name
    assert world.control.create_page("half \ud83e")["name"] == "half ?"


@pytest.mark.fast
def test_a_page_that_is_not_there_is_named_with_those_that_are(world: Detached, page: str) -> None:
    with pytest.raises(ServiceError, match="no such Page") as caught:
        world.control.write(page="123", text="hi")
    assert "You named 123" in caught.value.seen
    assert "“Page " in caught.value.seen


# Writing


@pytest.mark.fast
def test_a_person_has_one_psid_on_a_page_however_often_they_write(world: Detached, page: str) -> None:
    said = [world.control.write(page=page, text=f"{number}") for number in range(3)]
    assert len({each["psid"] for each in said}) == 1
    assert len({each["message_uuid"] for each in said}) == 3
    assert said[0]["psid"].isdecimal()
    assert len(said[0]["psid"]) == 16
    assert [person["name"] for person in world.control.create_page("unknown")["people"]] == []
    people = next(each for each in world.control.pages() if each["id"] == page)["people"]
    assert [(each["psid"], each["name"]) for each in people] == [(said[0]["psid"], "Ada")]
    assert people[0]["wrote"] == pytest.approx(time.time(), abs=10)


@pytest.mark.fast
def test_the_same_person_has_another_psid_on_another_page(world: Detached, program: Program) -> None:
    pages = [world.page(program), world.page(program)]
    psids = [world.control.write(page=page, person="Grace", text="hi")["psid"] for page in pages]
    assert psids[0] != psids[1]


@pytest.mark.fast
def test_two_people_have_two_psids_on_one_page(world: Detached, page: str) -> None:
    first = world.control.write(page=page, person="Ada", text="hi")["psid"]
    second = world.control.write(page=page, person="Grace", text="hi")["psid"]
    assert first != second
    assert world.control.write(page=page, psid=first, text="by PSID")["psid"] == first


@pytest.mark.fast
def test_nobody_writes_under_a_psid_that_this_page_does_not_know(world: Detached, program: Program, page: str) -> None:
    elsewhere = world.control.write(page=world.page(program), text="hi")["psid"]
    for psid in (elsewhere, "1111111111111111", ""):
        with pytest.raises(ServiceError, match="Nobody has this PSID"):
            world.control.write(page=page, psid=psid, text="hi")
    assert next(each for each in world.control.pages() if each["id"] == page)["people"] == []


@pytest.mark.fast
@pytest.mark.parametrize("kind", ["text", "image", "audio", "video", "file", "unsupported"])
def test_every_kind_of_message_is_passed_on_as_what_it_is(world: Detached, hook: Target, page: str, kind: str) -> None:
    said = world.control.write(kind, page=page, text="hi" if kind == "text" else None)
    assert said["passed_on"] is True
    body = inbound(hook, said)
    assert body["message_type"] == kind
    assert body.get("text") == ("hi" if kind == "text" else None)
    if kind in ("image", "audio", "video", "file"):
        assert body[kind]["url"].startswith("https://example.com/")
    else:
        assert not {"image", "audio", "video", "file"} & body.keys()


@pytest.mark.fast
def test_the_address_of_a_picture_can_be_chosen(world: Detached, hook: Target, page: str) -> None:
    said = world.control.write("image", page=page, url="https://example.org/cat.png")
    assert inbound(hook, said)["image"] == {"url": "https://example.org/cat.png"}


@pytest.mark.fast
def test_long_foreign_and_strange_text_arrives_as_it_was_written(world: Detached, hook: Target, page: str) -> None:
    for text in ("x" * 5000, "مرحبا, how are you? 🥐👩‍🍳", 'a "quoted"\n\\ line', "\x00\x01", "<b>&amp;</b>"):
        assert inbound(hook, world.control.write(page=page, text=text))["text"] == text


@pytest.mark.fast
@pytest.mark.parametrize(
    ("kind", "details"), [("text", {}), ("text", {"text": ""}), ("location", {"text": "x"}), ("", {"text": "x"})]
)
def test_what_nobody_can_write_is_refused_in_words(
    world: Detached, page: str, kind: str, details: dict[str, str]
) -> None:
    with pytest.raises(ServiceError, match=r"cannot be sent|can write that"):
        world.control.write(kind, page=page, **details)
    assert next(each for each in world.control.pages() if each["id"] == page)["people"] == []


@pytest.mark.fast
def test_what_is_written_to_an_unlinked_page_is_not_passed_on_and_not_later_either(
    world: Detached, program: Program, hook: Target
) -> None:
    page = world.page()
    said = world.control.write(page=page, text="is anybody there?")
    assert said["passed_on"] is False
    assert world.queued(said["message_uuid"]) == []
    world.control.link(program.token(), page)
    inbound(hook, world.control.write(page=page, text="and now?"))
    assert hook.of(said["message_uuid"]) == []


@pytest.mark.fast
def test_a_page_whose_link_was_taken_back_passes_nothing_on(world: Detached, program: Program, page: str) -> None:
    assert world.control.unlink(page) == {"page_id": page, "page": world.control.pages()[-1]["name"], "linked": False}
    assert world.control.write(page=page, text="hi")["passed_on"] is False
    answer = world.post("/v1/messages", flat(page, "1"), headers=program.headers)
    assert answer.json()["type"].endswith("#1120")


@pytest.mark.fast
def test_the_newest_page_is_meant_when_none_is_named(world: Detached, program: Program) -> None:
    page = world.page(program)
    assert world.control.write(text="hi")["page_id"] == page


# What becomes of a message


@pytest.mark.fast
def test_an_answer_to_somebody_who_wrote_is_submitted_and_then_delivered(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    psid = world.control.write(page=page, text="hi")["psid"]
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]


def outcome_of(
    world: Detached, program: Program, hook: Target, body: dict[str, Any], version: str = "v1"
) -> tuple[str, str]:
    """The last status of a message and the code of its error."""
    sent = world.send(program, body, version)
    assert hook.statuses(sent, 2)[0] == "submitted"
    last = hook.of(sent)[1].json
    error = last.get("error", {})
    return last["status"], str(error.get("title", error.get("code", "")))


@pytest.mark.fast
def test_a_psid_that_nobody_has_is_rejected_with_1300(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    assert outcome_of(world, program, hook, flat(page, "1111111111111111")) == ("rejected", "1300")


@pytest.mark.fast
def test_a_psid_of_another_page_is_rejected_with_1300(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    elsewhere = world.control.write(page=world.page(program), text="hi")["psid"]
    assert outcome_of(world, program, hook, flat(page, elsewhere)) == ("rejected", "1300")


@pytest.mark.fast
def test_a_tag_that_is_not_known_is_rejected_with_1021(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    psid = world.control.write(page=page, text="hi")["psid"]
    tagged = {"messenger": {"category": "message_tag", "tag": "SHIPPING_UPDATE"}}
    assert outcome_of(world, program, hook, flat(page, psid, **tagged)) == ("rejected", "1021")


def test_after_24_hours_only_a_human_agent_may_answer_and_after_a_week_nobody(
    world: Detached, program: Program, hook: Target
) -> None:
    page = world.page(program)
    ages = {"fresh": 24 * HOUR - 60, "a day": 24 * HOUR + 60, "a week": 7 * 24 * HOUR + 60}
    psids = {name: world.control.write(page=page, person=name, text="hi")["psid"] for name in ages}
    world.kill()
    for name, age in ages.items():
        world.table("UPDATE psids SET last_wrote = last_wrote - ? WHERE psid = ?", age, psids[name])
    world.restart()
    human = {"messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"}}
    update = {"messenger": {"category": "update"}}
    late = ("rejected", "1340")
    assert outcome_of(world, program, hook, flat(page, psids["fresh"])) == ("delivered", "")
    assert outcome_of(world, program, hook, flat(page, psids["a day"])) == late
    assert outcome_of(world, program, hook, flat(page, psids["a day"], **update)) == late
    assert outcome_of(world, program, hook, flat(page, psids["a day"], **human)) == ("delivered", "")
    assert outcome_of(world, program, hook, flat(page, psids["a week"], **human)) == late
    # Writing again opens the window again.
    world.control.write(page=page, psid=psids["a week"], text="me again")
    assert outcome_of(world, program, hook, flat(page, psids["a week"])) == ("delivered", "")


@pytest.mark.fast
def test_the_guides_shape_carries_the_code_as_a_number_and_the_reason(
    world: Detached, hook: Target, key: PrivateKey
) -> None:
    program = world.application(key, messages=webhooks(hook.url, hook.url, "v0.1"))
    page = world.page(program)
    sent = world.send(program, nested(page, "1111111111111111"), "v0.1")
    hook.statuses(sent, 2)
    assert hook.of(sent)[1].json["error"] == {"code": 1300, "reason": "Not part of the provider network"}


@pytest.mark.fast
def test_an_application_without_the_messages_capability_sends_all_the_same(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, voice=GUIDES_VOICE)
    page = world.page(program)
    psid = world.control.write(page=page, text="hi")["psid"]
    assert uuid.UUID(world.send(program, nested(page, psid), "beta"))


@pytest.mark.fast
def test_key_and_secret_speak_for_every_linked_page_and_for_no_other(world: Detached, page: str) -> None:
    world.send(None, flat(page, "1"))
    answer = world.post("/v1/messages", flat(world.page(), "1"), auth=world.basic)
    assert answer.json()["type"].endswith("#1120")


# Reading


@pytest.mark.fast
def test_read_comes_only_when_the_person_reads_and_only_once(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    psid = world.control.write(page=page, text="hi")["psid"]
    sent = world.send(program, flat(page, psid))
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]
    time.sleep(0.3)
    assert len(hook.of(sent)) == 2
    assert world.control.read(page=page) == 1
    assert world.control.read(page=page) == 0
    assert hook.statuses(sent, 3) == ["submitted", "delivered", "read"]
    assert [row["kind"] for row in world.queued(sent)] == ["submitted", "delivered", "read"]


@pytest.mark.fast
def test_read_never_overtakes_delivered_however_fast_the_person_is(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    psid = world.control.write(page=page, text="hi")["psid"]
    sent = [world.send(program, flat(page, psid)) for _ in range(5)]
    assert world.control.read(page=page, psid=psid) == 5
    for each in sent:
        assert hook.statuses(each, 3) == ["submitted", "delivered", "read"]
        times = [call.json["timestamp"] for call in hook.of(each)]
        assert times == sorted(times)


@pytest.mark.fast
def test_a_rejected_message_cannot_be_read(world: Detached, program: Program, hook: Target, page: str) -> None:
    world.control.write(page=page, text="hi")
    assert outcome_of(world, program, hook, flat(page, "2222222222222222"))[0] == "rejected"
    assert world.control.read(page=page) == 0
    assert world.control.read(psid="2222222222222222") == 0


@pytest.mark.fast
def test_a_person_reads_what_was_sent_to_them_alone(world: Detached, program: Program, page: str) -> None:
    psids = {name: world.control.write(page=page, person=name, text="hi")["psid"] for name in ("Edsger", "Barbara")}
    for psid in psids.values():
        world.send(program, flat(page, psid))
    assert world.control.read(page=page, person="nobody of this name") == 0
    assert world.control.read(page=world.page(program)) == 0
    assert world.control.read(page=page, person="Edsger") == 1
    assert world.control.read(psid=psids["Edsger"]) == 0
    assert world.control.read(psid=psids["Barbara"]) == 1


# What is remembered


def test_people_pages_links_and_messages_survive_a_kill(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    said = world.control.write(page=page, person="Linus", text="remember me")
    inbound(hook, said)
    sent = world.send(program, flat(page, said["psid"], client_ref="7"))
    hook.statuses(sent, 2)
    world.settled(sent, 2)
    before, basic = world.control.pages(), world.basic
    world.kill()
    world.restart()
    assert world.control.pages() == before
    assert world.basic == basic
    assert world.control.write(page=page, person="Linus", text="again")["psid"] == said["psid"]
    assert world.control.read(page=page, person="Linus") == 1
    assert hook.statuses(sent, 3)[2] == "read"
    kept = world.table("SELECT body FROM messages WHERE uuid IN (?, ?)", said["message_uuid"], sent)
    texts = [json.loads(row[0])["text"] for row in kept]
    assert sorted(texts) == ["hello", "remember me"]
