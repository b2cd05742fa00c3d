"""What the checks of the exercises share: an answer read from whatever is in hand, and a refusal in its own words."""

from __future__ import annotations

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.course.exercise_checks import CHECKS, answer_of, page_named, reason_of, says
from tests.support.labs import course_of

pytestmark = pytest.mark.fast


def response(status: int, body: bytes) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, body
    return made


def test_an_answer_is_read_from_a_response_or_from_its_json_and_from_nothing_else() -> None:
    assert answer_of(response(202, b'{"message_uuid": "u"}')) == (202, {"message_uuid": "u"})
    assert answer_of(response(500, b"<h1>no</h1>")) == (500, {})
    assert answer_of({"title": "t"}) == (None, {"title": "t"})
    assert answer_of("202") is None


def test_the_reason_of_a_refusal_is_its_own_words_in_one_line() -> None:
    assert reason_of({"title": "Unauthorised", "detail": "Invalid\nToken"}) == "Unauthorised: Invalid�Token"
    assert reason_of({"other": 1}) == '{"other": 1}'


def test_a_sentence_is_named_with_what_was_seen() -> None:
    assert says("returned", seen="3") == ("returned", {"seen": "3"})


def test_a_page_is_found_by_its_name(ready: Lab) -> None:
    found = page_named(course_of(ready), ready.facts["page_name"])
    assert found is not None and found["id"] == ready.facts["page_id"]
    assert page_named(course_of(ready), "no such Page") is None


def test_each_exercise_of_steps_1_to_5_has_one() -> None:
    assert {number.partition(".")[0] for number in CHECKS} == set("12345")
