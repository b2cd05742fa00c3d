"""What else calls a webhook address: names it, with whom it tells of, and gives the one next action."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from nbhelpers.messages.addresses import INBOUND_PATH, STATUS_PATH, meant_by
from nbhelpers.messages.encodings import content_of
from nbhelpers.messages.inbound import InboundMessage, MessageStatus, Unreadable, read

__all__ = ["CALLS", "OtherCall", "Recognised", "recognise"]

_MOST_FIELDS = 200  # of a form or a query: the longest webhook has twenty
_LONGEST_WORD = 80  # characters of something from outside within a sentence
_OURS = ("form", "wrong-method", "event-list")  # webhooks of the Messages API, but in another way
_PERSON = ("msisdn", "from", "from_user", "user")

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class OtherCall:
    """A call that is no webhook of the Messages API.

    `name` is its row in `other_calls.toml`, `what` names it in a few words, `next` is the one thing to do. `person` and
    `ours` are the two ends, `text` what was written, each None where it says none; `is_status` says that it is about
    something that was sent, `meant` is the path that was meant, `why` what kept the body from being read.
    """

    name: str
    what: str
    next: str
    channel: str = ""
    known: bool = False
    person: str | None = None
    ours: str | None = None
    text: str | None = None
    is_status: bool = False
    meant: str = ""
    why: str = ""


@dataclass(frozen=True)
class Recognised:
    """What a request is: a `message` (or receipt) of the Messages API, another `call`, or neither.

    `answer` is the HTTP status that it gets when it is stored; `notes` say how its body came, and `data` is the body as
    JSON text.
    """

    answer: int
    message: InboundMessage | MessageStatus | None = None
    call: OtherCall | None = None
    notes: tuple[str, ...] = ()
    data: bytes = b""


#: What else calls a webhook URL, by name: how it is told, and what to do (`other_calls.toml`).
CALLS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "other_calls.toml").read_text(encoding="utf-8")
)


def recognise(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes) -> Recognised:
    """Say what a request is and how it is answered. `target` is the path with its query. Never raises.

    A webhook of the Messages API is a POST of a JSON object to one of the two paths. Everything else of somebody known
    is answered 200 as well, since the service would send it again for a day; a webhook by another method is answered
    405, so that it comes again when the method is mended.
    """
    path, _, query = target.partition("?")
    content = content_of(body, headers)
    value, why = _parsed(content.data) if not content.why else (None, content.why)
    asked = _fields(query) if query else {}
    message, call = _told(method, asked, value, content.data, content.form, why)
    if path not in (INBOUND_PATH, STATUS_PATH):
        return Recognised(404, None, _astray(path, message, call), content.notes, content.data)
    if call is not None and call.known:
        answer = 200
    elif method != "POST":
        answer = 405
    else:
        answer = 400 if message is None else 200
    return Recognised(answer, message, call, content.notes, content.data)


def _told(
    method: str, asked: Fields, value: Any, data: bytes, is_form: bool, why: str
) -> tuple[InboundMessage | MessageStatus | None, OtherCall | None]:
    """Say what a request tells of, wherever it was sent."""
    if "hub.challenge" in asked or "hub.mode" in asked:
        return None, _call("facebook-verification")
    if method != "POST":
        fields = asked or (value if isinstance(value, Mapping) else {})
        call = _of_fields(fields)
        if call is None and _is_webhook(fields):
            call = _call("wrong-method", fields, method=method)
        return None, call
    if isinstance(value, list) and any(isinstance(each, Mapping) and _is_webhook(each) for each in value):
        first = next(each for each in value if isinstance(each, Mapping))
        return None, _call("event-list", first)
    if isinstance(value, Mapping):
        call, found = _of_fields(value), read(value)
        if call is None and not isinstance(found, Unreadable):
            return found, None
        if call is None:
            assert isinstance(found, Unreadable)  # noqa: S101 - the branch above took the others
            call = _call("unreadable", why=found.why)
        return None, call
    fields = _fields(data.decode("utf-8", "replace")) if is_form or _looks_like_form(data) else {}
    call = _of_fields(fields) or _of_fields(asked)
    if call is None and _is_webhook(fields):
        call = _call("form", fields)
    if call is None and is_form:
        call = replace(_call("form", fields, why="it is a form, and its fields are nobody's"), known=False)
    return None, call or _call("unreadable", why=why or f"it is JSON, but a {type(value).__name__} and not an object")


def _astray(path: str, message: InboundMessage | MessageStatus | None, call: OtherCall | None) -> OtherCall | None:
    """Name what came to a path where nothing is: which of the two was meant, else who calls, else None."""
    if call is not None and call.known and call.name not in _OURS:
        return call
    is_status: bool | None = None
    if message is not None and (message.message_uuid or message.psid or message.page_id):
        is_status = isinstance(message, MessageStatus)
    elif call is not None and call.name in _OURS:
        is_status = call.is_status
    meant = meant_by(path) if is_status is None else STATUS_PATH if is_status else INBOUND_PATH
    if meant is None:
        return None
    made = _call("near-miss", path=path, meant=meant)
    if message is not None:
        text = message.text if isinstance(message, InboundMessage) else None
        return replace(made, channel=message.channel, person=message.psid, ours=message.page_id, text=text)
    return replace(made, person=call.person, ours=call.ours, text=call.text) if call else made


def _of_fields(fields: Fields) -> OtherCall | None:
    """Recognise somebody else's call by its fields, whichever way they came."""
    if "message_uuid" in fields:  # both shapes of the Messages API require it, and nobody else has it
        return None
    if isinstance(fields.get("object"), str) and isinstance(fields.get("entry"), list):
        return _of_facebook(fields)
    if "msisdn" in fields and ("messageId" in fields or "message-timestamp" in fields or "text" in fields):
        is_receipt = "status" in fields or "err-code" in fields or "scts" in fields
        return _call("sms-receipt" if is_receipt else "inbound-sms", fields)
    if "conversation_uuid" in fields or ("uuid" in fields and ("direction" in fields or "region_url" in fields)):
        is_event = any(name in fields for name in ("status", "timestamp", "dtmf", "speech", "recording_url", "reason"))
        return _call("voice-event" if is_event else "voice-answer", fields)
    kind = fields.get("type")
    if "request_id" in fields and ("status" in fields or kind in ("event", "summary")):
        return _call("verify-event", fields)
    if isinstance(kind, str) and ":" in kind and ("application_id" in fields or "conversation_id" in fields):
        return _call("rtc-event", fields)
    return None


