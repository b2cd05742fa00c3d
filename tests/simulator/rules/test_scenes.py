"""People who write: several at once, every kind of message, other scripts, fifty without a pause."""

from __future__ import annotations

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import KitError, ServiceError
from nbhelpers.simulator.rules.scenes import SCENES, lines_of
from tests.conftest import wait_until
from tests.support.simulation import Detached, Program, Target, webhooks


@pytest.fixture
def page(world: Detached, hook: Target, key: PrivateKey) -> str:
    program: Program = world.application(key, messages=webhooks(hook.url, hook.url))
    return world.page(program)


def arrived(world: Detached, hook: Target, page: str, scene: str) -> list[dict[str, str]]:
    """The webhooks of a scene, in the order in which people wrote."""
    uuids = [said["message_uuid"] for said in world.control.play(scene, page)]
    wait_until(lambda: all(hook.of(uuid) for uuid in uuids), 20, f"the {len(uuids)} messages of {scene}")
    return [hook.of(uuid)[0].json for uuid in uuids]


@pytest.mark.fast
def test_several_people_have_a_psid_each_and_the_same_one_again(world: Detached, hook: Target, page: str) -> None:
    came = arrived(world, hook, page, "several")
    people = [line.person for line in lines_of("several")]
    psids = dict(zip(people, (each["from"] for each in came), strict=True))
    assert len(set(psids.values())) == 5
    assert [each["from"] for each in came] == [psids[person] for person in people]
    other = world.page()
    elsewhere = {said["psid"] for said in world.control.play("several", other)}
    assert not elsewhere & set(psids.values())


@pytest.mark.fast
def test_every_kind_of_message_comes_and_stickers_and_likes_are_unsupported(
    world: Detached, hook: Target, page: str
) -> None:
    came = arrived(world, hook, page, "media")
    kinds = [each["message_type"] for each in came]
    assert kinds == ["image", "audio", "video", "file", "unsupported", "unsupported"]
    assert all(each[kind]["url"].startswith("https://") for each, kind in zip(came[:4], kinds, strict=False))


@pytest.mark.fast
def test_other_scripts_emoji_and_long_texts_arrive_as_they_were_written(
    world: Detached, hook: Target, page: str
) -> None:
    came = arrived(world, hook, page, "languages")
    assert [each["text"] for each in came] == [line.text for line in lines_of("languages")]
    assert "👩🏽‍🍳" in came[2]["text"]
    assert len(came[3]["text"]) > 1500


def test_a_chatty_person_writes_fifty_messages_and_each_comes_once(world: Detached, hook: Target, page: str) -> None:
    came = arrived(world, hook, page, "chatty")
    assert [each["text"] for each in came] == [f"Message {number} of 50" for number in range(1, 51)]
    assert len({each["from"] for each in came}) == 1


@pytest.mark.fast
def test_the_scenes_say_what_happens_and_one_that_there_is_not_is_refused(world: Detached) -> None:
    assert world.control.scenes() == SCENES
    with pytest.raises(ServiceError, match=r"There is no such scene. You named “riot”. There are several, media"):
        world.control.play("riot")
    with pytest.raises(KitError, match="There is no such scene"):
        list(lines_of("riot"))
