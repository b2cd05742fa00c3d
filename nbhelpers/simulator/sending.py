"""The three send paths: reads a request as the service does, and answers 202 or its own error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbhelpers.database import storable
from nbhelpers.messages import GUIDE, LONGEST_ID, MEDIA, TODAY
from nbhelpers.outbound import CATEGORIES, LONGEST_REF, LONGEST_TEXT, LONGEST_URL
from nbhelpers.simulator.problems import Problem, invalid_json, invalid_v01, problem_v1

__all__ = ["Outgoing", "is_url", "parse", "read_request"]

_TYPES = {GUIDE: ("text", *MEDIA, "custom"), TODAY: ("text", *MEDIA)}
_REQUIRED = "is required."
_Parameters = list[tuple[str, str]]


@dataclass(frozen=True)
class Outgoing:
    """A message that was asked for, read and found good."""

    page_id: str
    psid: str
    kind: str
    category: str
    tag: str | None
    client_ref: str | None
    webhook_url: str | None
    webhook_version: str | None


def read_request(version: str, body: bytes) -> Outgoing | Problem:
    """Read a request body for `/<version>/messages`; give the service's error for what it would refuse.

    The limits that the specification states only in prose (640 characters, a tag with message_tag) are refused at
    once: whether the service does so, or later by status webhook, is not documented. An empty body lacks every field,
    and is no invalid JSON (seen in a gateway test: 1150).
    """
    try:
        parsed = parse(body) if body.strip() else {}
    except RecursionError:
        return invalid_json(version, "The document is nested too deeply")
    except ValueError as error:
        return invalid_json(version, _parser_words(error))
    return _read_flat(parsed) if version == "v1" else _read_nested(parsed)


def parse(body: bytes) -> Any:
    """Read JSON strictly: `NaN` and `Infinity`, which Python takes and RFC 8259 does not know, raise ValueError too."""
    return json.loads(body, parse_constant=_no_constant)


def is_url(value: Any) -> bool:
    """Say whether a value is an http or https address with a host, within the documented lengths (10 to 2000)."""
    return isinstance(value, str) and 10 <= len(value) <= LONGEST_URL and bool(re.match(r"https?://[^\s/]", value))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _parser_words(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "The document is not valid UTF-8, or holds NaN, Infinity or a number of too many digits"


def _read_nested(body: Any) -> Outgoing | Problem:
    if not isinstance(body, dict):
        return invalid_v01([("body", "must be a JSON object.")])
    wrong: _Parameters = []
    ids = {name: _nested_id(body.get(name), name, wrong) for name in ("from", "to")}
    message = body.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    messenger: Mapping[str, Any] = {}
    kind = ""
    if not isinstance(message, dict):
        wrong.append(("message", _REQUIRED if message is None else "must be an object."))
    elif not isinstance(content, dict):
        wrong.append(("message.content", _REQUIRED if content is None else "must be an object."))
    else:
        kind = _kind(content.get("type"), GUIDE, "message.content.type", wrong)
        _check_content(kind, content, "message.content.", wrong)
        messenger = _messenger(message.get("messenger"), "message.messenger", wrong)
    _check_ref(body.get("client_ref"), GUIDE, wrong)
    if wrong:
        return invalid_v01(wrong)
    return _outgoing(GUIDE, ids["from"], ids["to"], kind, messenger, body)


def _nested_id(value: Any, name: str, wrong: _Parameters) -> str:
    if not isinstance(value, dict):
        wrong.append((name, _REQUIRED if value is None else "must be an object."))
        return ""
    if value.get("type") != "messenger":
        wrong.append((f"{name}.type", _REQUIRED if value.get("type") is None else "must be `messenger`."))
    identity = value.get("id")
    if not _is_id(identity):
        reason = _REQUIRED if identity is None else f"must be a string of 1 to {LONGEST_ID} characters."
        wrong.append((f"{name}.id", reason))
        return ""
    return identity


def _read_flat(body: Any) -> Outgoing | Problem:
    if not isinstance(body, dict):
        return problem_v1(1150, [("body", "must be a JSON object.")])
    missing = [(name, _REQUIRED) for name in ("to", "from", "channel", "message_type") if body.get(name) is None]
    if missing:
        return problem_v1(1150, missing)
    if body["channel"] != "messenger":
        return problem_v1(1100)
    if not _is_id(body["from"]):
        return problem_v1(1120)
    if not _is_id(body["to"]):
        return problem_v1(1130)
    wrong: _Parameters = []
    kind = _kind(body["message_type"], TODAY, "message_type", wrong)
    if wrong:
        return problem_v1(1140)
    _check_content(kind, body, "", wrong)
    if body.get("webhook_version") not in (None, GUIDE, TODAY):
        wrong.append(("webhook_version", "Must be one of `v0.1` or `v1`."))
    if body.get("webhook_url") is not None and not is_url(body["webhook_url"]):
        wrong.append(("webhook_url", "must be a URL."))
    if wrong:
        return problem_v1(1150, wrong)
    messenger = _messenger(body.get("messenger"), "messenger", wrong)
    if wrong:
        return problem_v1(1110, wrong)
    _check_ref(body.get("client_ref"), TODAY, wrong)
    if wrong:
        return problem_v1(1060)
    return _outgoing(TODAY, body["from"], body["to"], kind, messenger, body)


def _outgoing(
    shape: str, page: str, psid: str, kind: str, messenger: Mapping[str, Any], body: dict[str, Any]
) -> Outgoing:
    webhook = body if shape == TODAY else {}  # v0.1 does not know these two fields
    return Outgoing(
        page_id=storable(page) or "",
        psid=storable(psid) or "",
        kind=kind,
        category=messenger.get("category", "response"),
        tag=storable(messenger.get("tag")),
        client_ref=storable(body.get("client_ref")),
        webhook_url=storable(webhook.get("webhook_url")),
        webhook_version=webhook.get("webhook_version"),
    )


def _kind(value: Any, shape: str, name: str, wrong: _Parameters) -> str:
    if value not in _TYPES[shape]:
        words = f"must be one of {', '.join(_TYPES[shape])}."
        wrong.append((name, _REQUIRED if value is None else words))
        return ""
    return value


def _check_content(kind: str, content: Mapping[str, Any], prefix: str, wrong: _Parameters) -> None:
    value = content.get(kind)
    if kind == "text":
        if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT:
            reason = _REQUIRED if value is None else f"must be a string of 1 to {LONGEST_TEXT} characters."
            wrong.append((f"{prefix}text", reason))
    elif kind in MEDIA:
        url = value.get("url") if isinstance(value, dict) else None
        if not is_url(url):
            wrong.append((f"{prefix}{kind}.url", _REQUIRED if url is None else "must be a URL."))
    elif kind == "custom" and not isinstance(value, dict):
        wrong.append((f"{prefix}custom", _REQUIRED if value is None else "must be an object."))


def _messenger(value: Any, name: str, wrong: _Parameters) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong.append((name, "must be an object."))
        return {}
    category, tag = value.get("category"), value.get("tag")
    if category is not None and category not in CATEGORIES:
        wrong.append((f"{name}.category", "Must be one of `response`, `update` or `message_tag`."))
    if tag is not None and not isinstance(tag, str):
        wrong.append((f"{name}.tag", "must be a string."))
    if category == "message_tag" and not tag:
        wrong.append((f"{name}.tag", _REQUIRED))
    return {key: each for key, each in (("category", category), ("tag", tag)) if each is not None}


def _check_ref(value: Any, shape: str, wrong: _Parameters) -> None:
    if value is not None and not (isinstance(value, str) and 1 <= len(value) <= LONGEST_REF[shape]):
        wrong.append(("client_ref", f"can be a string of up to {LONGEST_REF[shape]} characters."))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID
