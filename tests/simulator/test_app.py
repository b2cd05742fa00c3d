"""The simulator's face: which paths there are, who may use which, and that no bytes whatever make it fail."""

from __future__ import annotations

import json
import socket
import uuid
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.services.record import read_record
from tests.support.simulation import FORGED, Detached, Program, flat, nested

pytestmark = pytest.mark.fast

VERSIONS = ("beta", "v0.1", "v1")


@pytest.fixture(scope="module")
def program(world: Detached, key: PrivateKey) -> Program:
    return world.application(key, messages={"version": "v1"})


@pytest.fixture(scope="module")
def ids(world: Detached, program: Program) -> tuple[str, str]:
    """Page and PSID."""
    page = world.page(program)
    return page, world.control.write(page=page, text="hi")["psid"]


def plain(answer: requests.Response) -> int:
    """The status of an answer that the gateway gives: plain text."""
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert answer.text
    return answer.status_code


def raw(world: Detached, request: bytes) -> bytes:
    """What comes back for these very bytes."""
    host, port = world.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = iter(lambda: connection.recv(65_536), b"")
        return b"".join(parts)


# Paths and verbs


def test_the_path_of_v01_with_its_slash_as_the_specification_has_it_is_the_same_path(
    world: Detached, program: Program, ids: tuple[str, str]
) -> None:
    answer = world.post("/v0.1/messages/", nested(*ids), headers=program.headers)
    assert (answer.status_code, list(answer.json())) == (202, ["message_uuid"])
    assert plain(world.http.get(f"{world.base_url}/v0.1/messages/", timeout=10)) == 403


@pytest.mark.parametrize("version", VERSIONS)
def test_an_accepted_message_gets_202_with_a_uuid_and_nothing_else(
    world: Detached, program: Program, ids: tuple[str, str], version: str
) -> None:
    body = flat(*ids) if version == "v1" else nested(*ids)
    answers = [world.post(f"/{version}/messages", body, headers=program.headers) for _ in range(2)]
    for answer in answers:
        assert answer.status_code == 202
        assert answer.headers["content-type"] == "application/json"
        assert list(answer.json()) == ["message_uuid"]
        assert uuid.UUID(answer.json()["message_uuid"]).version == 4
    assert answers[0].json() != answers[1].json()


def test_any_content_type_and_a_trailing_question_mark_are_taken(
    world: Detached, program: Program, ids: tuple[str, str]
) -> None:
    for path, kind in (("/v1/messages?", "text/plain"), ("/v1/messages?a=b", "application/x-www-form-urlencoded")):
        headers = program.headers | {"Content-Type": kind}
        assert world.post(path, flat(*ids), headers=headers).status_code == 202


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verb", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PURGE", "PROPFIND"])
def test_the_wrong_verb_is_a_plain_403_whoever_calls(
    world: Detached, program: Program, version: str, verb: str
) -> None:
    for headers in ({}, program.headers):
        answer = world.http.request(verb, f"{world.base_url}/{version}/messages", headers=headers, timeout=10)
        assert answer.status_code == 403
        assert answer.headers["content-type"].partition(";")[0] == "text/plain"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/",
            "/v1",
            "/v2/messages",
            "/v1/message",
            "/v1/messages/",
            "/v0.1/messages/x",
            "/V1/messages",
            "//v1/messages",
        ),
        *("/_simulator", "/_simulator/", "/_simulator/nothing", "/favicon.ico", "/%00", "/v1/messages/x/y"),
        *("/v0.2/messages", "/v2/applications/x/y", "/healthz/"),
    ],
)
def test_an_unknown_path_is_a_plain_404_before_anybody_is_asked_who_calls(
    world: Detached, program: Program, path: str
) -> None:
    for headers in ({}, {"Authorization": f"Bearer {FORGED}"}, program.headers):
        for verb in ("GET", "POST", "PURGE"):
            answer = world.http.request(verb, world.base_url + path, headers=headers, timeout=10, allow_redirects=False)
            assert plain(answer) == 404


def test_ping_answers_without_credentials(world: Detached) -> None:
    for version in ("v0.1", "v1"):
        assert world.http.get(f"{world.base_url}/{version}/messages/ping", timeout=10).status_code == 200


def test_healthz_answers_to_its_own_nonce_alone(world: Detached) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    url = f"{world.base_url}/healthz"
    answer = world.http.get(url, params={"nonce": record.nonce}, timeout=10)
    assert (answer.status_code, answer.json()["service"]) == (200, "simulator")
    assert plain(world.http.get(url, params={"nonce": "another"}, timeout=10)) == 404
    assert plain(world.http.get(url, timeout=10)) == 404


# Errors, each reached over the wire


