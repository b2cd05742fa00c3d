"""Registering a program: the two kinds of application, the key that is handed out once, and the service's errors."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.errors import ServiceError
from tests.support.simulation import GUIDES_VOICE, Detached, Program, flat, webhooks

pytestmark = pytest.mark.fast

PATH = "/v2/applications"


def form(**more: Any) -> dict[str, Any]:
    return {"name": "My program", **more}


def create(world: Detached, body: Any) -> dict[str, Any]:
    answer = world.post(PATH, body, auth=world.basic)
    assert answer.status_code == 201, answer.text
    return answer.json()


def names_of(world: Detached, body: Any) -> list[str]:
    """The parameters that a 400 names."""
    answer = world.post(PATH, body, auth=world.basic)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"].endswith("api-errors/application#payload-validation")
    assert answer.json()["instance"] == answer.headers["x-nexmo-trace-id"]
    return [parameter["name"] for parameter in answer.json()["invalid_parameters"]]


def can_send(world: Detached, program: Program) -> bool:
    page = world.page(program)
    psid = world.control.write(page=page, text="hi")["psid"]
    return world.post("/v1/messages", flat(page, psid), headers=program.headers).status_code == 202


@pytest.mark.parametrize(
    "capabilities",
    [{"voice": GUIDES_VOICE}, {"messages": webhooks("https://example.com/in", "https://example.com/status")}],
    ids=["voice", "messages"],
)
def test_an_application_gets_a_key_that_speaks_for_it(world: Detached, capabilities: dict[str, Any]) -> None:
    made = create(world, form(capabilities=capabilities))
    assert str(uuid.UUID(made["id"])) == made["id"]
    assert made["name"] == "My program"
    assert made["capabilities"] == capabilities
    assert made["privacy"] == {"improve_ai": True}
    assert made["_links"] == {"self": {"href": f"{PATH}/{made['id']}"}}
    assert made["keys"]["private_key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    key = load_key(made["keys"]["private_key"])
    assert key.fits(made["keys"]["public_key"])
    assert can_send(world, Program(made["id"], key))


def test_only_a_name_is_required(world: Detached) -> None:
    made = create(world, form())
    assert (made["capabilities"], made["privacy"]) == ({}, {"improve_ai": True})
    assert create(world, form(privacy={"improve_ai": False}))["privacy"] == {"improve_ai": False}


def test_the_private_key_is_in_the_201_and_nowhere_afterwards(world: Detached) -> None:
    made = create(world, form(name="shown once"))
    private = made["keys"].pop("private_key")
    shown = world.http.get(f"{world.base_url}{PATH}/{made['id']}", auth=world.basic, timeout=10)
    assert shown.json() == made
    listed = world.http.get(world.base_url + PATH, auth=world.basic, timeout=10)
    assert made in listed.json()["_embedded"]["applications"]
    assert listed.json()["total_items"] == len(listed.json()["_embedded"]["applications"])
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    assert any(path.name == "simulator.sqlite3-wal" for path in files)  # so the newest writes are looked at too
    secret = "".join(private.splitlines()[1:-1])
    for path in files:
        data = path.read_bytes()
        assert b"PRIVATE KEY" not in data, path
        assert secret[200:240].encode() not in data.replace(b"\n", b""), path
        assert base64.b64decode(secret)[200:240] not in data, path
    assert "PRIVATE KEY" not in shown.text + listed.text


def test_no_two_applications_share_a_key(world: Detached) -> None:
    assert create(world, form())["keys"]["public_key"] != create(world, form())["keys"]["public_key"]


def test_ones_own_public_key_is_taken_and_no_private_key_is_made(world: Detached, key: PrivateKey) -> None:
    for pem in (key.public_pem, f"\n  {key.public_pem.strip()}  \n", key.public_pem.replace("\n", "\r\n")):
        made = create(world, form(keys={"public_key": pem}))
        assert list(made["keys"]) == ["public_key"]
        assert made["keys"]["public_key"] == pem.strip() + "\n"
        assert can_send(world, Program(made["id"], key))


def test_an_own_key_in_the_form_of_PKCS1_is_taken_too(world: Detached, key: PrivateKey) -> None:  # noqa: N802
    pem = key.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()
    assert can_send(world, Program(create(world, form(keys={"public_key": pem}))["id"], key))


@pytest.mark.parametrize("kind", ["private", "elliptic", "text", "half", "number"])
def test_what_is_no_rsa_public_key_is_refused(world: Detached, key: PrivateKey, kind: str) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = {
        "private": key.pem(),
        "elliptic": curve.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode(),
        "text": "my key",
        "half": key.public_pem[:200],
        "number": 7,
    }[kind]
    assert names_of(world, form(keys={"public_key": public})) == ["keys.public_key"]
    if kind == "private":
        assert b"PRIVATE KEY" not in b"".join(path.read_bytes() for path in world.folder.glob("simulator.sqlite3*"))


def test_a_key_of_null_counts_as_left_out_as_the_PHP_SDK_sends_it_or_is_refused_by_the_switch(  # noqa: N802
    world: Detached,
) -> None:
    null = form(keys={"public_key": None})
    made = create(world, null)
    assert set(made["keys"]) == {"public_key", "private_key"}
    changed = world.http.put(f"{world.base_url}{PATH}/{made['id']}", json=null, auth=world.basic, timeout=10)
    assert changed.json()["keys"]["public_key"] == made["keys"]["public_key"]
    world.control.switch(null_key="refused")
    names = names_of(world, null)
    world.control.switch(null_key="left out")
    assert names == ["keys.public_key"]


def test_a_key_too_short_for_RS256_makes_no_5xx(world: Detached) -> None:  # noqa: N802
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    program = Program("", PrivateKey(short, "short"))
    answer = world.post(PATH, form(keys={"public_key": program.key.public_pem}), auth=world.basic)
    assert answer.status_code in (201, 400)


ADDRESS = {"address": "https://example.com/x"}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (form(name=""), ["name"]),
        (form(name="  "), ["name"]),
        (form(name=None), ["name"]),
        *((form(**{name: None}), [name]) for name in ("capabilities", "keys", "privacy")),
        (form(name=7), ["name"]),
        ({}, ["name"]),
        ([], ["body"]),
        (b"{", ["body"]),
        (b"\xff", ["body"]),
        (b"", ["body"]),
        (b'{"name": NaN}', ["body"]),
        (b"[" * 50_000, ["body"]),
        (form(capabilities=[], keys="x", privacy=7), ["capabilities", "keys", "privacy"]),
        (form(capabilities={"messages": None}), ["capabilities.messages"]),
        (form(capabilities={"messages": {"webhooks": None}}), ["capabilities.messages.webhooks"]),
        (
            form(capabilities={"messages": {"webhooks": {"inbound_url": None}}}),
            ["capabilities.messages.webhooks.inbound_url.address"],
        ),
        (
            form(capabilities={"messages": {"webhooks": {"inbound_url": "https://example.com"}}}),
            ["capabilities.messages.webhooks.inbound_url.address"],
        ),
        (
            form(capabilities={"messages": {"webhooks": {"status_url": {"address": "example.com/x"}}}}),
            ["capabilities.messages.webhooks.status_url.address"],
        ),
        (
            form(capabilities={"messages": {"webhooks": {"status_url": ADDRESS | {"http_method": "GET"}}}}),
            ["capabilities.messages.webhooks.status_url.http_method"],
        ),
        (
            form(capabilities={"voice": {"webhooks": {"answer_url": {"address": 7}}}}),
            ["capabilities.voice.webhooks.answer_url.address"],
        ),
        (form(capabilities={"messages": {"version": "v2"}}), ["capabilities.messages.version"]),
        (form(capabilities={"rtc": {"a": json.loads("[" * 30 + "]" * 30)}}), ["capabilities"]),
        (form(capabilities={"rtc": {"a": "\ud800"}}), ["capabilities"]),
        (b'{"name": "x", "capabilities": {"rtc": {"a": 1e999}}}', ["capabilities"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_bad_field_is_named_in_a_400(world: Detached, body: Any, names: list[str]) -> None:
    assert names_of(world, body) == names


def test_a_messages_webhook_is_POST_alone_whether_it_is_said_or_not(world: Detached) -> None:  # noqa: N802
    for webhook in (ADDRESS, ADDRESS | {"http_method": "POST"}):
        create(world, form(capabilities={"messages": {"webhooks": {"inbound_url": webhook}}}))


def test_a_name_may_hold_anything(world: Detached) -> None:
    for name in ("Зимняя 🥐", "x' OR 1=1 --", "\x00", "a" * 1000):
        made = create(world, form(name=name))
        shown = world.http.get(f"{world.base_url}{PATH}/{made['id']}", auth=world.basic, timeout=10)
        assert shown.json()["name"] == name
    assert create(world, form(name="\ud800"))["name"] == "?"


@pytest.mark.parametrize("credentials_given", ["none", "wrong secret", "a token"])
def test_wrong_credentials_get_the_applications_apis_own_401(
    world: Detached, key: PrivateKey, credentials_given: str
) -> None:
    options: dict[str, Any] = {
        "none": {},
        "wrong secret": {"auth": (world.basic[0], "wrong")},
        "a token": {"headers": world.application(key).headers},
    }[credentials_given]
    base = world.base_url + PATH
    for answer in (
        world.http.post(base, json=form(), timeout=10, **options),
        world.http.get(base, timeout=10, **options),
        world.http.get(f"{base}/{uuid.uuid4()}", timeout=10, **options),
    ):
        assert answer.status_code == 401
        assert answer.json()["title"] == "Invalid credentials supplied"
        assert answer.json()["detail"] == "You did not provide correct credentials."
        assert answer.json()["type"].endswith("#unauthorized")


@pytest.mark.parametrize("name", ["ABC123", "00000000-0000-0000-0000-000000000000", "%00", "%ED%A0%80", "%F0%9F%A5%90"])
def test_an_unknown_id_is_a_404_that_says_it(world: Detached, name: str) -> None:
    answer = world.http.get(f"{world.base_url}{PATH}/{name}", auth=world.basic, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("does not exist, or you do not have access")
    if name == "ABC123":
        assert answer.json()["detail"] == "ID 'ABC123' does not exist, or you do not have access"


def test_another_verb_is_a_405(world: Detached) -> None:
    for method, path in (("DELETE", PATH), ("PUT", PATH), ("PATCH", f"{PATH}/x"), ("POST", f"{PATH}/x")):
        answer = world.http.request(method, world.base_url + path, auth=world.basic, timeout=10)
        assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (405, "wrong-verb")
        assert answer.json()["detail"] == f"Request method '{method}' not supported"


def test_a_405_says_which_verbs_there_are(world: Detached) -> None:
    for path, methods in ((PATH, "GET, HEAD, POST"), (f"{PATH}/x", "DELETE, GET, HEAD, PUT")):
        for verb in ("TRACE", "PATCH", "PURGE"):
            answer = world.http.request(verb, world.base_url + path, timeout=10)
            assert (answer.status_code, answer.headers["allow"]) == (405, methods)
    screen = world.http.request("TRACE", f"{world.base_url}/_simulator/pace", timeout=10)
    assert (screen.status_code, screen.headers["allow"]) == (405, "GET, HEAD, PUT")


@pytest.mark.thorough
def test_an_application_keeps_its_key_over_a_kill(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages={"version": "v1"})
    world.kill()
    world.restart()
    assert can_send(world, program)


# Change, list, delete


def put(world: Detached, name: str, body: Any, **options: Any) -> requests.Response:
    return world.http.put(f"{world.base_url}{PATH}/{name}", json=body, timeout=10, **({"auth": world.basic} | options))


def test_a_change_replaces_everything_but_the_key(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, voice=GUIDES_VOICE)
    change = form(capabilities={"messages": webhooks("https://example.com/in")}, privacy={"improve_ai": False})
    answer = put(world, program.id, change)
    assert answer.status_code == 200
    assert answer.json() == world.http.get(f"{world.base_url}{PATH}/{program.id}", auth=world.basic, timeout=10).json()
    assert (answer.json()["name"], list(answer.json()["capabilities"])) == ("My program", ["messages"])
    assert answer.json()["privacy"] == {"improve_ai": False}
    assert answer.json()["keys"] == {"public_key": key.public_pem}
    assert can_send(world, program)
    assert put(world, program.id, form()).json()["capabilities"] == {}


def test_another_public_key_makes_the_old_private_key_a_401(
    world: Detached, key: PrivateKey, other_key: PrivateKey
) -> None:
    program = world.application(key, messages={})
    assert put(world, program.id, form(keys={"public_key": other_key.public_pem})).status_code == 200
    answer = world.post("/v1/messages", b"{}", headers=program.headers)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid Token")
    assert world.post("/v1/messages", b"{}", headers=Program(program.id, other_key).headers).status_code == 422


@pytest.mark.parametrize("save", [True, False])
def test_a_regenerated_pair_is_good_only_when_it_was_saved(world: Detached, key: PrivateKey, save: bool) -> None:
    program = world.application(key, messages={})
    new = Program(program.id, load_key(world.control.regenerate_keys(program.id, save)))
    statuses = [world.post("/v1/messages", b"{}", headers=each.headers).status_code for each in (program, new)]
    assert statuses == ([401, 422] if save else [422, 401])


def test_no_pair_is_made_for_an_application_that_there_is_not(world: Detached) -> None:
    with pytest.raises(ServiceError, match=r"There is no such application. You named nothing"):
        world.control.regenerate_keys("nothing")


WRONG = [{"privacy": {"improve_ai": "false"}}, {"capabilities": {"messages": {"authenticate_inbound_media": "yes"}}}]


@pytest.mark.parametrize("change", WRONG)
def test_what_is_true_or_false_is_nothing_else(world: Detached, change: dict[str, Any]) -> None:
    assert len(names_of(world, form(**change))) == 1


def test_the_voice_webhooks_know_two_methods(world: Detached) -> None:
    webhook = {"answer_url": {"address": "https://example.com/answer", "http_method": "DELETE"}}
    names = names_of(world, form(capabilities={"voice": {"webhooks": webhook}}))
    assert names == ["capabilities.voice.webhooks.answer_url.http_method"]


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"name": "x", "keys": {"public_key": "no"}}, [], None])
def test_a_change_that_cannot_be_is_a_400_and_changes_nothing(world: Detached, key: PrivateKey, body: Any) -> None:
    program = world.application(key, messages={})
    answer = put(world, program.id, body)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (400, "payload-validation")
    assert can_send(world, program)


def test_a_deleted_application_is_gone_with_its_tokens_and_its_link(world: Detached, key: PrivateKey) -> None:
    program = world.application(key, messages={})
    page = world.page(program)
    url = f"{world.base_url}{PATH}/{program.id}"
    answer = world.http.delete(url, auth=world.basic, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "PUT", "DELETE"):
        assert world.http.request(method, url, json=form(), auth=world.basic, timeout=10).status_code == 404
    assert world.post("/v1/messages", b"{}", headers=program.headers).status_code == 401
    assert next(each for each in world.control.pages() if each["id"] == page)["application_id"] is None


@pytest.mark.thorough
def test_changes_survive_a_kill(world: Detached, key: PrivateKey) -> None:
    kept, gone = world.application(key, messages={}), world.application(key, messages={})
    put(world, kept.id, form(name="another name"))
    world.http.delete(f"{world.base_url}{PATH}/{gone.id}", auth=world.basic, timeout=10)
    world.kill()
    world.restart()
    shown = world.http.get(f"{world.base_url}{PATH}/{kept.id}", auth=world.basic, timeout=10)
    assert shown.json()["name"] == "another name"
    assert world.http.get(f"{world.base_url}{PATH}/{gone.id}", auth=world.basic, timeout=10).status_code == 404


def test_the_list_comes_in_pages_with_links(world: Detached, key: PrivateKey) -> None:
    for _ in range(3):
        world.application(key)

    def listed(query: str = "") -> dict[str, Any]:
        answer = world.http.get(f"{world.base_url}{PATH}{query}", auth=world.basic, timeout=10)
        assert answer.status_code == 200
        return answer.json()

    total = listed()["total_items"]
    assert listed()["page_size"] == 10
    assert len(listed("?page_size=100")["_embedded"]["applications"]) == min(total, 100)
    two = listed("?page_size=1&page=2")
    assert (two["page"], two["total_pages"], len(two["_embedded"]["applications"])) == (2, total, 1)
    assert set(two["_links"]) == ({"self", "first", "last", "prev"} | ({"next"} if total > 2 else set()))
    beyond = listed(f"?page={total + 1}")
    assert beyond["_embedded"] == {"applications": []}


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=101", "page_size=-1", "page=%00", "page_size="])
def test_a_list_that_cannot_be_is_a_400(world: Detached, query: str) -> None:
    answer = world.http.get(f"{world.base_url}{PATH}?{query}", auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (400, "list-validation")
    assert answer.json()["invalid_parameters"][0]["name"] == query.partition("=")[0]


def test_other_types_than_json_are_a_406_or_a_415(world: Detached, key: PrivateKey) -> None:
    url = world.base_url + PATH
    answer = world.http.get(url, headers={"Accept": "text/html"}, auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (406, "accept-header")
    answer = world.http.post(url, data={"name": "x"}, auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (415, "content-type-header")
    for accept in ("*/*", "application/json, text/plain, */*", "application/hal+json"):
        assert world.http.get(url, headers={"Accept": accept}, auth=world.basic, timeout=10).status_code == 200
