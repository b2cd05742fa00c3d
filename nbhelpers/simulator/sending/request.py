"""Reads the body of a send request as the service does: gives the message, or the service's own error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbhelpers.messages.inbound import GUIDE, LONGEST_ID, MEDIA, TODAY
from nbhelpers.messages.outbound import CATEGORIES, LONGEST_REF, LONGEST_TEXT
from nbhelpers.messages.urls import is_url
from nbhelpers.simulator.rules.messenger import is_out_of_reach, is_wrong_template, is_wrong_type, tag_refusal
from nbhelpers.simulator.rules.problems import Problem, invalid_json, invalid_v01, problem_v1
from nbhelpers.simulator.storage.switches import DEFAULTS
from nbhelpers.storage.sqlite import storable

__all__ = ["MESSENGER", "Outgoing", "parse", "read_request"]

#: The channel, as the wire has it.
MESSENGER = "messenger"
# The channels of specification 1.11.0. Only Messenger is simulated; the others may stand in a failover.
_CHANNELS = ("sms", "mms", "rcs", "whatsapp", "viber_service", MESSENGER)
_TYPES = {GUIDE: ("text", *MEDIA, "custom"), TODAY: ("text", *MEDIA)}
_MOST_STEPS = 100  # of a failover; the service's own limit is not known
_REQUIRED = "is required."
_Parameters = list[tuple[str, str]]


@dataclass(frozen=True)
class Outgoing:
    """A message that was asked for, read and found good.

    `page_id` and `psid` are sender and recipient, on another channel than Messenger its own. `later` is the code with
    which it will be refused by status webhook for what is in it, None when nothing is wrong. `failover` is what to try
    when this one is rejected, each without a failover of its own; `body` is the JSON of such a step.
    """

    page_id: str
    psid: str
    kind: str
    category: str = "response"
    tag: str | None = None
    client_ref: str | None = None
    webhook_url: str | None = None
    webhook_version: str | None = None
    channel: str = MESSENGER
    later: str | None = None
    failover: tuple[Outgoing, ...] = ()
    body: str = ""


def read_request(version: str, body: bytes, switches: Mapping[str, str] = DEFAULTS) -> Outgoing | Problem:
    """Read a request body for `/<version>/messages`; give the service's error for what it would refuse.

    Whether what the specification states only in prose (640 characters, a tag with message_tag, file types) is refused
    at once or later is not documented: the switches say. An empty body lacks every field, and is no invalid JSON (seen
    in a gateway test: 1150).
    """
    try:
        parsed = parse(body) if body.strip() else {}
    except RecursionError:
        return invalid_json(version, "The document is nested too deeply")
    except ValueError as error:
        return invalid_json(version, _parser_words(error))
    reading = _Reading(TODAY if version == "v1" else GUIDE, switches)
    return reading.flat(parsed) if version == "v1" else reading.nested(parsed)


def parse(body: bytes) -> Any:
    """Read JSON strictly: `NaN` and `Infinity`, which Python takes and RFC 8259 does not know, raise ValueError too.

    UTF-16 and UTF-32 are read, as the service's parser is taken to do (its error texts are Jackson's).
    """
    return _decode(body.decode(json.detect_encoding(body)))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_no_constant).decode  # made once: to make one takes longer than to use it


def _parser_words(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "The document is not valid UTF-8, or holds NaN, Infinity or a number of too many digits"


class _Reading:
    """One request being read: `wrong` collects what is refused at once, `later` what is refused by status webhook."""

    def __init__(self, shape: str, switches: Mapping[str, str], prefix: str = "") -> None:
        self._shape, self._switches, self._prefix = shape, switches, prefix
        self._wrong: _Parameters = []
        self._later: str | None = None

    # The two shapes

    def nested(self, body: Any) -> Outgoing | Problem:
        if not isinstance(body, dict):
            return invalid_v01([("body", "must be a JSON object.")])
        ids = {name: self._nested_id(body.get(name), name) for name in ("from", "to")}
        message = body.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        messenger: Mapping[str, Any] = {}
        kind = ""
        if not isinstance(message, dict):
            self._refuse("message", _REQUIRED if message is None else "must be an object.")
        elif not isinstance(content, dict):
            self._refuse("message.content", _REQUIRED if content is None else "must be an object.")
        else:
            kind = self._kind(content.get("type"), "message.content.type")
            self._check_content(kind, content, "message.content.")
            messenger = self._messenger(message.get("messenger"), "message.messenger")
        self._check_ref(body.get("client_ref"), LONGEST_REF[GUIDE])
        if self._wrong:
            return invalid_v01(self._wrong)
        return self._outgoing(ids["from"], ids["to"], kind, messenger, {"client_ref": body.get("client_ref")})

    def flat(self, body: Any) -> Outgoing | Problem:
        if not isinstance(body, dict):
            return problem_v1(1150, [("body", "must be a JSON object.")])
        outgoing = self._flat_message(body)
        if isinstance(outgoing, Problem) or body.get("failover") is None:
            return outgoing
        steps = body["failover"]
        if not isinstance(steps, list) or not 1 <= len(steps) <= _MOST_STEPS:
            return problem_v1(1150, [("failover", f"must be a list of 1 to {_MOST_STEPS} messages.")])
        read = [_Reading(self._shape, self._switches, f"failover[{at}].").step(step) for at, step in enumerate(steps)]
        refused = next((step for step in read if isinstance(step, Problem)), None)
        return refused or Outgoing(**vars(outgoing) | {"failover": tuple(read)})

    def step(self, body: Any) -> Outgoing | Problem:
        """Read a message of a failover: Messenger's like any other, of another channel only the envelope."""
        if not isinstance(body, dict):
            return problem_v1(1150, [(self._prefix.rstrip("."), "must be an object.")])
        if body.get("failover") is not None:
            return problem_v1(1150, [(f"{self._prefix}failover", "cannot be nested.")])
        if body.get("channel") == MESSENGER or body.get("channel") not in _CHANNELS:
            return self._flat_message(body)
        refused = self._wrong_ends(body)
        if refused:
            return refused
        if not isinstance(body["message_type"], str):
            return problem_v1(1140)
        self._check_ref(body.get("client_ref"), int(self._switches["client_ref"]))
        if self._wrong:
            return problem_v1(1060)
        return self._wrong_envelope(body) or self._outgoing(body["from"], body["to"], body["message_type"], {}, body)

    def _flat_message(self, body: dict[str, Any]) -> Outgoing | Problem:
        refused = self._wrong_ends(body)
        if refused:
            return refused
        kind = self._kind(body["message_type"], "message_type")
        if self._wrong:
            return problem_v1(1140)
        self._check_content(kind, body, "")
        refused = self._wrong_envelope(body)
        if refused:
            return refused
        messenger = self._messenger(body.get("messenger"), "messenger")
        if self._wrong:
            # An unknown tag is shown as 1150 in the one fixture there is; everything else of Messenger's is 1110.
            unknown = [name for name, reason in self._wrong if reason == "invalid value"]
            return problem_v1(1150 if unknown else 1110, self._wrong)
        self._check_ref(body.get("client_ref"), int(self._switches["client_ref"]))
        if self._wrong:
            return problem_v1(1060)
        return self._outgoing(body["from"], body["to"], kind, messenger, body)

    def _wrong_ends(self, body: dict[str, Any]) -> Problem | None:
        names = ("to", "from", "channel", "message_type")
        missing = [(self._prefix + name, _REQUIRED) for name in names if body.get(name) is None]
        if missing:
            return problem_v1(1150, missing)
        # Another channel can stand in a failover alone.
        if body["channel"] not in (_CHANNELS if self._prefix else (MESSENGER,)):
            return problem_v1(1100)
        if not _is_id(body["from"]):
            return problem_v1(1120)
        return None if _is_id(body["to"]) else problem_v1(1130)

    def _wrong_envelope(self, body: dict[str, Any]) -> Problem | None:
        version, url = body.get("webhook_version"), body.get("webhook_url")
        if version is not None and version not in (GUIDE, TODAY):
            self._refuse("webhook_version", "Must be one of `v0.1` or `v1`.")
        if url is not None and not is_url(url):
            self._refuse("webhook_url", "must be a URL.")
        return problem_v1(1150, self._wrong) if self._wrong else None

    def _outgoing(
        self, sender: str, recipient: str, kind: str, messenger: Mapping[str, Any], body: dict[str, Any]
    ) -> Outgoing:
        return Outgoing(
            page_id=storable(sender) or "",
            psid=storable(recipient) or "",
            kind=storable(kind) or "",
            category=messenger.get("category", "response"),
            tag=storable(messenger.get("tag")),
            client_ref=storable(body.get("client_ref")),
            webhook_url=storable(body.get("webhook_url")),
            webhook_version=body.get("webhook_version"),
            channel=body.get("channel", MESSENGER),
            later=self._later,
            body=json.dumps(body) if self._prefix else "",
        )

    # The fields

    def _refuse(self, name: str, reason: str) -> None:
        self._wrong.append((self._prefix + name, reason))

    def _refuse_by(self, switch: str, code: str, name: str, reason: str) -> None:
        """Refuse at once or later, as a switch has it."""
        if self._switches[switch] == "at once":
            self._refuse(name, reason)
        elif self._switches[switch] == "later":
            self._later = self._later or code

    def _nested_id(self, value: Any, name: str) -> str:
        if not isinstance(value, dict):
            self._refuse(name, _REQUIRED if value is None else "must be an object.")
            return ""
        if value.get("type") != MESSENGER:
            self._refuse(f"{name}.type", _REQUIRED if value.get("type") is None else "must be `messenger`.")
        identity = value.get("id")
        if not _is_id(identity):
            words = f"must be a string of 1 to {LONGEST_ID} characters."
            self._refuse(f"{name}.id", _REQUIRED if identity is None else words)
            return ""
        return str(identity)

    def _kind(self, value: Any, name: str) -> str:
        types = _TYPES[self._shape]
        if self._shape == TODAY and self._switches["custom"] == "taken":
            types = _TYPES[GUIDE]
        if value not in types:
            words = f"must be one of {', '.join(types)}."
            self._refuse(name, _REQUIRED if value is None else words)
            return ""
        return str(value)

    def _check_content(self, kind: str, content: Mapping[str, Any], prefix: str) -> None:
        value = content.get(kind)
        if kind == "text":
            self._check_text(value, f"{prefix}text")
        elif kind in MEDIA:
            self._check_media(kind, value, f"{prefix}{kind}.url")
        elif kind == "custom" and not isinstance(value, dict):
            self._refuse(f"{prefix}custom", _REQUIRED if value is None else "must be an object.")
        elif isinstance(value, dict) and kind == "custom" and is_wrong_template(value):
            self._later = self._later or "1022"

    def _check_text(self, value: Any, name: str) -> None:
        words = f"must be a string of 1 to {LONGEST_TEXT} characters."
        if not isinstance(value, str):
            self._refuse(name, _REQUIRED if value is None else words)
        elif not value:
            self._refuse_by("empty_text", "1020", name, words)
        elif len(value) > LONGEST_TEXT:
            self._refuse_by("long_text", "1020", name, words)

    def _check_media(self, kind: str, value: Any, name: str) -> None:
        url = value.get("url") if isinstance(value, dict) else None
        if not isinstance(url, str):
            self._refuse(name, _REQUIRED if url is None else "must be a URL.")
        elif not is_url(url):
            self._refuse_by("media_url", "1380", name, "must be a URL.")
        else:
            # Nobody can look at the type of what cannot be fetched, unless it is judged by its name at once.
            if is_out_of_reach(url):
                self._later = self._later or "1380"
            if is_wrong_type(kind, url):
                self._refuse_by("file_type", "1382", name, "invalid value")

    def _messenger(self, value: Any, name: str) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse(name, "must be an object.")
            return {}
        category, tag = value.get("category"), value.get("tag")
        if category is not None and category not in CATEGORIES:
            self._refuse(f"{name}.category", "Must be one of `response`, `update` or `message_tag`.")
        if tag is not None and not isinstance(tag, str):
            self._refuse(f"{name}.tag", "must be a string.")
        elif category == "message_tag" and not tag:
            self._refuse_by("missing_tag", "1021", f"{name}.tag", _REQUIRED)
        elif category == "message_tag" and (code := tag_refusal(str(tag), self._switches)):
            self._refuse_by("unknown_tag", code, f"{name}.tag", "invalid value")
        return {key: each for key, each in (("category", category), ("tag", tag)) if each is not None}

    def _check_ref(self, value: Any, longest: int) -> None:
        if value is not None and not (isinstance(value, str) and len(value) <= longest):
            self._refuse("client_ref", f"can be a string of up to {longest} characters.")


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_ID