def _of_facebook(fields: Fields) -> OtherCall:
    made = _call("facebook-webhook")
    if fields["object"] != "page":
        made = replace(made, what=f"Meta's own webhook ({_shown(fields['object'])})")
    entry = next((each for each in fields["entry"] if isinstance(each, Mapping)), {})
    listed = entry.get("messaging")
    first = next((each for each in listed if isinstance(each, Mapping)), {}) if isinstance(listed, list) else {}
    ends = [first.get(name) for name in ("sender", "recipient")]
    person, ours = (_word(end.get("id")) if isinstance(end, Mapping) else None for end in ends)
    message = first.get("message")
    return replace(
        made, person=person, ours=ours, text=_word(message.get("text") if isinstance(message, Mapping) else None)
    )


def _is_webhook(fields: Fields) -> bool:
    """Whether the fields are those of a webhook of the Messages API, as JSON, form or query."""
    return "message_uuid" in fields


def _call(name: str, fields: Fields | None = None, **words: str) -> OtherCall:
    row, fields = CALLS[name], fields or {}
    shown = {each: _shown(word) for each, word in words.items()}
    person, ours = next((found for each in _PERSON if (found := _id(fields.get(each)))), None), _id(fields.get("to"))
    if _is_webhook(fields) and "status" in fields:  # a status tells of what the Page sent: it is the other way round
        person, ours = ours, person
    return OtherCall(
        name,
        row["what"].format(**shown),
        row["next"],
        row.get("channel", ""),
        row["known"],
        person,
        ours,
        _word(fields.get("text")),
        "status" in fields,
        words.get("meant", ""),
        words.get("why", ""),
    )


def _id(value: Any) -> str | None:
    if isinstance(value, str) and value.startswith("{"):  # an object within a form or a query, as JSON text
        value, _ = _parsed(value.encode("utf-8", "replace"))
    if isinstance(value, Mapping):
        value = value.get("id", value.get("number"))
    return _word(value)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_WORD else text[: _LONGEST_WORD - 1] + "…"


def _looks_like_form(data: bytes) -> bool:
    # An unlabelled form: name=value&…, and nothing that could begin a JSON text or a page.
    return b"=" in data[:200] and data[:1].isalpha() and b"<" not in data[:200]


def _fields(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _parsed(data: bytes) -> tuple[Any, str]:
    """Return what a JSON text says, and why it cannot be read."""
    try:
        return json.loads(data), ""
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError as error:
        return None, f"it is not JSON ({type(error).__name__}, {len(data)} bytes)"
