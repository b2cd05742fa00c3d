"""signatures: what the service signs is recognised; whatever was changed is not."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import jwt
import pytest
import vonage_jwt
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.signatures import LONGEST_AGE, Verdict, sign, verify

pytestmark = pytest.mark.fast

BODY = b'{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab","text":"Hello \xf0\x9f\x91\x8b"}'
SECRET = "a signature secret of more than thirty-two bytes"
SHORT = "sixteen bytes ok"
KEY = "abcd1234"


def forged(secret: str = SECRET, **claims: Any) -> str:
    """A token that holds what a good one does, but for `claims`."""
    good = {"iat": int(time.time()), "jti": "x", "iss": "Vonage", "payload_hash": hashlib.sha256(BODY).hexdigest()}
    written = json.dumps({name: value for name, value in (good | claims).items() if value is not ...})
    return "Bearer " + jwt.PyJWS().encode(written.encode(), secret, algorithm="HS256")


def test_what_is_signed_is_recognised():
    verdict = verify(sign(BODY, SECRET, KEY), BODY, SECRET)
    assert verdict == Verdict("signed", "")
    assert str(verdict) == "signed"


def test_a_signature_says_what_the_service_says():
    application = "11111111-2222-3333-4444-555555555555"
    scheme, _, token = sign(BODY, SECRET, KEY, application, issued=1_577_887_200).partition(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_iat": False})
    jti = claims.pop("jti")
    assert len(jti) == 36
    assert claims == {
        "iat": 1_577_887_200,
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "api_key": KEY,
        "application_id": application,
    }


def test_without_an_application_none_is_named():
    token = sign(BODY, SECRET, KEY).removeprefix("Bearer ")
    assert set(jwt.decode(token, SECRET, algorithms=["HS256"])) == {"iat", "jti", "iss", "payload_hash", "api_key"}


def test_the_official_library_accepts_our_signature():
    token = sign(BODY, SECRET, KEY).removeprefix("Bearer ")
    assert vonage_jwt.verify_signature(token, SECRET) is True
    assert vonage_jwt.verify_signature(token, SECRET + "!") is False


def test_a_changed_body_is_told():
    header = sign(BODY, SECRET, KEY)
    for changed in (BODY + b" ", BODY.replace(b"Hello", b"Bye"), b""):
        verdict = verify(header, changed, SECRET)
        assert (verdict.kind, verdict.why) == ("wrong", "the body is not the one that was signed")


def test_another_secret_is_told():
    verdict = verify(sign(BODY, SECRET, KEY), BODY, SECRET + "!")
    assert verdict.kind == "wrong"
    assert "another signature secret" in verdict.why
    assert str(verdict) == f"wrong: {verdict.why}"


@pytest.mark.parametrize("issuer", ["Nexmo", "vonage", None, ..., 5])
def test_another_issuer_is_told(issuer: Any):
    verdict = verify(forged(iss=issuer), BODY, SECRET)
    assert (verdict.kind, verdict.why) == ("wrong", "the issuer is not Vonage")


def test_a_signature_is_taken_for_25_hours_and_no_longer():
    now = 1_577_887_200
    header = sign(BODY, SECRET, KEY, issued=now)
    assert verify(header, BODY, SECRET, now=now + LONGEST_AGE).kind == "signed"
    verdict = verify(header, BODY, SECRET, now=now + LONGEST_AGE + 1)
    assert verdict.kind == "wrong"
    assert "too old: issued 25 hours ago" in verdict.why


def test_a_clock_may_be_two_minutes_ahead_and_no_more():
    now = 1_577_887_200
    assert verify(sign(BODY, SECRET, KEY, issued=now + 120), BODY, SECRET, now=now).kind == "signed"
    verdict = verify(sign(BODY, SECRET, KEY, issued=now + 121), BODY, SECRET, now=now)
    assert verdict.kind == "wrong"
    assert "future" in verdict.why


def test_a_token_of_no_algorithm_is_told():
    claims = {"iat": int(time.time()), "iss": "Vonage", "payload_hash": hashlib.sha256(BODY).hexdigest()}
    verdict = verify("Bearer " + jwt.encode(claims, None, algorithm="none"), BODY, SECRET)
    assert (verdict.kind, verdict.why) == ("wrong", "the token is not signed with HS256")


def test_an_application_token_is_no_signature(key: PrivateKey):
    claims = {"iat": int(time.time()), "iss": "Vonage", "payload_hash": hashlib.sha256(BODY).hexdigest()}
    token = jwt.encode(claims, key.key, algorithm="RS256")
    for secret in (SECRET, key.public_pem):
        assert verify(f"Bearer {token}", BODY, secret).kind == "wrong"


def test_a_short_secret_signs_and_verifies_without_a_warning():
    # Warnings are errors in this suite: that nothing is raised is the claim.
    assert verify(sign(BODY, SHORT, KEY), BODY, SHORT).kind == "signed"
    assert verify(sign(BODY, "s", KEY), BODY, "t").kind == "wrong"


def test_pyjwt_itself_still_warns_elsewhere():
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        jwt.encode({"a": 1}, SHORT, algorithm="HS256")


def test_without_a_secret_nothing_is_judged():
    for secret in (None, ""):
        assert verify(sign(BODY, SECRET, KEY), BODY, secret).kind == "unchecked"


@pytest.mark.parametrize("header", [None, ""])
def test_without_a_header_it_is_unsigned(header: str | None):
    assert verify(header, BODY, SECRET).kind == "unsigned"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"])
def test_a_header_that_is_no_bearer_token_is_wrong(header: str):
    assert "not a Bearer token" in verify(header, BODY, SECRET).why


def test_the_scheme_may_be_written_in_any_case():
    assert verify(sign(BODY, SECRET, KEY).replace("Bearer", "bEARER"), BODY, SECRET).kind == "signed"


@pytest.mark.parametrize("issued", [..., None, True, "now", [], float("nan"), float("inf"), 10**400, -(10**400), -1])
def test_a_time_of_issue_that_is_none_is_wrong_and_does_not_raise(issued: Any):
    verdict = verify(forged(iat=issued), BODY, SECRET)
    assert verdict.kind == "wrong"
    assert "when it was issued" in verdict.why


@pytest.mark.parametrize("hashed", [..., None, 5, "", "\ud800", hashlib.sha256(BODY).hexdigest().upper()])
def test_a_hash_that_is_none_is_wrong_and_does_not_raise(hashed: Any):
    assert verify(forged(payload_hash=hashed), BODY, SECRET).why == "the body is not the one that was signed"


def test_a_token_that_holds_no_claims_is_wrong():
    token = jwt.PyJWS().encode(b"[1]", SECRET, algorithm="HS256")
    assert verify(f"Bearer {token}", BODY, SECRET).why == "the token does not hold claims"
    token = jwt.PyJWS().encode(b"\xff", SECRET, algorithm="HS256")
    assert "cannot be read" in verify(f"Bearer {token}", BODY, SECRET).why


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.none() | st.text(st.characters()), st.binary(), st.text(st.characters()), st.booleans())
def test_no_stranger_is_ever_taken_for_the_service(header: str | None, body: bytes, secret: str, bearer: bool):
    if bearer and header is not None:
        header = "Bearer " + header
    assert verify(header, body, secret).kind in ("unchecked", "unsigned", "wrong")


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.binary(), st.text(min_size=1), st.data())
def test_any_body_is_recognised_and_no_changed_token_is(body: bytes, secret: str, data: st.DataObject):
    header = sign(body, secret, KEY)
    assert verify(header, body, secret).kind == "signed"
    at = data.draw(st.integers(len("Bearer "), len(header) - 2))  # the very last character has bits to spare
    other = data.draw(st.sampled_from("abcXYZ019").filter(lambda letter: letter != header[at]))
    assert verify(header[:at] + other + header[at + 1 :], body, secret).kind == "wrong"
