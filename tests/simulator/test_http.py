"""Forms and answers of the simulator."""

from __future__ import annotations

import json

import pytest

from nbhelpers.simulator.http import answer, fields_of, refused
from nbhelpers.simulator.rules.problems import unauthorised

pytestmark = pytest.mark.fast


def test_a_form_is_read_whatever_it_says_it_is() -> None:
    assert fields_of(b"a=1&b=&a=2&c=%C3%A9") == {"a": "2", "b": "", "c": "é"}
    assert fields_of(b' {"a": 1, "b": null}') == {"a": 1, "b": None}
    assert fields_of(b"") == {}


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b"{", b'{"a"', b"&".join([b"a=1"] * 101)])
def test_what_is_neither_a_form_nor_an_object_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        fields_of(body)


def test_a_problem_carries_the_trace_of_its_header() -> None:
    response = answer(unauthorised())
    assert response.status_code == 401
    assert json.loads(response.body)["instance"] == response.headers["x-nexmo-trace-id"]
    assert response.headers["content-type"] == "application/problem+json"


def test_half_a_character_does_not_break_an_answer() -> None:
    assert json.loads(answer({"name": "\ud800"}).body) == {"name": "\ud800"}


def test_nothing_to_say_is_an_empty_body() -> None:
    assert (answer(None, 204).status_code, answer(None, 204).body) == (204, b"")


def test_a_refusal_of_ours_has_three_parts() -> None:
    assert json.loads(refused(400, "what", "seen", "next").body) == {"error": "what", "seen": "seen", "next": "next"}
