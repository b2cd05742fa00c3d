"""The errors of the service: its own words, byte for byte where they are known."""

from __future__ import annotations

import json

import pytest

from nbhelpers.simulator.rules.problems import (
    Problem,
    bad_application,
    gateway,
    invalid_json,
    invalid_v01,
    problem_v1,
    unauthorised,
)

pytestmark = pytest.mark.fast

TRACE = "0123456789abcdef0123456789abcdef"
ERRORS = "https://developer.vonage.com/api-errors"


def body_of(problem: Problem) -> dict:
    body, kind = problem.body(TRACE)
    assert kind == "application/problem+json"
    return json.loads(body)


def test_the_live_401_has_title_detail_and_instance_and_no_type() -> None:
    problem = unauthorised()
    assert problem.status == 401
    assert body_of(problem) == {"title": "Unauthorised", "detail": "Invalid Token", "instance": TRACE}


def test_the_live_401_without_a_header_has_no_instance() -> None:
    problem = unauthorised("Request header 'Authorization' missing")
    assert problem.status == 401
    assert body_of(problem) == {"title": "Unauthorised", "detail": "Request header 'Authorization' missing"}


@pytest.mark.parametrize(
    ("number", "title", "detail", "fragment"),
    [
        (1100, "Unsupported channel", "The specified channel is not supported.", "1100"),
        (1110, "Invalid channel parameters", "The value of one or more parameters is invalid.", "1110"),
        (1120, "Invalid sender", "The `from` parameter is invalid.", "1120"),
        (1130, "Invalid recipient", "The `to` parameter is invalid for the given channel.", "110"),
        (1140, "Invalid message type", "The `to` parameter is invalid for the given channel.", "1140"),
        (1150, "Invalid params", "The value of one or more parameters is invalid.", "1150"),
        (1060, "Invalid client reference", "The client reference can be a string of up to 40 characters.", "1060"),
    ],
)
def test_a_422_of_v1_has_the_fields_in_the_live_order_and_the_words_of_the_specification(
    number: int, title: str, detail: str, fragment: str
) -> None:
    problem = problem_v1(number)
    assert problem.status == 422
    body = body_of(problem)
    assert list(body) == ["title", "detail", "instance", "type"]
    assert body == {
        "title": title,
        "detail": detail,
        "instance": TRACE,
        "type": f"{ERRORS}/messages#{fragment}",
    }


def test_parameters_are_named_with_their_reasons() -> None:
    wrong = [("image.url", "is required."), ("webhook_url", "must be a URL.")]
    named = [{"name": name, "reason": reason} for name, reason in wrong]
    assert body_of(problem_v1(1150, wrong))["invalid_parameters"] == named
    assert body_of(invalid_v01(wrong))["invalid_parameters"] == named
    assert body_of(bad_application(400, wrong))["invalid_parameters"] == named


def test_the_400_of_v01_counts_the_parameters_in_the_words_seen_live() -> None:
    problem = invalid_v01([("to.id", "is required.")])
    assert problem.status == 400
    assert body_of(problem) == {
        "type": "https://www.nexmo.com/messages/Errors#InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": "Found errors validating 1 of your submitted parameters.",
        "instance": TRACE,
        "invalid_parameters": [{"name": "to.id", "reason": "is required."}],
    }
    assert "validating 2 of" in body_of(invalid_v01([("a", "x"), ("b", "y")]))["detail"]


def test_invalid_json_is_422_on_v1_and_400_before() -> None:
    assert [invalid_json(version, "x").status for version in ("v1", "v0.1", "beta")] == [422, 400, 400]
    assert body_of(invalid_json("v1", "Unexpected character")) == {
        "type": f"{ERRORS}#invalid-json",
        "title": "The request body did not contain valid JSON",
        "detail": "Unexpected character",
        "instance": TRACE,
    }


def test_the_gateway_speaks_plain_text() -> None:
    assert gateway(403, "Forbidden").body(TRACE) == (b"Forbidden", "text/plain")


@pytest.mark.parametrize(
    ("status", "fragment", "title", "detail"),
    [
        (401, "#unauthorized", "Invalid credentials supplied", "You did not provide correct credentials."),
        (404, "#not-found", "Not Found", "ID 'ABC123' does not exist, or you do not have access"),
        (400, "/application#payload-validation", "Bad Request", "The request failed due to validation errors"),
    ],
)
def test_the_applications_api_has_errors_of_its_own(status: int, fragment: str, title: str, detail: str) -> None:
    problem = bad_application(status, name="ABC123")
    assert problem.status == status
    assert body_of(problem) == {"type": ERRORS + fragment, "title": title, "detail": detail, "instance": TRACE}


def test_a_name_with_a_lone_surrogate_can_be_sent() -> None:
    body, _ = bad_application(404, name="\ud800").body(TRACE)
    assert json.loads(body)["detail"].startswith("ID '\ud800'")