def test_every_422_of_v1_is_reached(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    good = flat(*ids)
    asked = {
        "1100": good | {"channel": "sms"},
        "1110": good | {"messenger": {"category": "x"}},
        "1120": good | {"from": "0000000000000000"},
        "110": good | {"to": ""},
        "1140": good | {"message_type": "custom"},
        "1150": good | {"text": "x" * 641},
        "1060": good | {"client_ref": "x" * 101},
        "invalid-json": b'{"to": "1" "from"}',
    }
    for fragment, body in asked.items():
        answer = world.post("/v1/messages", body, headers=program.headers)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["type"].rpartition("#")[2] == fragment
        assert problem["instance"] == answer.headers["x-nexmo-trace-id"]
        assert {"title", "detail"} < problem.keys()
        assert ("invalid_parameters" in problem) is (fragment in ("1110", "1150"))


def test_a_bad_field_on_v01_is_a_400_that_names_it(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    body = nested(*ids) | {"client_ref": "x" * 41}
    answer = world.post("/v0.1/messages", body, headers=program.headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.pop("instance") == answer.headers["x-nexmo-trace-id"]
    assert problem == {
        "type": "https://www.nexmo.com/messages/Errors#InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": "Found errors validating 1 of your submitted parameters.",
        "invalid_parameters": [{"name": "client_ref", "reason": "can be a string of up to 40 characters."}],
    }


def test_a_refused_message_leaves_nothing_behind(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    before = world.table("SELECT count(*) FROM messages")
    for body in (flat(*ids) | {"text": ""}, flat("000", ids[1]), b"{"):
        assert world.post("/v1/messages", body, headers=program.headers).status_code == 422
    assert world.table("SELECT count(*) FROM messages") == before


# The screens


SCREENS = [
    *(("POST", "pages"), ("GET", "pages"), ("GET", "settings"), ("PUT", "settings"), ("DELETE", "link")),
    *(("POST", "write"), ("POST", "read"), ("GET", "webhooks")),
]


@pytest.mark.parametrize(("verb", "path"), SCREENS)
@pytest.mark.parametrize("token", [None, "", "wrong", "é"])
def test_screens_and_phones_need_the_control_token(world: Detached, verb: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {"X-Simulator-Token": token.encode("latin-1")}
    answer = world.http.request(verb, f"{world.base_url}/_simulator/{path}", headers=headers, json={}, timeout=10)
    assert answer.status_code == 403
    assert answer.json()["error"] == "This path needs the control token."


def test_the_control_token_opens_no_path_of_the_service(world: Detached, ids: tuple[str, str]) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    headers = {"X-Simulator-Token": record.control}
    assert world.post("/v1/messages", flat(*ids), headers=headers).status_code == 401
    assert world.post("/v2/applications", {"name": "x"}, headers=headers).status_code == 401


def test_another_verb_on_a_screen_is_a_405(world: Detached) -> None:
    for verb, path in (("DELETE", "settings"), ("GET", "write"), ("PUT", "link")):
        assert plain(world.http.request(verb, f"{world.base_url}/_simulator/{path}", timeout=10)) == 405


@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
def test_a_page_is_linked_by_whoever_holds_a_good_jwt(world: Detached, program: Program, as_form: bool) -> None:
    page = world.page()
    fields = {"jwt": program.token(), "page": page}
    url = f"{world.base_url}/_simulator/link"
    # As the guide's step 4 does it: requests.post(url, data={...}).
    answer = requests.post(url, timeout=10, **({"data": fields} if as_form else {"json": fields}))
    assert answer.status_code == 200
    assert answer.json() == {"page_id": page, "page": answer.json()["page"], "linked": True}
    assert next(each for each in world.control.pages() if each["id"] == page)["application_id"] == program.id


def test_a_pasted_jwt_may_hold_line_ends(world: Detached, program: Program) -> None:
    page = world.page()
    token = program.token()
    pasted = f"  {token[:60]}\r\n{token[60:]}\n"
    answer = requests.post(f"{world.base_url}/_simulator/link", data={"jwt": pasted, "page": page}, timeout=10)
    assert answer.json()["linked"] is True


@pytest.mark.parametrize("bad", ["forged", "another key", "expired", "none", "empty"])
def test_a_bad_jwt_links_nothing(world: Detached, program: Program, other_key: PrivateKey, bad: str) -> None:
    page = world.page()
    token = {
        "forged": FORGED,
        "another key": Program(program.id, other_key).token(),
        "expired": program.token(iat=1_600_000_000, exp=1_600_000_900),
        "none": None,
        "empty": "",
    }[bad]
    fields = {name: value for name, value in (("jwt", token), ("page", page)) if value is not None}
    answer = requests.post(f"{world.base_url}/_simulator/link", data=fields, timeout=10)
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid Token")
    assert next(each for each in world.control.pages() if each["id"] == page)["application_id"] is None


def test_key_and_secret_do_not_link_a_page(world: Detached) -> None:
    url = f"{world.base_url}/_simulator/link"
    assert requests.post(url, data={"page": world.page()}, auth=world.basic, timeout=10).status_code == 401


def test_a_form_may_be_a_form_everywhere(world: Detached) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    url, headers = f"{world.base_url}/_simulator/settings", {"X-Simulator-Token": record.control}
    try:
        given = {"inbound_url": "https://example.com/in", "http_method": "POST"}
        assert requests.put(url, data=given, headers=headers, timeout=10).json().items() >= given.items()
        # An empty field of a form unsets, as in the dashboard.
        assert requests.put(url, data={"inbound_url": ""}, headers=headers, timeout=10).json()["inbound_url"] == ""
    finally:
        world.control.change_settings(inbound_url="", http_method="GET")


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"7",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"name": 7}',
        b'{"name": ["x"]}',
        b'{"nome": "x"}',
    ],
)
def test_a_form_that_cannot_be_read_is_a_400_in_words(world: Detached, body: bytes) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    answer = world.post("/_simulator/pages", body, headers={"X-Simulator-Token": record.control})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "seen", "next"}


# Web pages elsewhere


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "evil.example"),
        ("Host", "evil.example:8711"),
        ("Host", "127.0.0.1.evil.example"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1.evil.example"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/_simulator/link", "/_simulator/pages", "/v2/applications", "/"])
