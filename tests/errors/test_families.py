"""Of a code that has no cure the kit says what it does know: its family, and where it is explained."""

from __future__ import annotations

import pytest

from nbhelpers.errors import cures
from nbhelpers.errors.families import family

pytestmark = pytest.mark.fast

KNOWN = {
    ("ngrok", "119"): "starting the ngrok program",
    ("ngrok", "203"): "ngrok's own API",
    ("ngrok", "334"): "opening a public address",
    ("ngrok", "407"): "domains and addresses",
    ("ngrok", "603"): "tokens and keys",
    ("ngrok", "725"): "limits of a plan",
    ("ngrok", "810"): "between the ngrok program and its service",
    ("ngrok", "1006"): "paying for ngrok",
    ("ngrok", "1340"): "ngrok's dashboard",
    ("ngrok", "2201"): "traffic policies",
    ("ngrok", "3211"): "refused or could not pass on",
    ("ngrok", "4100"): "accounts and their users",
    ("ngrok", "8003"): "the way from this computer to ngrok",
    ("ngrok", "9030"): "what an account may do",
    ("ngrok", "18006"): "addresses that ngrok itself serves",
    ("ngrok", "22000"): "the network or country",
    ("http", "202"): "no error",
    ("http", "307"): "another address",
    ("http", "418"): "the fault is in what was sent",
    ("http", "599"): "a fault of its own",
    ("status", "1240"): "phone numbers and their carriers",
    ("status", "1473"): "protection against fraud",
    ("status", "1482"): "text messages to phones",
    ("status", "2003"): "other channels",
    ("status", "1999"): "the kit has no words",
    ("refusal", "something-new"): "the kit has no words",
    ("python", "ZeroDivisionError"): "the fault is in the code that ran",
    ("kit", "InboxError"): "The kit stopped by itself",
}


@pytest.mark.parametrize(("space", "code"), KNOWN)
def test_a_code_without_a_cure_is_of_a_family_and_says_where_it_is_explained(space: str, code: str):
    found = family(space, code)
    assert found is not None
    assert KNOWN[space, code] in found.what
    assert code in found.seen
    for sentence in (found.what, found.next, found.seen):
        assert sentence[0].isupper() or sentence.startswith("ngrok")
        assert sentence.endswith(".")
    if space == "ngrok":
        assert f"https://ngrok.com/docs/errors/err_ngrok_{code}" in found.next


@pytest.mark.parametrize("code", ["5", "950", "14500", "28000", "99999"])
def test_a_number_of_no_family_has_an_address_all_the_same(code: str):
    found = family("ngrok", code)
    assert found is not None and "one of those" not in found.what
    assert f"err_ngrok_{code}" in found.next


def test_every_number_of_ngroks_that_has_a_cure_is_of_a_family_too():
    for code in cures()["ngrok"]:
        if code.isdecimal():
            assert "one of those about" in family("ngrok", code).what, code


@pytest.mark.parametrize(("space", "code"), [("http", "999"), ("http", "40"), ("status", "12"), ("connection", "x")])
def test_of_what_is_no_code_nothing_is_said(space: str, code: str):
    assert family(space, code) is None
