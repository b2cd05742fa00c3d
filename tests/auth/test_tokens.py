"""tokens: four claims, minutes to a day, and nothing that goes wrong ever shows the token."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
import requests
import vonage_jwt
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from IPython.lib.pretty import pretty

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.auth.tokens import LONGEST, SHORTEST, TTL, Minter, Token, clean, inspect
from nbhelpers.errors import TokenError

pytestmark = pytest.mark.fast

APPLICATION = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def token(key: PrivateKey) -> Token:
    return Minter(APPLICATION, key)()


def unsigned(claims: Any, header: Any = None) -> str:
    """A token with any header and claims; nobody verifies it here."""
    parts = [header or {"alg": "RS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def test_a_token_has_four_claims_and_lasts_fifteen_minutes(key: PrivateKey):
    before = int(time.time())
    token = Minter(APPLICATION, key)()
    claims = jwt.decode(token, key.public_pem, algorithms=["RS256"])
    assert set(claims) == {"application_id", "iat", "jti", "exp"}
    assert claims["application_id"] == APPLICATION
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] == claims["iat"] + 900 == claims["iat"] + TTL
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}


def test_no_two_tokens_are_the_same(key: PrivateKey):
    mint = Minter(APPLICATION, key)
    assert len({inspect(mint()).claims["jti"] for _ in range(5)}) == 5


def test_a_token_is_signed_with_this_key_and_no_other(token: Token, other_key: PrivateKey):
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, other_key.public_pem, algorithms=["RS256"])


@pytest.mark.parametrize("ttl", [30, 31, 86_400])
def test_a_life_from_30_seconds_to_24_hours_is_allowed(key: PrivateKey, ttl: int):
    assert (SHORTEST, LONGEST) == (30, 86_400)
    for token in (Minter(APPLICATION, key, ttl)(), Minter(APPLICATION, key)(ttl)):
        claims = inspect(token).claims
        assert claims["exp"] - claims["iat"] == ttl


@pytest.mark.parametrize("ttl", [29, 86_401, 0, -900, True, 900.0, "900"])
def test_any_other_life_is_refused(key: PrivateKey, ttl: Any):
    with pytest.raises(TokenError, match="30"):
        Minter(APPLICATION, key, ttl)
    with pytest.raises(TokenError, match="24 hours"):
        Minter(APPLICATION, key)(ttl)


@pytest.mark.parametrize("application_id", ["", "  "])
def test_without_an_application_there_is_no_token(key: PrivateKey, application_id: str):
    with pytest.raises(TokenError, match="application ID is empty"):
        Minter(application_id, key)


def test_a_minter_shows_the_application_and_no_key(key: PrivateKey):
    assert repr(Minter(f" {APPLICATION}\n", key)) == f"Minter({APPLICATION!r}, ttl=900)"


def test_a_token_works_in_a_header_as_it_is(token: Token):
    request = requests.Request("POST", "http://127.0.0.1/", headers={"Authorization": f"Bearer {token}"}).prepare()
    assert request.headers["Authorization"] == "Bearer " + str(token)
    assert str(token).count(".") == 2
    assert json.loads(json.dumps({"token": token})) == {"token": str(token)}


def test_a_token_that_is_shown_is_masked(token: Token):
    for shown in (repr(token), f"{token!r}", pretty(token), repr([token]), repr({"token": token})):
        assert "••••" in shown
        assert not any(part in shown for part in token.split("."))
    assert "left" in repr(token) and str(len(token)) in repr(token)


def test_the_repr_of_a_token_that_is_none_does_not_raise():
    assert repr(Token("rubbish")) == "Token(••••, 7 characters, not readable)"


def test_a_token_is_inspected_without_any_key(token: Token):
    facts = inspect(token)
    assert facts.header["alg"] == "RS256"
    assert facts.claims["application_id"] == APPLICATION
    assert facts.issued is not None and facts.expires is not None
    assert facts.expires - facts.issued == timedelta(minutes=15)
    assert abs(facts.issued - datetime.now(UTC)) < timedelta(seconds=60)
    assert facts.remaining is not None and 800 < facts.remaining <= 900
    assert facts.remaining_text.endswith(" left")
    assert facts.notes == ()
    assert APPLICATION in str(facts) and "UTC" in str(facts) and token not in str(facts)


def test_a_token_of_the_official_library_is_inspected(key: PrivateKey):
    made = vonage_jwt.JwtClient(APPLICATION, key.pem()).generate_application_jwt()
    facts = inspect(made)
    assert facts.claims["application_id"] == APPLICATION
    assert facts.remaining is not None and 800 < facts.remaining <= 900


def test_a_token_of_the_guides_command_line_has_no_exp_and_lasts_fifteen_minutes(key: PrivateKey):
    now = int(time.time())
    made = jwt.encode({"iat": now, "jti": "x", "application_id": APPLICATION}, key.key, algorithm="RS256")
    facts = inspect(made)
    assert facts.issued == datetime.fromtimestamp(now, UTC)
    assert facts.expires == datetime.fromtimestamp(now + 900, UTC)
    assert "no exp" in facts.notes[0]


def test_times_in_milliseconds_are_understood_and_said():
    facts = inspect(unsigned({"iat": 1_577_887_200_000, "exp": 1_577_888_100_000}))
    assert facts.issued == datetime(2020, 1, 1, 14, tzinfo=UTC)
    assert facts.expires == datetime(2020, 1, 1, 14, 15, tzinfo=UTC)
    assert [note for note in facts.notes if "iat is in milliseconds" in note]
    assert [note for note in facts.notes if "exp is in milliseconds" in note]


def test_a_time_that_is_text_is_understood_and_said():
    facts = inspect(unsigned({"iat": "1577887200"}))
    assert facts.issued == datetime(2020, 1, 1, 14, tzinfo=UTC)
    assert "iat is a text, where a number belongs" in facts.notes


@pytest.mark.parametrize("value", [10**400, -(10**400), "1" * 5000, float("nan"), float("inf"), -1e300, 1e300])
def test_a_number_that_is_no_time_is_said_and_does_not_raise(value: Any):
    facts = inspect(unsigned({"iat": value, "exp": value}))
    assert (facts.issued, facts.expires, facts.remaining) == (None, None, None)
    assert facts.remaining_text == "no time stated"
    assert "iat is no time" in facts.notes


@pytest.mark.parametrize("value", [None, True, [], {}, "soon"])
def test_a_time_that_is_no_number_is_as_good_as_none(value: Any):
    assert inspect(unsigned({"iat": value})).remaining_text == "no time stated"


def test_the_last_minute_of_the_calendar_does_not_raise():
    facts = inspect(unsigned({"iat": 253_402_300_799_000}))
    assert facts.expires is not None and facts.expires.year == 9999


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "ran out a moment ago"),
        (-61, "ran out 1 minute ago"),
        (-3601, "ran out 60 minutes ago"),
        (90.5, "01:30 left"),
        (7260.5, "2:01:00 left"),
    ],
)
def test_the_remaining_life_is_told_in_words(monkeypatch: pytest.MonkeyPatch, seconds: float, words: str):
    monkeypatch.setattr(time, "time", lambda: 1_600_000_000 - seconds)
    assert inspect(unsigned({"exp": 1_600_000_000})).remaining_text == words


PASTED = {
    "{}\n": "white space or quotes",
    "'{}'": "white space or quotes",
    '"{}"\r\n': "white space or quotes",
    "Bearer {}": "bearer",
    "bearer  {}": "bearer",
    "Authorization: Bearer {}": "authorization:",
    'Authorization: "Bearer {}"': "bearer",
}


@pytest.mark.parametrize("form", PASTED)
def test_what_people_paste_around_a_token_is_taken_off_and_said(token: Token, form: str):
    for pasted in (form.format(token), form.format(token).encode()):
        bare, notes = clean(pasted)
        assert bare == token
        assert any(PASTED[form] in note for note in notes)
        assert inspect(pasted).claims["application_id"] == APPLICATION
        assert set(notes) <= set(inspect(pasted).notes)


def test_a_token_that_a_terminal_broke_in_lines_is_put_together(token: Token):
    broken = "\n".join(token[at : at + 80] for at in range(0, len(token), 80))
    assert clean(broken) == (str(token), ("white space inside the token was left out",))


def test_a_clean_token_has_nothing_to_say(token: Token):
    assert clean(token) == (str(token), ())


@pytest.mark.parametrize("text", ["", "abc", "a.b", "a.b.c.d", "..c", "Bearer ", None, 5, ["a.b.c"]])
def test_what_cannot_be_a_token_is_refused_in_words(text: Any):
    for ask in (clean, inspect):
        with pytest.raises(TokenError) as caught:
            ask(text)
        assert caught.value.what and caught.value.seen and caught.value.next


def never_raises_and_never_shows(given: Any) -> None:
    for ask in (clean, inspect):
        try:
            ask(given)
        except TokenError as raised:
            error = f"{raised} {raised!r}"
            text = given.decode("latin-1") if isinstance(given, bytes) else given
            for part in text.split("."):
                assert len(part) < 12 or part not in error


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=300))
@example("eyJhbGciOiJub25lIn0." + "A" * 50 + "é.c2ln")
def test_no_rubbish_raises_anything_but_a_token_error(text: bytes | str):
    never_raises_and_never_shows(text)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20)
parts = scalars | st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "b64", "crit", "iat", "exp", "nbf", "jti", "aud", "sub", "application_id"]),
    scalars | st.lists(scalars, max_size=2),
    max_size=5,
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(parts, parts)
def test_no_header_and_no_claims_raise_anything_but_a_token_error(header: Any, claims: Any):
    made = unsigned(claims, header)
    never_raises_and_never_shows(made)
    assert "••••" in repr(Token(made))


@hypothesis_settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_token_is_refused_without_a_piece_of_it(token: Token, data: st.DataObject):
    start = data.draw(st.integers(0, len(token) - 1))
    end = data.draw(st.integers(start, len(token)))
    never_raises_and_never_shows(token[:start] + data.draw(st.text(max_size=5)) + token[end:])


@pytest.mark.parametrize(
    ("beyond", "fault"),
    [
        (86_400, None),
        (86_400.9, None),
        (86_460, "a time at most 24 hours after iat"),
        (4_000_000_000_000, "a time at most 24 hours after iat, in seconds"),
    ],
)
def test_an_exp_further_off_than_the_service_allows_is_a_fault(key: PrivateKey, beyond: float, fault: str | None):
    now = int(time.time())
    claims = {"application_id": APPLICATION, "iat": now, "exp": now + beyond, "jti": "x"}
    found = inspect(jwt.encode(claims, key.key, algorithm="RS256")).fault
    assert (found and found[1]) == fault
