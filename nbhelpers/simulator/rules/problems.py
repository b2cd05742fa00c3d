"""The errors of the service, in its own words. Texts are wire literals, its misspellings included.

Sources, by mark: the Messages API specification 1.11.0 (v1) and 0.4.0 (v0.1), the External Accounts specification
(0.1.3 was read, 0.1.5 is the last), the Application specification (2.0.8 was read, 2.1.0 is the last) with the errors
common to all; live answers quoted in public issue threads and gateway tests, which win over the specification where
the two differ (the 401 body, the detail of 1120).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Problem",
    "bad_application",
    "external",
    "gateway",
    "invalid_json",
    "invalid_v01",
    "low_balance",
    "problem_v1",
    "rate_limited",
    "settings_refused",
    "unauthorised",
    "unknown_message",
    "unsupported_operation",
]

_ERRORS = "https://developer.vonage.com/api-errors"
_OLD_ERRORS = "https://www.nexmo.com/messages/Errors"
_TRACE = "<trace>"
_Parameters = list[tuple[str, str]]


@dataclass(frozen=True)
class Problem:
    """A refusal: `status`, the fields of its body and their Content-Type. The trace id is added when it is sent."""

    status: int
    fields: dict[str, Any] = field(default_factory=dict)
    plain: str = ""
    kind: str = "application/problem+json"

    def body(self, trace: str) -> tuple[bytes, str]:
        """Return body and content type, with `trace` where the service puts it."""
        if self.plain:
            return self.plain.encode(), "text/plain"
        fields = {name: trace if value == _TRACE else value for name, value in self.fields.items()}
        return json.dumps(fields, separators=(",", ":")).encode(), self.kind


def unauthorised(detail: str = "Invalid Token", version: str | None = None) -> Problem:
    """Return the 401 of the Messages API as it was seen live, or with `version` v1 as its specification has it.

    Seen without a trace where the header is missing (vonage-node-sdk#869), with one where the token is wrong.
    """
    if version == "v1":
        return _problem(
            401,
            "You did not provide correct credentials.",
            "Check that you're using the correct credentials, and that your account has this feature enabled",
            f"{_ERRORS}/#unathorized",
        )
    fields = {"title": "Unauthorised", "detail": detail}
    return Problem(401, fields | ({"instance": _TRACE} if detail == "Invalid Token" else {}))


def invalid_json(version: str, reason: str) -> Problem:
    """Say that the body is no JSON: 422 is documented for v1, 400 inferred for v0.1 from its other errors.

    `reason` is the parser's own text, as in the specification's example; its wording is ours.
    """
    status = 422 if version == "v1" else 400
    return _problem(status, "The request body did not contain valid JSON", reason, f"{_ERRORS}#invalid-json")


def invalid_v01(parameters: _Parameters) -> Problem:
    """Return beta's and v0.1's validation error: 400 with `invalid_parameters` (vonage-node-code-snippets#79, 2020)."""
    return Problem(400, _invalid(f"{_OLD_ERRORS}#InvalidParams", parameters, "invalid_parameters"))


# number: (title, detail, fragment as the specification prints it)
_V1 = {
    1100: ("Unsupported channel", "The specified channel is not supported.", "1100"),
    1110: ("Invalid channel parameters", "The value of one or more parameters is invalid.", "1110"),
    1120: ("Invalid sender", "The `from` parameter is invalid.", "1120"),
    1130: ("Invalid recipient", "The `to` parameter is invalid for the given channel.", "110"),
    1140: ("Invalid message type", "The `to` parameter is invalid for the given channel.", "1140"),
    1150: ("Invalid params", "The value of one or more parameters is invalid.", "1150"),
    1060: ("Invalid client reference", "The client reference can be a string of up to 40 characters.", "1060"),
}


def problem_v1(number: int, parameters: _Parameters | None = None) -> Problem:
    """Return a 422 of v1, by its number; 1110 and 1150 name the `parameters` with a reason each."""
    title, detail, fragment = _V1[number]
    return _problem(422, title, detail, f"{_ERRORS}/messages#{fragment}", _named("invalid_parameters", parameters))


def low_balance(version: str) -> Problem:
    """Say that the account has no credit: 402 in v1, 400 in v0.1, before the body is looked at (gateway tests)."""
    if version == "v1":
        detail = "This request could not be performed due to your account balance being low."
        return _problem(402, "Low balance", detail, f"{_ERRORS}#low-balance")
    detail = "Insufficient balance, please check your nexmo account."
    return _problem(400, "Bad Request", detail, f"{_ERRORS}#low-balance")


def rate_limited(fragment: str) -> Problem:
    """Too many messages in this second: documented for v1; v0.1 is taken to answer the same."""
    return _problem(429, "Rate Limit Hit", "Please wait, then retry your request", f"{_ERRORS}/messages#{fragment}")


def unknown_message(message_uuid: str) -> Problem:
    """PATCH of a message that there is not (gateway test)."""
    return _problem(404, "Not Found", f"Message with ID {message_uuid} not found", f"{_ERRORS}#not-found")


def unsupported_operation() -> Problem:
    """PATCH of a message on a channel that has none, as Messenger (specification 1.11.0; the fragment is ours)."""
    detail = "This operation is not supported for this channel."
    return _problem(422, "Operation not supported", detail, f"{_ERRORS}/messages#unsupported-operation")


def gateway(status: int, words: str) -> Problem:
    """Return an answer of the gateway before the API: plain text (that it is plain was seen, its wording is ours)."""
    return Problem(status, plain=words)


# Errors of the Applications API, and those common to all: (fragment, title, detail).
_APPLICATION = {
    400: ("/application#payload-validation", "Bad Request", "The request failed due to validation errors"),
    401: ("#unauthorized", "Invalid credentials supplied", "You did not provide correct credentials."),
    404: ("#not-found", "Not Found", "ID '{0}' does not exist, or you do not have access"),
    405: ("#wrong-verb", "Request method not allowed", "Request method '{0}' not supported"),
    406: (
        "#accept-header",
        "Invalid Accept header",
        "Invalid Accept header provided. Must be one of the following: 'application/json'",
    ),
    415: (
        "#content-type-header",
        "Unsupported Content-Type header",
        "Unsupported Content-Type header provided. Must be one of the following: 'application/json'",
    ),
}


def bad_application(status: int, parameters: _Parameters | None = None, name: str = "") -> Problem:
    """Return an error of the Applications API; `name` is the unknown id, or the method that is not allowed."""
    suffix, title, detail = _APPLICATION[status]
    if parameters and parameters[0][0] in ("page", "page_size"):
        suffix = "/application#list-validation"
    return _problem(status, title, detail.format(name), _ERRORS + suffix, _named("invalid_parameters", parameters))


def external(status: int, detail: str = "", parameters: _Parameters | None = None) -> Problem:
    """Return an error of the External Accounts API: 400 with `invalid_params`, 403, 404 and 409 with `detail`."""
    if parameters:
        return Problem(400, _invalid(f"{_OLD_ERRORS}#InvalidParams", parameters, "invalid_params"))
    # The specification gives 404 no body; these words are ours, in the form of the others.
    fragment, title = {
        403: ("Forbidden", "Forbidden"),
        404: ("NotFound", "Not Found"),
        409: ("Conflict", "Application conflict"),
    }[status]
    return _problem(status, title, detail, f"{_OLD_ERRORS}#{fragment}")


def settings_refused(status: int, words: str) -> Problem:
    """Return the errors of the account settings API: a code and a label. 401 is documented.

    420, which gateway tests show for another call of the same service, and 400 are inferred.
    """
    return Problem(status, {"error-code": str(status), "error-code-label": words}, kind="application/json")


def _problem(status: int, title: str, detail: str, kind: str, more: dict[str, Any] | None = None) -> Problem:
    # In the order in which it was seen live: title, detail, instance, type.
    fields = {"title": title, "detail": detail, "instance": _TRACE, "type": kind}
    return Problem(status, fields | (more or {}))


def _named(name: str, parameters: _Parameters | None) -> dict[str, Any]:
    return {name: [{"name": each, "reason": reason} for each, reason in parameters]} if parameters else {}


def _invalid(kind: str, parameters: _Parameters, name: str) -> dict[str, Any]:
    return {
        "type": kind,
        "title": "Your request parameters didn't validate.",
        "detail": f"Found errors validating {len(parameters)} of your submitted parameters.",
        "instance": _TRACE,
        **_named(name, parameters),
    }
