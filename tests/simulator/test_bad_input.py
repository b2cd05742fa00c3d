"""Whatever comes, on every path there is: the service's own error or a plain 4xx, never a 5xx, and nothing is lost."""

from __future__ import annotations

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import jwt
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.services.record import read_record
from nbhelpers.simulator.api.routes import ApiRoutes
from nbhelpers.simulator.control.lessons import LessonRoutes
from nbhelpers.simulator.control.routes import ControlRoutes
from nbhelpers.simulator.control.webhooks import WebhookRoutes
from nbhelpers.simulator.storage.switches import DEFAULTS, SWITCHES
from tests.support.simulation import Detached, Program, flat, nested

NOTHING: Any = None
PATHS = sorted({(path, method) for path, method, _ in ApiRoutes(*[NOTHING] * 5).table()})
OTHERS = LessonRoutes(*[NOTHING] * 4).table() + WebhookRoutes(*[NOTHING] * 4).table()
SCREENS = sorted({(path, method) for path, method, _ in ControlRoutes(NOTHING, NOTHING, NOTHING, OTHERS, "").table()})
bounded = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def program(world: Detached, key: PrivateKey) -> Program:
    return world.application(key, messages={"version": "v1"})


@pytest.fixture(scope="module")
def page(world: Detached, program: Program) -> str:
    return world.page(program)


WORDS = st.sampled_from(
    [
        *("messenger", "text", "image", "custom", "v1", "message_tag", "HUMAN_AGENT", "sms", "yes", "no", "", "\0"),
        *("\ud800", "https://example.com/x.jpg", "http://[", "http://127.0.0.1/x", "x" * 700, "1" * 51, "-1", "9" * 12),
    ]
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        *(
            "to",
            "from",
            "channel",
            "message_type",
            "text",
            "image",
            "messenger",
            "client_ref",
            "webhook_url",
            "failover",
        ),
        *("webhook_version", "message", "name", "capabilities", "keys", "privacy", "id", "type", "external_id", "save"),
        *("access_token", "applications", "application", "moCallBackUrl", "drCallBackUrl", "api_key", "api_secret"),
        *("page", "person", "psid", "url", "jwt", "code", "status", "published", "blocked", "http_method", "shape"),
        *("application_id", "balance", "inbound_url", *list(SWITCHES)[:4]),
    ]
)
BODIES = st.one_of(
    st.binary(max_size=100),
    ANY.map(json.dumps).map(str.encode),
    st.dictionaries(FIELDS, ANY, max_size=5).map(json.dumps).map(str.encode),
    st.dictionaries(FIELDS, WORDS, max_size=4).map(
        lambda form: "&".join(f"{name}={quote(value, errors='replace')}" for name, value in form.items()).encode()
    ),
    st.sampled_from([b"[" * 50_000, b'{"a":' * 50_000, b"9" * 100_000, b'{"to":1,"to":2}', b"\xff\xfe", b"\0" * 99]),
)
KINDS = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/html",
        "multipart/form-data; boundary=x",
        "nonsense;;=",
    ]
)
PIECES = st.text(max_size=12).map(lambda text: quote(text, safe="", errors="replace"))
QUERIES = st.sampled_from(["", "?", "?page=0", "?page_size=x&page=-1", "?page_number=%00", "?%ff=%fe", "?&&=&"])


def status(answer: requests.Response) -> int:
    assert answer.status_code < 500, (answer.status_code, answer.request.method, answer.url, answer.text[:500])
    return answer.status_code


@bounded
@given(where=st.sampled_from(PATHS), piece=PIECES, query=QUERIES, body=BODIES, kind=KINDS, known=st.booleans())
def test_no_request_to_the_service_makes_a_5xx(
    world: Detached, page: str, where: tuple[str, str], piece: str, query: str, body: bytes, kind: str, known: bool
) -> None:
    path, method = where
    for name in ("uuid", "id", "provider", "application"):
        path = path.replace(f"{{{name}}}", page if known and name == "id" else piece or "x")
    answer = world.http.request(
        method, world.base_url + path + query, data=body, auth=world.basic, headers={"Content-Type": kind}, timeout=20
    )
    if status(answer) >= 400 and answer.headers["content-type"] == "application/problem+json":
        assert answer.json()


