"""What people do on screens: each with its control, in words when it cannot be, and no token where none belongs."""

from __future__ import annotations

import pytest

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.errors import ServiceError
from tests.support.simulation import Detached, Program

pytestmark = pytest.mark.fast


def test_a_field_that_there_is_not_is_refused_with_those_that_there_are(world: Detached) -> None:
    token = world.control._session.headers["X-Simulator-Token"]
    url, headers = f"{world.base_url}/_simulator/settings", {"X-Simulator-Token": token}
    answer = world.http.put(url, json={"inbond_url": "https://example.com"}, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert answer.json()["next"] == "Known: inbound_url, status_url, http_method, shape, balance."


def test_pages_are_shown_without_their_tokens_and_the_token_is_given_to_who_asks(
    world: Detached, key: PrivateKey
) -> None:
    program = world.application(key, messages={})
    page = world.page(program)
    token = world.control.page_token(page)
    assert token.startswith("EAA")
    shown = next(each for each in world.control.pages() if each["id"] == page)
    assert token not in str(shown)
    assert "linked" in shown
    assert world.control.page_token() == token  # by default the newest Page's


def test_linking_again_gives_out_another_token(world: Detached, key: PrivateKey) -> None:
    program: Program = world.application(key, messages={})
    page = world.page(program)
    before = world.control.page_token(page)
    world.control.link(program.token(), page)
    assert world.control.page_token(page) != before


@pytest.mark.parametrize("call", ["page_token", "unlink"])
def test_a_page_that_there_is_not_is_named(world: Detached, call: str) -> None:
    with pytest.raises(ServiceError, match=r"There is no such Page. You named no such"):
        getattr(world.control, call)("no such")


def test_a_page_that_is_not_published_cannot_be_linked(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages={})
    page = world.page()
    world.control.publish(page, False)
    with pytest.raises(ServiceError, match=r"This Page cannot be linked. “Page .*” is not published. Publish it first"):
        world.control.link(program.token(), page)
    shown = world.http.post(
        f"{world.base_url}/_simulator/link",
        data={"jwt": program.token(), "page": page},
        headers={"Accept": "text/html"},
        timeout=10,
    )
    assert (shown.status_code, "is not published" in shown.text) == (400, True)
    world.control.publish(page, True)
    assert world.control.link(program.token(), page)["linked"]


def test_no_page_is_named_like_the_id_of_another(world: Detached) -> None:
    page = world.page()
    with pytest.raises(ServiceError, match="is the ID of another"):
        world.control.create_page(page)


def test_credit_is_ok_or_low_and_nothing_else(world: Detached) -> None:
    assert world.control.change_settings(balance="low")["balance"] == "low"
    with pytest.raises(ServiceError, match="Use ok or low"):
        world.control.change_settings(balance="10.17")
    assert world.control.change_settings(balance="ok")["balance"] == "ok"
