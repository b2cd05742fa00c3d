"""Who may call: the service's rules on JWTs and on key and secret, and its live 401."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from vonage_jwt import JwtClient

from nbhelpers.auth.private_key import PrivateKey
from tests.support.simulation import FORGED, Program, World, flat, nested, simulator

pytestmark = pytest.mark.fast

VERSIONS = ("beta", "v0.1", "v1")
MINUTE, HOUR = 60, 3600


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with simulator(tmp_path_factory.mktemp("auth")) as made:
        yield made


@pytest.fixture(scope="module")
def program(world: World, key: PrivateKey) -> Program:
    return world.application(key, messages={"version": "v1"})


@pytest.fixture(scope="module")
def body(world: World, program: Program) -> Callable[[str], dict[str, Any]]:
    page = world.page(program)
    psid = world.control.write(page=page, text="hi")["psid"]
    return lambda version: flat(page, psid) if version == "v1" else nested(page, psid)


def signed(header: dict[str, Any], claims: Any, sign: Callable[[bytes], bytes]) -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    start = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{start}.{part(sign(start.encode()))}"


def claims_of(program: Program) -> dict[str, Any]:
    return jwt.decode(program.token(), options={"verify_signature": False})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_token_of_the_official_library_is_accepted_on_every_path(
    world: World, program: Program, body: Any, version: str
) -> None:
    token = JwtClient(program.id, program.key.pem()).generate_application_jwt()
    token = token.decode() if isinstance(token, bytes) else token
    answer = world.post(f"/{version}/messages", body(version), headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 202
    assert str(uuid.UUID(answer.json().pop("message_uuid"))) == answer.json()["message_uuid"]
    assert list(answer.json()) == ["message_uuid"]


@pytest.mark.parametrize("version", VERSIONS)
def test_key_and_secret_are_accepted_on_every_path(world: World, body: Any, version: str) -> None:
    assert world.post(f"/{version}/messages", body(version), auth=world.basic).status_code == 202


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"exp": None, "iat": -14 * MINUTE},
        {"exp": 30},
        {"exp": 24 * HOUR},
        {"exp": 30 * MINUTE, "iat": -23 * HOUR},
        {"iat": 30, "exp": 15 * MINUTE},
        {"iat": 0.5},
        {"sub": "somebody", "acl": {"paths": {"/*/messages": {}}}},
        {"aud": "anybody"},
    ],
    ids=str,
)
def test_a_token_within_the_documented_times_is_accepted(
    world: World, program: Program, body: Any, claims: dict[str, Any]
) -> None:
    given = {name: time.time() + value if name in ("iat", "exp") and value else value for name, value in claims.items()}
    headers = {"Authorization": f"Bearer {program.token(**given)}"}
    assert world.post("/v1/messages", body("v1"), headers=headers).status_code == 202


def refused_tokens() -> dict[str, Callable[[Program, PrivateKey], str]]:
    def now(**offsets: float | None) -> dict[str, Any]:
        return {name: None if offset is None else time.time() + offset for name, offset in offsets.items()}

    def hs256(program: Program, secret: bytes) -> str:
        return signed(
            {"alg": "HS256", "typ": "JWT"},
            claims_of(program),
            lambda data: hmac.digest(secret, data, hashlib.sha256),
        )

    return {
        "another key": lambda program, other: Program(program.id, other).token(),
        "expired": lambda program, _: program.token(**now(iat=-20 * MINUTE, exp=-5 * MINUTE)),
        "another application's id": lambda program, _: program.token(application_id=str(uuid.uuid4())),
        "no application's id": lambda program, _: program.token(application_id=None),
        "an id that is a number": lambda program, _: program.token(application_id=7),
        "an id with NUL": lambda program, _: program.token(application_id="\x00"),
        "alg none": lambda program, _: signed({"alg": "none", "typ": "JWT"}, claims_of(program), lambda data: b""),
        "alg none with RS256's signature": lambda program, _: (
            signed({"alg": "none", "typ": "JWT"}, claims_of(program), lambda data: b"").rstrip(".")
            + "."
            + program.token().rpartition(".")[2]
        ),
        "HS256 with the public key as secret": lambda program, _: hs256(program, program.key.public_pem.encode()),
        "HS256 with the bare public key": lambda program, _: hs256(program, program.key.public_pem.strip().encode()),
        "RS512": lambda program, _: jwt.encode(claims_of(program), program.key.key, algorithm="RS512"),
        "no iat": lambda program, _: program.token(iat=None),
        "neither iat nor exp": lambda program, _: program.token(iat=None, exp=None),
        "no jti": lambda program, _: program.token(jti=None),
        "an empty jti": lambda program, _: program.token(jti=""),
        "no exp, 16 minutes old": lambda program, _: program.token(exp=None, **now(iat=-16 * MINUTE)),
        "25 hours old, exp ahead": lambda program, _: program.token(**now(iat=-25 * HOUR, exp=HOUR)),
        "exp of null": lambda program, _: signed({"alg": "RS256"}, {**claims_of(program), "exp": None}, lambda d: b"x"),
        "iat an hour ahead": lambda program, _: program.token(**now(iat=HOUR, exp=2 * HOUR)),
        "iat in milliseconds": lambda program, _: program.token(iat=int(time.time() * 1000), exp=None),
        "iat a text": lambda program, _: program.token(iat=str(int(time.time()))),
        "iat true": lambda program, _: program.token(iat=True),
        "exp a text": lambda program, _: program.token(exp=str(int(time.time()) + 900)),
        "iat of 400 digits": lambda program, _: program.token(iat=10**400),
        "iat of minus 400 digits": lambda program, _: program.token(iat=-(10**400), exp=10**400),
        "iat not a number": lambda program, _: program.token(iat=float("nan")),
        "exp not a number": lambda program, _: program.token(exp=float("nan")),
        "claims that are a list": lambda program, _: signed({"alg": "RS256"}, ["application_id"], lambda data: b"x"),
        "a changed claim": lambda program, _: ".".join(
            [
                program.token().split(".")[0],
                base64.urlsafe_b64encode(json.dumps(claims_of(program)).encode()).rstrip(b"=").decode(),
                program.token().split(".")[2],
            ]
        ),
        "a cut signature": lambda program, _: program.token()[:-8],
        "no signature": lambda program, _: program.token().rpartition(".")[0] + ".",
        "two parts": lambda program, _: program.token().rpartition(".")[0],
        "forged": lambda *_: FORGED,
        "garbage": lambda *_: "garbage",
        "dots": lambda *_: "..",
        "bytes of Latin-1": lambda *_: "é.ü.ß",
        "deep nesting": lambda *_: f"{'W1tbW1tbW1tb' * 2000}.{'W1tbW1tbW1tb' * 2000}.x",
        "nothing": lambda *_: "",
    }


REFUSED = refused_tokens()


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_that_does_not_hold_is_refused_with_the_live_401(
    world: World, program: Program, other_key: PrivateKey, body: Any, name: str
) -> None:
    token = REFUSED[name](program, other_key)
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = world.post("/v1/messages", body("v1"), headers=headers)
    assert answer.status_code == 401
    trace = answer.headers["x-nexmo-trace-id"]
    assert re.fullmatch("[0-9a-f]{32}", trace)
    assert answer.json() == {"title": "Unauthorised", "detail": "Invalid Token", "instance": trace}
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_refused_token_differs_from_a_good_one_in_that_alone(world: World, program: Program, body: Any) -> None:
    # The same claims, signed by the same key: had the helper above been wrong, all of it would be refused.
    headers = {"Authorization": f"Bearer {program.token()}"}
    assert world.post("/v1/messages", body("v1"), headers=headers).status_code == 202


@pytest.mark.parametrize("version", VERSIONS)
def test_the_401_is_the_same_on_every_path(world: World, body: Any, version: str) -> None:
    answer = world.post(f"/{version}/messages", body(version), headers={"Authorization": f"Bearer {FORGED}"})
    trace = answer.headers["x-nexmo-trace-id"]
    assert (answer.status_code, answer.json()) == (
        401,
        {"title": "Unauthorised", "detail": "Invalid Token", "instance": trace},
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_header_is_named_as_it_is_live(world: World, body: Any, version: str) -> None:
    answer = world.post(f"/{version}/messages", body(version))
    assert answer.status_code == 401
    assert answer.json() == {"title": "Unauthorised", "detail": "Request header 'Authorization' missing"}


@pytest.mark.parametrize(
    "header",
    ["Basic {wrong}", "Basic", "Basic ", "Basic !!!", "Basic é", "Digest {right}", "{right}", "Bearer {right}", "x"],
)
def test_wrong_credentials_are_refused_with_the_same_401(world: World, body: Any, header: str) -> None:
    right = base64.b64encode(":".join(world.basic).encode()).decode()
    wrong = base64.b64encode(f"{world.basic[0]}:not the secret".encode()).decode()
    value = header.format(right=right, wrong=wrong).encode("latin-1")
    answer = world.post("/v1/messages", body("v1"), headers={"Authorization": value})
    assert (answer.status_code, answer.json()["detail"]) == (401, "Invalid Token")


def test_schemes_are_read_in_any_case(world: World, program: Program, body: Any) -> None:
    basic = base64.b64encode(":".join(world.basic).encode()).decode()
    for value in (f"bearer {program.token()}", f"BEARER {program.token()}", f"basic {basic}"):
        assert world.post("/v1/messages", body("v1"), headers={"Authorization": value}).status_code == 202


def test_who_calls_is_asked_before_the_body_is_read(world: World) -> None:
    assert world.post("/v1/messages", b"{ no JSON", headers={"Authorization": "Bearer x.y.z"}).status_code == 401


def test_a_token_is_good_for_a_Page_of_its_own_application_alone(  # noqa: N802
    world: World, other_key: PrivateKey, body: Any
) -> None:
    stranger = world.application(other_key, messages={})
    answer = world.post("/v1/messages", body("v1"), headers=stranger.headers)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("#1120")
    answer = world.post("/v0.1/messages", body("v0.1"), headers=stranger.headers)
    assert answer.status_code == 400
    assert answer.json()["invalid_parameters"] == [{"name": "from.id", "reason": "is not a linked Facebook Page."}]