def test_what_a_web_page_elsewhere_could_send_is_refused(
    world: Detached, program: Program, ids: tuple[str, str], path: str, name: str, value: str
) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    headers = program.headers | {name: value, "X-Simulator-Token": record.control}
    answer = world.post(path, flat(*ids), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == "This request is refused."
    assert value in answer.json()["seen"]


def test_loopback_by_any_of_its_names_is_no_stranger(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    for name, value in (("Host", "localhost:8888"), ("Host", "127.0.0.1"), ("Origin", "http://localhost:8888")):
        answer = world.post("/v1/messages", flat(*ids), headers=program.headers | {name: value})
        assert answer.status_code == 202


def test_a_request_without_a_host_is_refused(world: Detached) -> None:
    assert raw(world, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 400 ")


# Bad input


def below_500(answer: requests.Response) -> int:
    assert 400 <= answer.status_code < 500 or answer.status_code in (201, 202), (answer.status_code, answer.text)
    return answer.status_code


HOSTILE = [
    b"",
    b"\x00" * 100,
    b"\xff\xfe\xfd\xfc",
    b"[" * 50_000,
    b'{"a":' * 50_000,
    b"[" * 50_000 + b"]" * 50_000,
    b"-" + b"9" * 100_000,
    b"1" + b"0" * 4000,
    b"1e99999",
    b"NaN",
    b'{"to":"1","to":2,"to":null}',
    b'"\\ud800"',
    b'{"\\ud800":"\\udfff"}',
    "{}".encode("utf-16"),
    "\ufeff{}".encode(),
]


@pytest.mark.parametrize("path", ["/beta/messages", "/v0.1/messages", "/v1/messages", "/v2/applications"])
def test_hostile_bodies_get_the_services_own_error(world: Detached, path: str) -> None:
    for body in HOSTILE:
        answer = world.post(path, body, auth=world.basic)
        assert below_500(answer) in (400, 422), body[:40]
        assert answer.headers["content-type"] == "application/problem+json"


def test_ten_megabytes_are_refused_on_every_path_and_the_connection_is_none_the_worse(
    world: Detached, program: Program, ids: tuple[str, str]
) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    body = json.dumps(flat(*ids) | {"text": "x" * 10_000_000}).encode()
    headers = {"X-Simulator-Token": record.control}
    for path in ("/v1/messages", "/v0.1/messages", "/v2/applications", "/_simulator/pages"):
        assert below_500(world.post(path, body, auth=world.basic, headers=headers)) == 413
    assert below_500(world.post("/v1/messages", body)) == 401
    assert world.post("/v1/messages", flat(*ids), headers=program.headers).status_code == 202


@pytest.mark.parametrize("levels", [900, 960, 980, 990, 995, 1000, 1100])
def test_an_unknown_field_of_any_depth_does_no_harm(
    world: Detached, program: Program, ids: tuple[str, str], levels: int
) -> None:
    extra = b'{"x":' + b"[" * levels + b"]" * levels + b","
    for path, body in (("/v1/messages", flat(*ids)), ("/v0.1/messages", nested(*ids))):
        below_500(world.post(path, extra + json.dumps(body).encode()[1:], headers=program.headers))
    below_500(world.post("/v2/applications", extra + b'"name":"x","capabilities":{}}', auth=world.basic))


def test_what_utf8_cannot_hold_is_taken_and_told_with_a_question_mark(
    world: Detached, program: Program, ids: tuple[str, str]
) -> None:
    sent = world.send(program, flat(*ids) | {"text": "\ud800\x00", "client_ref": "\udfff"})
    assert world.settled(sent, 2)
    answer = world.post("/v1/messages", flat("\ud800", "\udfff"), headers=program.headers)
    assert answer.json()["type"].endswith("#1120")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_a_body_in_any_encoding_that_json_may_have_is_kept_as_text(
    world: Detached, program: Program, ids: tuple[str, str], encoding: str
) -> None:
    text = json.dumps(flat(*ids) | {"text": "Grüße"}, ensure_ascii=False)
    answer = world.post("/v1/messages", text.encode(encoding), headers=program.headers)
    assert answer.status_code == 202
    kept = world.table("SELECT body FROM messages WHERE uuid = ?", answer.json()["message_uuid"])[0][0]
    assert json.loads(kept)["text"] == "Grüße"


def test_half_a_character_in_bytes_is_no_utf8(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    body = json.dumps(flat(*ids)).encode().replace(b"hello", b"\xed\xa0\x80")
    answer = world.post("/v1/messages", body, headers=program.headers)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (422, "invalid-json")


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /v2/applications/\xc3\xa9 HTTP/1.1",
        b"GET /%ff%fe%00 HTTP/1.1",
        b"POST /v1/messages?\xff HTTP/1.1",
        b"BREW /v1/messages HTTP/1.1",
        b"GET http://evil.example/v1/messages HTTP/1.1",
        b"GET * HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9",
    ],
)
def test_hostile_request_lines_get_a_4xx(world: Detached, request_line: bytes) -> None:
    head = b"\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \xff\xfe\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    assert raw(world, request_line + head).startswith(b"HTTP/1.1 4")


def test_a_caller_who_leaves_halfway_does_no_harm(world: Detached, program: Program, ids: tuple[str, str]) -> None:
    head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {program.token()}\r\n"
    assert raw(world, f"{head}Content-Length: 1000\r\n\r\n{{".encode()) == b""
    assert world.post("/v1/messages", flat(*ids), headers=program.headers).status_code == 202


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["messenger", "text", "image", "v1", "message_tag", "https://example.com/x", "\ud800", "\x00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("to", "from", "channel", "message_type", "text", "image", "video", "messenger", "client_ref", "webhook_url"),
    *("webhook_version", "failover", "message", "name", "capabilities", "keys", "privacy", "id", "type"),
]
MUTATION = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    path=st.sampled_from(["/v1/messages", "/v0.1/messages", "/v2/applications"]),
    body=st.binary(max_size=200) | st.tuples(st.just("whole"), JSON) | st.tuples(st.just("changed"), MUTATION),
)
def test_no_body_whatever_makes_a_5xx(world: Detached, ids: tuple[str, str], path: str, body: Any) -> None:
    if not isinstance(body, bytes):
        kind, value = body
        good = {"/v1/messages": flat(*ids), "/v0.1/messages": nested(*ids)}.get(path, {"name": "x"})
        body = json.dumps(good | value if kind == "changed" else value).encode()
    answer = world.post(path, body, auth=world.basic)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.json()["title"]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    screen=st.sampled_from([("POST", "pages"), ("PUT", "settings"), ("POST", "write"), ("POST", "read")]),
    form=JSON
    | st.dictionaries(
        st.sampled_from(["name", "inbound_url", "status_url", "page", "person", "psid", "type", "text", "url"]),
        st.text(st.characters(codec=None), max_size=20) | st.sampled_from(["text", "image", "https://a.b/c\ud800"]),
        max_size=4,
    ),
)
def test_no_form_whatever_makes_a_5xx(world: Detached, screen: tuple[str, str], form: Any) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    headers = {"X-Simulator-Token": record.control}
    url = f"{world.base_url}/_simulator/{screen[1]}"
    answer = world.http.request(screen[0], url, data=json.dumps(form), headers=headers, timeout=10)
    assert answer.status_code in (200, 201, 400), answer.text
    if screen[1] == "settings":
        world.control.change_settings(inbound_url="", status_url="")


def test_nothing_of_all_this_was_a_fault_of_its_own(world: Detached) -> None:
    # The last test of this file: a fault would stand as a traceback in the log.
    log = (world.folder / "logs" / "simulator.log").read_text()
    assert "Traceback" not in log, log[-3000:]
