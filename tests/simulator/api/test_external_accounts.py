"""The External Accounts API: a Page's account at the service, and the one application that it is linked to."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from nbhelpers.auth.private_key import PrivateKey
from tests.support.simulation import GUIDES_VOICE, Detached, Program, Target, flat, webhooks

pytestmark = pytest.mark.fast

PATH = "/beta/chatapp-accounts"


@pytest.fixture(scope="module")
def program(world: Detached, hook: Target, key: PrivateKey) -> Program:
    return world.application(key, messages=webhooks(hook.url, hook.url))


@pytest.fixture
def page(world: Detached) -> str:
    return world.page()


def call(world: Detached, method: str, path: str = "", body: Any = None, **options: Any) -> requests.Response:
    options = {"auth": world.basic} | options
    return world.http.request(method, world.base_url + PATH + path, json=body, timeout=10, **options)


def create(world: Detached, page: str, **more: Any) -> requests.Response:
    return call(world, "POST", "/messenger", {"external_id": page, "access_token": token(world, page), **more})


def token(world: Detached, page: str) -> str:
    return world.control.page_token(page)


def refusal(answer: requests.Response) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["title"], answer.json()["detail"]


def test_a_page_gets_an_account_is_linked_sends_and_is_unlinked(
    world: Detached, program: Program, hook: Target, page: str
) -> None:
    made = create(world, page, name="the shop")
    assert made.status_code == 201
    account = {
        "external_id": page,
        "api_key": world.basic[0],
        "provider": "messenger",
        "access_token": token(world, page),
        "name": "the shop",
        "applications": [],
    }
    assert made.json() == account
    linked = call(world, "POST", f"/messenger/{page}/applications", {"application": program.id})
    assert (linked.status_code, linked.json()) == (200, account | {"applications": [program.id]})
    said = world.control.write(page=page, text="hi")
    assert said["passed_on"]
    sent = world.send(program, flat(page, said["psid"]))
    assert hook.statuses(sent, 2) == ["submitted", "delivered"]
    gone = call(world, "DELETE", f"/messenger/{page}/applications/{program.id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert call(world, "GET", f"/messenger/{page}").json() == account
    answer = world.post("/v1/messages", flat(page, said["psid"]), headers=program.headers)
    assert answer.json()["type"].endswith("#1120")


def test_an_account_can_be_made_with_its_application_at_once_and_by_jwt(
    world: Detached, program: Program, page: str
) -> None:
    form = {"external_id": page, "access_token": token(world, page), "applications": [program.id]}
    made = call(world, "POST", "/messenger", form, auth=None, headers=program.headers)
    assert (made.status_code, made.json()["applications"]) == (201, [program.id])
    assert made.json()["name"].startswith("Page ")


def test_a_page_without_an_application_passes_on_to_the_accounts_urls(world: Detached, hook: Target, page: str) -> None:
    create(world, page)
    world.control.change_settings(inbound_url=hook.url, status_url=hook.url, http_method="POST")
    said = world.control.write(page=page, text="hi")
    assert said["passed_on"]
    world.settled(said["message_uuid"], 1)
    assert hook.of(said["message_uuid"])[0].json["from"] == {"type": "messenger", "id": said["psid"]}
    world.send(None, flat(page, said["psid"]))
    world.control.change_settings(inbound_url="", status_url="", http_method="GET")


def test_an_application_that_there_is_not_or_of_another_type_is_a_403(
    world: Detached, other_key: PrivateKey, page: str
) -> None:
    voice = world.application(other_key, voice=GUIDES_VOICE)
    create(world, page)
    expected = (403, "Forbidden", "Cannot link application")
    for wrong in (voice.id, "no such application", "", "\ud800"):
        answer = call(world, "POST", f"/messenger/{page}/applications", {"application": wrong})
        assert refusal(answer) == expected
        assert answer.json()["type"] == "https://www.nexmo.com/messages/Errors#Forbidden"
        assert refusal(call(world, "PATCH", f"/messenger/{page}", {"applications": [wrong]})) == expected
    assert refusal(create(world, world.page(), applications=["no such application"])) == expected


def test_a_second_application_is_a_409_and_so_is_taking_back_what_is_not_linked(
    world: Detached, program: Program, key: PrivateKey, page: str
) -> None:
    create(world, page, applications=[program.id])
    second = world.application(key, messages={})
    assert create(world, page, applications=[second.id]).status_code == 409
    assert create(world, page, applications=[program.id]).status_code == 201
    answer = call(world, "POST", f"/messenger/{page}/applications", {"application": second.id})
    assert refusal(answer) == (409, "Application conflict", "Unable to link application")
    assert answer.json()["type"] == "https://www.nexmo.com/messages/Errors#Conflict"
    for wrong in (second.id, "nonsense"):
        answer = call(world, "DELETE", f"/messenger/{page}/applications/{wrong}")
        assert refusal(answer) == (409, "Application conflict", "Unable to unlink application")


def test_an_account_is_changed_and_deleted(world: Detached, program: Program, page: str) -> None:
    create(world, page)
    change = {"name": "another name", "applications": [program.id]}
    assert call(world, "PATCH", f"/messenger/{page}", change).json()["name"] == "another name"
    assert call(world, "PATCH", f"/messenger/{page}", {}).json()["applications"] == [program.id]
    assert call(world, "PATCH", f"/messenger/{page}", {"applications": []}).json()["applications"] == []
    assert call(world, "DELETE", f"/messenger/{page}").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert call(world, method, f"/messenger/{page}", {}).status_code == 404
    assert not world.control.write(page=page, text="hi")["passed_on"]


def test_a_new_access_token_brings_an_expired_link_back(world: Detached, program: Program, page: str) -> None:
    create(world, page, applications=[program.id])
    world.control.fault("page-link-expired", page=page)
    old = call(world, "GET", f"/messenger/{page}").json()["access_token"]
    assert old != token(world, page)
    answer = call(world, "PATCH", f"/messenger/{page}", {"access_token": token(world, page)})
    assert answer.json()["access_token"] == token(world, page)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"external_id": None}, ["external_id"]),
        ({"access_token": None}, ["access_token"]),
        ({"external_id": None, "access_token": None}, ["external_id", "access_token"]),
        ({"external_id": 5}, ["external_id"]),
        ({"external_id": "x" * 51}, ["external_id"]),
        ({"external_id": "no Page"}, ["external_id"]),
        ({"access_token": "EAA-wrong"}, ["access_token"]),
        ({"access_token": []}, ["access_token"]),
        ({"name": ""}, ["name"]),
        ({"applications": "x"}, ["applications"]),
        ({"applications": ["a", "b"]}, ["applications"]),
    ],
    ids=repr,
)
def test_what_cannot_be_used_is_named_in_invalid_params(
    world: Detached, page: str, change: dict[str, Any], names: list[str]
) -> None:
    answer = create(world, page, **change)
    assert answer.status_code == 400
    assert answer.json()["type"] == "https://www.nexmo.com/messages/Errors#InvalidParams"
    assert [each["name"] for each in answer.json()["invalid_params"]] == names
    assert call(world, "GET", f"/messenger/{page}").status_code == 404


def test_the_id_of_an_account_cannot_be_changed(world: Detached, page: str) -> None:
    create(world, page)
    answer = call(world, "PATCH", f"/messenger/{page}", {"external_id": "1"})
    assert answer.json()["invalid_params"] == [
        {"name": "external_id", "reason": "'external_id' parameter cannot be changed"}
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 50_000, b"9" * 10_000, b'"\\ud800"', b"null"])
@pytest.mark.parametrize("path", ["/messenger", "/messenger/{page}/applications", "/messenger/{page}"])
def test_a_body_of_any_bytes_is_a_400(world: Detached, page: str, path: str, body: bytes) -> None:
    create(world, page)
    method = "PATCH" if path.endswith("{page}") else "POST"
    url = world.base_url + PATH + path.format(page=page)
    answer = world.http.request(method, url, data=body, auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["invalid_params"][0]["name"]) == (400, "body")


def test_a_name_with_half_a_character_is_kept_without_it(world: Detached, page: str) -> None:
    body = json.dumps({"external_id": page, "access_token": token(world, page), "name": "\ud800\0x"})
    url = f"{world.base_url}{PATH}/messenger"
    answer = world.http.post(url, data=body.encode(), auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["name"]) == (201, "?\0x")


def test_the_list_comes_twenty_to_a_page_with_and_without_a_slash(world: Detached, page: str) -> None:
    create(world, page)
    whole = call(world, "GET").json()
    assert (whole["page_number"], whole["page_size"]) == (1, 20)
    assert call(world, "GET", "/").json() == whole
    create(world, world.page())
    total = len(call(world, "GET", "?page_size=100").json()["_embedded"])
    assert total >= 2
    last = call(world, "GET", f"?page_size=1&page_number={total}&provider=messenger").json()
    assert len(last["_embedded"]) == 1
    assert "next" not in last["_links"]
    assert last["_links"]["prev"]["href"].endswith(f"page_number={total - 1}&page_size=1")
    assert call(world, "GET", "?provider=whatsapp").json()["_embedded"] == []


@pytest.mark.parametrize("query", ["page_size=x", "page_size=1e3", "page_number=", "page_number=٣", "provider=pigeon"])
def test_a_list_that_cannot_be_is_a_400(world: Detached, query: str) -> None:
    answer = call(world, "GET", f"?{query}")
    assert (answer.status_code, answer.json()["invalid_params"][0]["name"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize(
    ("query", "number", "size"),
    [
        ("page_number=0", 1, 20),
        ("page_number=-7&page_size=0", 1, 1),
        ("page_size=101", 1, 100),
        (f"page_number={'9' * 4000}", 100, 20),
    ],
)
def test_a_page_that_there_is_not_is_the_nearest_as_documented_or_a_400_by_the_switch(
    world: Detached, query: str, number: int, size: int
) -> None:
    shown = call(world, "GET", f"?{query}")
    assert (shown.status_code, shown.json()["page_number"], shown.json()["page_size"]) == (200, number, size)
    world.control.switch(account_pages="400")
    refused = call(world, "GET", f"?{query}")
    world.control.switch(account_pages="nearest")
    assert (refused.status_code, refused.json()["type"].rpartition("#")[2]) == (400, "InvalidParams")


def test_nobody_without_credentials_sees_or_changes_an_account(world: Detached, page: str) -> None:
    create(world, page)
    for method, path in (
        ("GET", ""),
        ("POST", "/messenger"),
        ("GET", f"/messenger/{page}"),
        ("DELETE", f"/messenger/{page}"),
    ):
        for options in ({"auth": None}, {"auth": ("x", "y")}):
            answer = call(world, method, path, **options)
            assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorised")
    assert call(world, "GET", "/ping", auth=None).status_code == 200


@pytest.mark.parametrize("provider", ["messenger", "whatsapp", "pigeon"])
def test_an_account_that_there_is_not_is_linked_and_unlinked_as_documented_or_a_404_by_the_switch(
    world: Detached, program: Program, page: str, provider: str
) -> None:
    if provider != "messenger":  # other providers have no accounts here
        create(world, page)
    path = f"/{provider}/{page}/applications"

    def answers() -> list[tuple[int, str, str]]:
        linked = call(world, "POST", path, {"application": program.id})
        return [refusal(linked), refusal(call(world, "DELETE", f"{path}/{program.id}"))]

    assert answers() == [
        (403, "Forbidden", "Cannot link application"),
        (409, "Application conflict", "Unable to unlink application"),
    ]
    world.control.switch(unknown_account="404")
    undocumented = answers()
    world.control.switch(unknown_account="403 and 409")
    assert undocumented == [(404, "Not Found", f"There is no account of {page}")] * 2


@pytest.mark.thorough
def test_accounts_survive_a_kill(world: Detached, program: Program, page: str) -> None:
    create(world, page, applications=[program.id], name="kept")
    before = call(world, "GET", f"/messenger/{page}").json()
    world.kill()
    world.restart()
    assert call(world, "GET", f"/messenger/{page}").json() == before
