"""The service's paths: credit, rate, two ways of authentication, PATCH, and the account settings API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.simulator.storage.switches import DEFAULTS
from tests.support.simulation import Detached, Program, Target, flat, nested, target

pytestmark = pytest.mark.fast

SETTINGS = "/account/settings"


@pytest.fixture(scope="module")
def program(world: Detached, key: PrivateKey) -> Program:
    return world.application(key, messages={"version": "v1"})


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


@pytest.fixture(autouse=True)
def as_it_comes(world: Detached) -> Iterator[None]:
    yield
    world.control.switch(**DEFAULTS)
    world.control.change_settings(balance="ok", inbound_url="", status_url="")


# Credit and rate


@pytest.mark.parametrize(("version", "status", "title"), [("v1", 402, "Low balance"), ("v0.1", 400, "Bad Request")])
def test_without_credit_nothing_is_looked_at_but_who_calls(
    world: Detached, program: Program, page: str, version: str, status: int, title: str
) -> None:
    world.control.change_settings(balance="low")
    for body in (flat(page, "1"), b"", b"{"):
        answer = world.post(f"/{version}/messages", body, headers=program.headers)
        assert (answer.status_code, answer.json()["title"]) == (status, title)
        assert answer.json()["type"] == "https://developer.vonage.com/api-errors#low-balance"
        assert answer.json()["instance"] == answer.headers["x-nexmo-trace-id"]
    assert world.post(f"/{version}/messages", b"").status_code == 401


def test_who_sends_too_fast_gets_a_429_until_the_second_is_over(world: Detached, program: Program, page: str) -> None:
    world.control.switch(rate_limit="1")
    bodies = {"v1": flat(page, "1"), "v0.1": nested(page, "1")}
    world.send(program, bodies["v1"])
    for version, body in bodies.items():
        for fragment in ("1000", "1010"):
            world.control.switch(rate_limit_fragment=fragment)
            answer = world.post(f"/{version}/messages", body, headers=program.headers)
            assert (answer.status_code, answer.json()["title"]) == (429, "Rate Limit Hit")
            assert answer.json()["type"].endswith(f"/messages#{fragment}")
    world.send(None, bodies["v1"])  # another caller has a second of its own
    time.sleep(1.05)
    world.send(program, bodies["v0.1"], "v0.1")


# Who calls


def test_two_ways_of_authentication_at_once_are_a_401(world: Detached, program: Program, page: str) -> None:
    bearer = program.headers["Authorization"]
    basic = requests.Request("POST", "http://x", auth=world.basic).prepare().headers["Authorization"]
    for pair in ((bearer, basic), (basic, bearer), (bearer, bearer)):
        assert world_answer_to_two(world, pair) == 401
    query = f"?api_key={world.basic[0]}&api_secret={world.basic[1]}"
    answer = world.post(f"/v1/messages{query}", flat(page, "1"), headers=program.headers)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthorised")
    for path, verb in (("/v2/applications", "GET"), ("/beta/chatapp-accounts", "GET"), (SETTINGS, "POST")):
        for pair in ((basic, bearer), (basic, basic)):
            assert world_answer_to_two(world, pair, verb, path) == 401
    form = {"api_key": "x", "api_secret": "y"}
    assert world.http.post(world.base_url + SETTINGS, data=form, auth=world.basic, timeout=10).status_code == 401


def world_answer_to_two(world: Detached, pair: tuple[str, str], verb: str = "POST", path: str = "/v1/messages") -> int:
    """The status for a request with two Authorization headers, which requests cannot send."""
    import http.client

    host = world.base_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.putrequest(verb, path)
    for value in pair:
        connection.putheader("Authorization", value)
    connection.putheader("Content-Length", "2")
    connection.endheaders(b"{}")
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_401_of_the_specification_is_a_switch_and_concerns_v1_alone(world: Detached) -> None:
    wrong = {"Authorization": "Bearer a.b.c"}
    live = world.post("/v1/messages", b"{}", headers=wrong).json()
    assert (live["title"], live["detail"]) == ("Unauthorised", "Invalid Token")
    assert "type" not in live
    world.control.switch(unauthorised="specification")
    documented = world.post("/v1/messages", b"{}", headers=wrong)
    assert documented.json()["type"] == "https://developer.vonage.com/api-errors/#unathorized"
    assert documented.json()["title"] == "You did not provide correct credentials."
    assert world.post("/v0.1/messages", b"{}", headers=wrong).json()["title"] == "Unauthorised"


def status_of(world: Detached, program: Program, **claims: Any) -> int:
    headers = {"Authorization": f"Bearer {program.token(**claims)}"}
    return world.post("/v1/messages", b"{}", headers=headers).status_code


def test_the_clock_the_jti_and_the_nbf_are_judged_as_the_switches_say(world: Detached, program: Program) -> None:
    now, good, bad = int(time.time()), 422, 401
    assert status_of(world, program, iat=now + 30) == good
    assert status_of(world, program, iat=now + 200) == bad
    world.control.switch(clock_skew="300")
    assert status_of(world, program, iat=now + 200) == good
    world.control.switch(clock_skew="0")
    assert status_of(world, program, iat=now + 30) == bad
    world.control.switch(clock_skew="60")

    assert status_of(world, program, jti=None) == bad
    world.control.switch(jti="not needed")
    assert status_of(world, program, jti=None) == good
    world.control.switch(jti="new")
    assert [status_of(world, program, jti="once") for _ in range(2)] == [good, bad]
    assert status_of(world, program, jti=None) == bad
    world.control.switch(jti="needed")
    assert [status_of(world, program, jti="once") for _ in range(2)] == [good, good]

    assert status_of(world, program, nbf=now - 10) == good
    assert status_of(world, program, nbf=now + 600) == bad
    world.control.switch(nbf="ignored")
    assert status_of(world, program, nbf=now + 600) == good
    world.control.switch(nbf="refused")
    assert status_of(world, program, nbf=now - 10) == bad
    assert status_of(world, program) == good


def test_times_in_milliseconds_are_not_taken_for_seconds(world: Detached, program: Program) -> None:
    milliseconds = int(time.time() * 1000)
    assert status_of(world, program, iat=milliseconds, exp=milliseconds + 900_000) == 401
    assert status_of(world, program, iat=milliseconds, exp=None) == 401
    # An exp in milliseconds is a day far off: where that is taken, the 24 hours after iat end the token all the same.
    assert status_of(world, program, exp=milliseconds + 900_000) == 401
    world.control.switch(long_exp="taken")
    assert status_of(world, program, exp=milliseconds + 900_000) == 422
    assert status_of(world, program, iat=int(time.time()) - 86_500, exp=milliseconds) == 401


def test_an_exp_beyond_24_hours_is_refused_or_taken_until_they_are_over(world: Detached, program: Program) -> None:
    now, day, good, bad = int(time.time()), 86_400, 422, 401
    offers = [(now, now + day), (now, now + day + 0.9), (now - day // 2, now + day // 2), (now, None)]
    beyond = [(now, now + day + 2), (now, now + 2 * day), (now - day // 2, now + day // 2 + 2)]
    assert {status_of(world, program, iat=iat, exp=exp) for iat, exp in offers} == {good}
    assert {status_of(world, program, iat=iat, exp=exp) for iat, exp in beyond} == {bad}
    world.control.switch(long_exp="taken")
    assert {status_of(world, program, iat=iat, exp=exp) for iat, exp in [*offers, *beyond]} == {good}
    assert status_of(world, program, iat=now - day - 60, exp=now + day) == bad


def test_the_kind_of_a_422_is_a_switch_and_concerns_no_other_error(world: Detached, program: Program) -> None:
    problem, plain = "application/problem+json", "application/json"
    asked = {
        "fields": lambda: world.post("/v1/messages", b"{}", headers=program.headers),
        "JSON": lambda: world.post("/v1/messages", b"{", headers=program.headers),
        "sender": lambda: world.post("/v1/messages", flat(world.page(), "1"), headers=program.headers),
        "v0.1": lambda: world.post("/v0.1/messages", b"{}", headers=program.headers),
        "token": lambda: world.post("/v1/messages", b"{}", headers={"Authorization": "Bearer a.b.c"}),
    }
    kinds = {name: (ask().status_code, ask().headers["content-type"]) for name, ask in asked.items()}
    assert kinds == {
        "fields": (422, problem),
        "JSON": (422, problem),
        "sender": (422, problem),
        "v0.1": (400, problem),
        "token": (401, problem),
    }
    before = asked["fields"]().json()
    world.control.switch(problem_type=plain)
    assert {name: ask().headers["content-type"] for name, ask in asked.items()} == {
        "fields": plain,
        "JSON": plain,
        "sender": plain,
        "v0.1": problem,
        "token": problem,
    }
    after = asked["fields"]().json()
    assert before | {"instance": None} == after | {"instance": None}


def test_a_token_that_ends_before_it_begins_is_none(world: Detached, program: Program) -> None:
    now = int(time.time())
    assert status_of(world, program, iat=now + 50, exp=now + 20) == 401
    assert status_of(world, program, iat=now, exp=now + 86_400) == 422


def test_the_header_of_a_token_says_jwt_unless_the_switch_says_it_need_not(world: Detached, program: Program) -> None:
    now = int(time.time())
    claims = {"application_id": program.id, "iat": now, "jti": "x", "exp": now + 900}
    for typ, status in ((None, 401), ("FOO", 401), ("JWT", 422)):
        token = jwt.encode(claims, program.key.key, "RS256", headers={"typ": typ})
        headers = {"Authorization": f"Bearer {token}"}
        assert world.post("/v1/messages", b"{}", headers=headers).status_code == status
    world.control.switch(typ="not needed")
    token = jwt.encode(claims, program.key.key, "RS256", headers={"typ": None})
    assert world.post("/v1/messages", b"{}", headers={"Authorization": f"Bearer {token}"}).status_code == 422


# The envelope


def test_a_question_mark_at_the_end_any_order_unknown_fields_and_any_content_type_are_taken(
    world: Detached, program: Program, page: str
) -> None:
    body = dict(reversed(flat(page, "1", caption="x", image=None, ttl=90).items()))
    kinds = (None, "text/plain", "application/x-www-form-urlencoded", "application/vnd.api+json", "nonsense;;;")
    for kind in kinds:
        headers = program.headers | ({"Content-Type": kind} if kind else {})
        assert world.post("/v1/messages?", body, headers=headers).status_code == 202, kind


def test_the_body_of_the_other_version_gets_the_error_of_this_one(world: Detached, program: Program, page: str) -> None:
    old_at_new = world.post("/v1/messages", nested(page, "1"), headers=program.headers)
    assert (old_at_new.status_code, old_at_new.json()["type"].rpartition("#")[2]) == (422, "1150")
    assert [each["name"] for each in old_at_new.json()["invalid_parameters"]] == ["channel", "message_type"]
    for version in ("beta", "v0.1"):
        new_at_old = world.post(f"/{version}/messages", flat(page, "1"), headers=program.headers)
        assert (new_at_old.status_code, new_at_old.json()["title"]) == (
            400,
            "Your request parameters didn't validate.",
        )
        assert [each["name"] for each in new_at_old.json()["invalid_parameters"]] == ["from", "to", "message"]


def test_a_message_can_be_patched_on_no_channel_that_is_simulated(world: Detached, program: Program, page: str) -> None:
    sent = world.send(program, flat(page, "1"))

    def patch(name: str, **options: Any) -> requests.Response:
        url = f"{world.base_url}/v1/messages/{name}"
        return world.http.patch(url, json={"status": "read"}, timeout=10, **options)

    assert patch(sent).status_code == 401
    unknown = patch("unknown-message-id", headers=program.headers)
    assert unknown.status_code == 404
    assert unknown.json()["detail"] == "Message with ID unknown-message-id not found"
    assert unknown.json()["type"].endswith("#not-found")
    assert patch(sent, headers=program.headers).status_code == 422
    assert patch("%00%ff", headers=program.headers).status_code == 404


def test_what_the_gateway_puts_on_every_answer_is_there(world: Detached, program: Program, page: str) -> None:
    sent = world.post("/v1/messages", flat(page, "1"), headers=program.headers)
    for answer in (sent, world.post("/v1/nothing", b""), world.http.get(f"{world.base_url}/v1/messages", timeout=9)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.headers["x-nexmo-trace-id"]) == 32


# Account settings


def test_the_two_urls_are_set_kept_and_unset(world: Detached) -> None:
    form = {"moCallBackUrl": "https://example.com/in", "drCallBackUrl": "https://example.com/status"}
    answer = world.http.post(world.base_url + SETTINGS, data=form, auth=world.basic, timeout=10)
    assert answer.status_code == 200
    assert answer.json() == {
        "mo-callback-url": "https://example.com/in",
        "dr-callback-url": "https://example.com/status",
        "max-outbound-request": 30,
        "max-inbound-request": 30,
        "max-calls-per-second": 30,
    }
    assert world.control.settings()["inbound_url"] == "https://example.com/in"
    answer = world.http.post(world.base_url + SETTINGS, data={"moCallBackUrl": ""}, auth=world.basic, timeout=10)
    assert (answer.json()["mo-callback-url"], answer.json()["dr-callback-url"]) == ("", "https://example.com/status")
    assert world.http.post(world.base_url + SETTINGS, auth=world.basic, timeout=10).json() == answer.json()


@pytest.mark.parametrize("how", ["query", "form", "JSON", "form that says it is JSON"])
def test_key_secret_and_names_are_taken_as_clients_write_them(world: Detached, how: str) -> None:
    who = {"api_key": world.basic[0], "api_secret": world.basic[1]}
    change = {"moCallbackUrl": f"https://example.com/{how.replace(' ', '-')}"}
    url = world.base_url + SETTINGS
    if how == "query":
        answer = world.http.post(url, params=who, data=change, timeout=10)
    elif how == "JSON":
        answer = world.http.post(url, json=who | change, timeout=10)
    else:
        kind = {} if how == "form" else {"headers": {"Content-Type": "application/json"}}
        answer = world.http.post(url, data=who | change, timeout=10, **kind)
    assert (answer.status_code, answer.json().get("mo-callback-url")) == (200, change["moCallbackUrl"])


def test_whoever_is_not_the_account_changes_nothing(world: Detached, program: Program) -> None:
    change = {"moCallBackUrl": "https://example.com/in"}
    wrong: list[dict[str, Any]] = [
        {},
        {"auth": (world.basic[0], "wrong")},
        {"params": {"api_key": world.basic[0], "api_secret": "é"}},
        {"headers": program.headers},
    ]
    for options in wrong:
        answer = world.http.post(world.base_url + SETTINGS, data=change, timeout=10, **options)
        assert answer.status_code == 401
        assert answer.json() == {"error-code": "401", "error-code-label": "authentication failed"}
    assert world.control.settings()["inbound_url"] == ""


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "ftp://example.com/in",
        "https://",
        "http://[bad",
        "x" * 3000,
        "http://e.com/\ud800",
        "http://e\0.com/",
    ],
)
def test_what_is_no_url_is_refused_and_nothing_is_kept(world: Detached, url: str) -> None:
    form = {"moCallBackUrl": "https://example.com/in", "drCallBackUrl": url}
    answer = world.http.post(world.base_url + SETTINGS, json=form, auth=world.basic, timeout=10)
    assert (answer.status_code, answer.json()["error-code"]) == (420, "420")
    assert answer.headers["content-type"] == "application/json"
    assert world.control.settings()["inbound_url"] == ""


def looks(hook: Target) -> list[str]:
    """The calls that were no webhook: what other tests sent may have waited for these very addresses."""
    return [call.method for call in hook.calls if "message_uuid" not in call.query]


def test_with_the_switch_both_urls_must_answer_200_before_they_are_kept(world: Detached) -> None:
    with target(200) as good, target(404) as bad:
        form = {"moCallBackUrl": good.url, "drCallBackUrl": bad.url}
        assert world.http.post(world.base_url + SETTINGS, data=form, auth=world.basic, timeout=10).status_code == 200
        assert looks(good) == looks(bad) == []
        world.control.switch(check_urls="yes")
        form = {"moCallBackUrl": f"{good.url}/2", "drCallBackUrl": bad.url}
        answer = world.http.post(world.base_url + SETTINGS, data=form, auth=world.basic, timeout=10)
        assert (answer.status_code, bad.url in answer.json()["error-code-label"]) == (420, True)
        assert world.control.settings()["inbound_url"] == good.url
        form["drCallBackUrl"] = good.url
        assert world.http.post(world.base_url + SETTINGS, data=form, auth=world.basic, timeout=10).status_code == 200
        assert looks(good) == ["GET"] * 3
        assert looks(bad) == ["GET"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe=%ff&a=b", b"[1]", b'"x"', b"{", b"[" * 50_000, b"a=&" * 200, b'{"api_key":5}']
)
def test_a_body_of_any_bytes_gets_a_plain_4xx_or_changes_nothing(world: Detached, body: bytes) -> None:
    before = world.control.settings()
    answer = world.http.post(world.base_url + SETTINGS, data=body, auth=world.basic, timeout=10)
    assert answer.status_code in (200, 400)
    assert world.control.settings() == before


def test_another_verb_is_the_gateways_403(world: Detached) -> None:
    for path in (SETTINGS, "/v1/messages/ping", "/beta/chatapp-accounts/ping"):
        assert world.http.put(world.base_url + path, auth=world.basic, timeout=10).status_code == 403
