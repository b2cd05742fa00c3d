"""The errors of the service, in its own words. Texts are wire literals, its misspellings included.

Sources, by mark: the Messages API specification 1.11.0 (v1) and 0.4.0 (v0.1); live answers quoted in public issue
threads and gateway tests, which win over the specification where the two differ (the 401 body, the detail of 1120).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Problem", "bad_application", "gateway", "invalid_json", "invalid_v01", "problem_v1", "unauthorised"]

_ERRORS = "https://developer.vonage.com/api-errors"


@dataclass(frozen=True)
class Problem:
    """A refusal: `status` and the fields of its body. The trace id is added when it is sent."""

    status: int
    fields: dict[str, Any] = field(default_factory=dict)
    plain: str = ""

    def body(self, trace: str) -> tuple[bytes, str]:
        """Return body and content type, with `trace` where the service puts it."""
        if self.plain:
            return self.plain.encode(), "text/plain"
        fields = {name: trace if value == _TRACE else value for name, value in self.fields.items()}
        return json.dumps(fields, separators=(",", ":")).encode(), "application/problem+json"


_TRACE = "<trace>"


def unauthorised(detail: str = "Invalid Token") -> Problem:
    """The live 401 of the Messages API, of both versions (seen in issue threads; the specification has another)."""
    fields = {"title": "Unauthorised", "detail": detail}
    # Seen without a trace where the header is missing, with one where the token is wrong.
    return Problem(401, fields | ({"instance": _TRACE} if detail == "Invalid Token" else {}))


def invalid_json(version: str, reason: str) -> Problem:
    """The body is no JSON. v1 documents 422; for v0.1 no sample is known, 400 is inferred from its other errors.

    `reason` is the parser's own text, as in the specification's example; its wording is ours.
    """
    return Problem(
        422 if version == "v1" else 400,
        {
            "type": f"{_ERRORS}#invalid-json",
            "title": "The request body did not contain valid JSON",
            "detail": reason,
            "instance": _TRACE,
        },
    )


def invalid_v01(parameters: list[tuple[str, str]]) -> Problem:
    """The validation error of beta and v0.1: 400 with `invalid_parameters` (seen in an issue thread of 2020)."""
    return Problem(
        400,
        {
            "type": "https://www.nexmo.com/messages/Errors#InvalidParams",
            "title": "Your request parameters didn't validate.",
            "detail": f"Found errors validating {len(parameters)} of your submitted parameters.",
            "instance": _TRACE,
            "invalid_parameters": [{"name": name, "reason": reason} for name, reason in parameters],
        },
    )


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


def problem_v1(number: int, parameters: list[tuple[str, str]] | None = None) -> Problem:
    """A 422 of v1, by its number; 1110 and 1150 name the `parameters` with a reason each."""
    title, detail, fragment = _V1[number]
    fields: dict[str, Any] = {
        "title": title,
        "detail": detail,
        "instance": _TRACE,
        "type": f"{_ERRORS}/messages#{fragment}",
    }
    if parameters:
        fields["invalid_parameters"] = [{"name": name, "reason": reason} for name, reason in parameters]
    return Problem(422, fields)


def gateway(status: int, words: str) -> Problem:
    """An answer of the gateway before the API: plain text (that it is plain was seen, its wording is ours)."""
    return Problem(status, plain=words)


def bad_application(status: int, parameters: list[tuple[str, str]] | None = None, name: str = "") -> Problem:
    """The errors of the Applications API: 400 for a bad field, 401 for bad credentials, 404 for an unknown id."""
    kinds = {
        400: ("/application#payload-validation", "Bad Request", "The request failed due to validation errors"),
        401: ("#unauthorized", "Invalid credentials supplied", "You did not provide correct credentials."),
        404: ("#invalid-id", "Invalid ID", f"ID '{name}' does not exist, or you do not have access"),
    }
    suffix, title, detail = kinds[status]
    fields: dict[str, Any] = {"type": _ERRORS + suffix, "title": title, "detail": detail, "instance": _TRACE}
    if parameters:
        fields["invalid_parameters"] = [{"name": name, "reason": reason} for name, reason in parameters]
    return Problem(status, fields)
