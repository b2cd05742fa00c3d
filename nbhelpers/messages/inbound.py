"""The wire, as it reaches us: inbound message and message status, read and written in both shapes.

*The guide's shape* is nested (beta and v0.1), *today's shape* flat (v1). Field names and limits: the Messages API
specification 1.11.0 for v1, its forerunner 0.4.0 for v0.1, the guide's own example for the inbound message. Reading
never raises: whatever came is kept in `raw`, and what is odd about it stands in `flags`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "GUIDE",
    "LONGEST_ID",
    "MEDIA",
    "MESSENGER",
    "TODAY",
    "InboundMessage",
    "MessageStatus",
    "Unreadable",
    "moment_of",
    "read",
    "shape_of_version",
    "timestamp",
]

#: The two shapes: the guide's nested one, and today's flat one.
GUIDE, TODAY = "v0.1", "v1"
#: The channel, as the wire has it.
MESSENGER = "messenger"
_OLD_NAMES = {"viber_service_msg": "viber_service"}  # a channel's name in v0.1, and the one that v1 has for it
#: The kinds of content that have a URL.
MEDIA = ("image", "audio", "video", "file")
_ERROR = ("code", "reason", "type", "title", "detail")  # of a status: the fields that hold its code and its words
LONGEST_ID = 50  #: characters; both specifications
_DEEPEST = 100  # levels of nesting: what is deeper could be read here and break a later reader with a fuller stack


def shape_of_version(version: str) -> str:
    """Return the shape that a version of the API speaks: beta and v0.1 the guide's, v1 today's."""
    return TODAY if version == "v1" else GUIDE


def timestamp(moment: datetime) -> str:
    """Write a time as the service does: `2020-01-01T14:00:00.000Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment_of(text: str | None) -> datetime | None:
    """Return a `timestamp` of a webhook as a time in UTC, None when it is none of the three documented forms."""
    try:
        moment = datetime.fromisoformat((text or "").removesuffix(" UTC").strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Unreadable:
    """A body that is no JSON object; `why` says in words what was seen."""

    why: str


@dataclass(frozen=True)
class InboundMessage:
    """A person wrote to the Page. `psid` is the person (the body's `from`), `page_id` the Page (its `to`).

    `kind` is the message type as it came, known or not; `text` and `url` are None where the type has none. On another
    `channel` than Messenger the two IDs are that channel's, such as phone numbers. `content` is given to one made by
    hand whose type has more than a text or a URL.
    """

    message_uuid: str | None
    psid: str | None
    page_id: str | None
    kind: str
    text: str | None = None
    url: str | None = None
    timestamp: str | None = None
    shape: str = GUIDE
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flags: tuple[str, ...] = ()
    channel: str = MESSENGER
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def body(self, shape: str) -> dict[str, Any]:
        """Return the body in `shape`: as it came when that is its own, else the same facts in the other."""
        if self.raw and shape == self.shape:
            return dict(self.raw)
        envelope = _envelope(shape, self.channel, self.message_uuid, self.page_id, self.psid, self.timestamp)
        made = self.content or _made_content(self.kind, self.text, self.url)
        content = _content(self.raw, self.shape) if self.raw else made
        if shape == GUIDE:
            envelope["message"] = {"content": {"type": self.kind, **content}}
        else:
            envelope |= {"message_type": self.kind, **content}
        return envelope | (_extras(self.raw, self.shape, content) if self.raw else {})


@dataclass(frozen=True)
class MessageStatus:
    """What became of an outbound message. `psid` is the person it went to (the body's `to`), `page_id` its sender.

    `error_code` and `error_text` are set for a rejected or undeliverable message.
    """

    message_uuid: str | None
    status: str
    psid: str | None
    page_id: str | None
    timestamp: str | None = None
    error_code: str | None = None
    error_text: str | None = None
    client_ref: str | None = None
    usage: Mapping[str, Any] | None = None
    shape: str = GUIDE
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    flags: tuple[str, ...] = ()
    channel: str = MESSENGER

    def body(self, shape: str) -> dict[str, Any]:
        """Return the body in `shape`: as it came when that is its own, else the same facts in the other."""
        if self.raw and shape == self.shape:
            return dict(self.raw)
        envelope = _envelope(shape, self.channel, self.message_uuid, self.psid, self.page_id, self.timestamp)
        envelope["status"] = self.status
        # What the other shape has no place for travels along under its own name, so that the way back finds it.
        error = {key: value for key, value in _mapping(self.raw.get("error")).items() if key not in _ERROR}
        if self.error_code is not None and shape == GUIDE:
            code = (
                int(self.error_code) if self.error_code.isdecimal() and len(self.error_code) < 10 else self.error_code
            )
            envelope["error"] = {"code": code, "reason": self.error_text} | error
        elif self.error_code is not None:
            envelope["error"] = {
                "type": f"https://developer.vonage.com/api-errors/messages#{self.error_code}",
                "title": self.error_code,
                "detail": self.error_text,
                "instance": self.message_uuid,
            } | error
        if self.usage is not None:
            envelope["usage"] = dict(self.usage)
        if self.client_ref is not None:
            envelope["client_ref"] = self.client_ref
        known = {*envelope, "channel", "error"}
        return envelope | {key: value for key, value in self.raw.items() if key not in known}


def read(body: bytes | str | Mapping[str, Any]) -> InboundMessage | MessageStatus | Unreadable:
    """Read the body of a webhook, in whichever shape it came. Never raises."""
    raw: Any = body
    if isinstance(body, bytes | bytearray | str):
        try:
            raw = json.loads(body)
        except RecursionError:
            return Unreadable(f"it is nested deeper than {_DEEPEST} levels")
        except ValueError as error:
            return Unreadable(f"it is not JSON ({type(error).__name__}, {len(body)} bytes)")
    if not isinstance(raw, Mapping):
        return Unreadable(f"it is JSON, but a {type(raw).__name__} and not an object")
    if _is_deep(raw):
        return Unreadable(f"it is nested deeper than {_DEEPEST} levels")
    ends = (raw.get("from"), raw.get("to"), raw.get("message"))
    nested = any(isinstance(end, Mapping) for end in ends if not isinstance(end, str))
    shape = GUIDE if nested else TODAY
    flags: list[str] = []
    common = {
        "message_uuid": _text(raw.get("message_uuid"), "message_uuid", flags),
        "timestamp": _text(raw.get("timestamp"), "timestamp", flags),
        "shape": shape,
        "raw": raw,
        "channel": _channel(raw, shape, flags),
    }
    sender, recipient = _id(raw.get("from"), "from", flags), _id(raw.get("to"), "to", flags)
    if "status" in raw and "message" not in raw and "message_type" not in raw:
        return _status(raw, sender, recipient, common, flags)
    return _inbound(raw, sender, recipient, common, flags)


def _inbound(
    raw: Mapping[str, Any], sender: str | None, recipient: str | None, common: dict[str, Any], flags: list[str]
) -> InboundMessage:
    content = _content(raw, common["shape"])
    source = _mapping(_mapping(raw.get("message")).get("content")) if common["shape"] == GUIDE else raw
    kind = source.get("type" if common["shape"] == GUIDE else "message_type")
    if not isinstance(kind, str):
        flags.append("it has no message type")
        kind = "unknown"
    elif kind not in ("text", "unsupported", "location", *MEDIA):
        flags.append(f"its message type “{kind}” is not documented")
    text, media = content.get("text"), content.get(kind)
    return InboundMessage(
        psid=sender,
        page_id=recipient,
        kind=kind,
        text=text if isinstance(text, str) else None,
        url=_string(_mapping(media).get("url")),
        flags=tuple(flags),
        **common,
    )


def _status(
    raw: Mapping[str, Any], sender: str | None, recipient: str | None, common: dict[str, Any], flags: list[str]
) -> MessageStatus:
    error = _mapping(raw.get("error"))
    # v0.1 has code and reason; v1 the number in title (a text in 1.11.0, a number before) and at the end of type.
    code = _written(error.get("code", error.get("title")))
    if code is None or not code.isdecimal():
        code = (_string(error.get("type")) or "").rpartition("#")[2] or code
    usage = raw.get("usage")
    return MessageStatus(
        status=_text(raw.get("status"), "status", flags) or "unknown",
        psid=recipient,
        page_id=sender,
        error_code=code,
        error_text=_string(error.get("reason", error.get("detail"))),
        client_ref=_string(raw.get("client_ref")),
        usage=usage if isinstance(usage, Mapping) else None,
        flags=tuple(flags),
        **common,
    )


def _content(raw: Mapping[str, Any], shape: str) -> dict[str, Any]:
    if shape == GUIDE:
        content = _mapping(_mapping(raw.get("message")).get("content"))
        return {key: value for key, value in content.items() if key != "type"}
    kind = raw.get("message_type")
    names = {"text", "location", *MEDIA, kind if isinstance(kind, str) else "text"}
    return {key: raw[key] for key in raw if key in names}


def _made_content(kind: str, text: str | None, url: str | None) -> dict[str, Any]:
    if kind in MEDIA:
        return {kind: {"url": url}}
    return {} if text is None else {"text": text}


def _envelope(
    shape: str, channel: str, uuid: str | None, to: str | None, sender: str | None, moment: str | None
) -> dict[str, Any]:
    if shape == GUIDE:
        identity = "id" if channel == MESSENGER else "number"
        return {
            "message_uuid": uuid,
            "to": {"type": channel, identity: to},
            "from": {"type": channel, identity: sender},
            "timestamp": moment,
        }
    return {"channel": channel, "message_uuid": uuid, "to": to, "from": sender, "timestamp": moment}


def _extras(raw: Mapping[str, Any], shape: str, content: Mapping[str, Any]) -> dict[str, Any]:
    known = {"message_uuid", "to", "from", "timestamp", "channel", "message_type", *content}
    if shape == GUIDE:
        known = {"message_uuid", "to", "from", "timestamp", "message"}
    return {key: value for key, value in raw.items() if key not in known}


def _channel(raw: Mapping[str, Any], shape: str, flags: list[str]) -> str:
    # Both specifications require it. What names none is taken as Messenger's, as this kit's own examples are.
    said = [raw.get("channel")]
    if shape == GUIDE:
        said = [_mapping(raw.get(end)).get("type") for end in ("from", "to")] + said
    found = next((each for each in said if each is not None), None)
    if found is None:
        return MESSENGER
    if not isinstance(found, str) or not found:
        flags.append(f"its channel is of type {type(found).__name__}, where a text belongs")
        return "unknown"
    return _OLD_NAMES.get(found.lower(), found.lower())


def _id(value: Any, name: str, flags: list[str]) -> str | None:
    if not isinstance(value, str) and isinstance(value, Mapping):
        value = value.get("id", value.get("number"))
    if isinstance(value, str):
        if not 1 <= len(value) <= LONGEST_ID:
            flags.append(f"the ID in `{name}` has {len(value)} characters")
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        flags.append(f"`{name}` holds no ID")
        return None
    kind = "a number" if isinstance(value, int) else "a float: digits may be lost"
    flags.append(f"the ID in `{name}` is {kind}, where a text belongs")
    return _written(value)


def _text(value: Any, name: str, flags: list[str]) -> str | None:
    if value is None or isinstance(value, str):
        if not value:
            flags.append(f"`{name}` is missing")
        return value or None
    flags.append(f"`{name}` is of type {type(value).__name__}, where a text belongs")
    return _written(value)


def _written(value: Any) -> str | None:
    # A number or a truth value as text; None for what is no single value.
    try:
        return str(value) if isinstance(value, str | int | float) else None
    except ValueError:  # an int of more digits than Python will write
        return None


def _is_deep(raw: Mapping[str, Any]) -> bool:
    level: list[Any] = [raw]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer if isinstance(outer, list) else outer.values())
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