@bounded
@given(where=st.sampled_from(SCREENS), body=BODIES, kind=KINDS)
def test_no_request_to_a_screen_makes_a_5xx(world: Detached, where: tuple[str, str], body: bytes, kind: str) -> None:
    record = read_record(world.folder, "simulator")
    assert record is not None
    headers = {"X-Simulator-Token": record.control, "Content-Type": kind}
    path, method = where
    if path.endswith("/keys"):
        return  # makes a key pair of a tenth of a second: tested by name
    answer = world.http.request(method, world.base_url + path, data=body, headers=headers, timeout=30)
    if status(answer) == 400:
        assert answer.json()["error"]
    world.control.change_settings(inbound_url="", status_url="", http_method="GET", shape="v0.1", balance="ok")


@bounded
@given(
    claims=st.dictionaries(
        st.sampled_from(["application_id", "iat", "exp", "jti", "nbf", "acl", "sub"]), ANY, max_size=4
    ),
    header=st.dictionaries(st.sampled_from(["kid", "typ", "cty", "jku", "crit", "b64"]), ANY, max_size=2),
)
def test_no_claim_or_header_of_a_token_that_is_rightly_signed_makes_a_5xx(
    world: Detached, program: Program, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    now = int(time.time())
    whole = {"application_id": program.id, "iat": now, "jti": "x", "exp": now + 900} | claims

    def part(value: Any) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    signed = part({"alg": "RS256", "typ": "JWT"} | header) + b"." + part(whole)
    rs256 = jwt.get_algorithm_by_name("RS256")
    signature = base64.urlsafe_b64encode(rs256.sign(signed, program.key.key)).rstrip(b"=")
    token = (signed + b"." + signature).decode()
    answer = world.post("/v1/messages", b"{}", headers={"Authorization": f"Bearer {token}"})
    assert status(answer) in (401, 422)
    status(world.http.post(f"{world.base_url}/_simulator/link", data={"jwt": token, "page": "none"}, timeout=10))


@settings(max_examples=60, deadline=None)
@given(value=st.binary(max_size=60).filter(lambda value: not set(value) & set(b"\r\n\0")))
def test_no_authorization_whatever_makes_a_5xx(world: Detached, value: bytes) -> None:
    for scheme in (b"", b"Bearer ", b"Basic "):
        headers = {"Authorization": (scheme + value).decode("latin-1").strip()}
        try:
            answer = world.http.post(f"{world.base_url}/v1/messages", data=b"{}", headers=headers, timeout=10)
        except (requests.exceptions.InvalidHeader, UnicodeError):
            continue  # not one that this client can send
        assert status(answer) in (400, 401)


def test_ten_megabytes_are_refused_on_every_path(world: Detached, program: Program) -> None:
    for path, method in PATHS:
        if method in ("GET", "DELETE"):
            continue
        url = world.base_url + path.format(uuid="x", id="x", provider="messenger", application="x")
        answer = world.http.request(method, url, data=b"x" * 10_000_000, auth=world.basic, timeout=30)
        assert status(answer) in (403, 404, 413, 415), (method, path)


def test_after_all_this_the_round_still_goes_and_nothing_was_a_fault_of_its_own(
    world: Detached, program: Program
) -> None:
    world.control.switch(**DEFAULTS)
    page = world.page(program)
    psid = world.control.write(page=page, text="still there?")["psid"]
    world.send(program, flat(page, psid))
    world.send(program, nested(page, psid), "beta")
    log = (world.folder / "logs" / "simulator.log").read_text()
    assert "Traceback" not in log, log[-3000:]
