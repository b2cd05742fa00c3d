"""What an inbound message says, in one line, whatever its type; of a type that nobody knows its fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from nbhelpers.messages.inbound import GUIDE, MEDIA, InboundMessage

__all__ = ["in_words"]

_LONGEST = 160  # characters of all of it
_FRAME = {"message_uuid", "to", "from", "timestamp", "channel", "message_type", "message", "direction", "client_ref"}
_ASIDE = {"profile", "context", "context_status", "usage", "whatsapp", "sms"}  # of the sender, the thread or the price


def in_words(message: InboundMessage) -> str:
    """Return what a message says: its text in quotes, or its type with what is in it.

    The fields are those of specification 1.11.0 for whichever channel has the type, of the beta for a location, and of
    the WhatsApp snippets of v0.1 for a button.
    """
    if message.text is not None and message.kind == "text":
        return f"“{message.text}”"
    fields = _fields(message)
    own = fields.get(message.kind, fields)
    words = _WORDS.get(message.kind, _unknown)(own if isinstance(own, Mapping | list) else fields)
    whole = f"{message.kind} {words}" if words else message.kind
    return whole if len(whole) <= _LONGEST else whole[: _LONGEST - 1] + "…"


def _fields(message: InboundMessage) -> Mapping[str, Any]:
    """Return the content of a message without its frame; of one that was made by hand what it has."""
    if not message.raw:
        return message.content or ({message.kind: {"url": message.url}} if message.url else {})
    if message.shape == GUIDE:
        whole = message.raw.get("message")
        content = whole.get("content") if isinstance(whole, Mapping) else None
        return {name: each for name, each in content.items() if name != "type"} if isinstance(content, Mapping) else {}
    return {name: each for name, each in message.raw.items() if name not in _FRAME | _ASIDE}


def _media(own: Any) -> str:
    url = _text(own, "url")
    try:
        name = unquote(urlsplit(url).path.rpartition("/")[2])
    except ValueError:  # such as a bracket without its other half
        name = ""
    named, caption = _text(own, "name", "filename") or name, _text(own, "caption", "text")
    return ": ".join(part for part in (named, f"“{caption}”" if caption else "") if part)


def _tapped(own: Any) -> str:
    title, payload = _text(own, "title", "text"), _text(own, "payload", "id")
    told = ", ".join(part for part in (f"“{title}”" if title else "", f"payload {payload}" if payload else "") if part)
    return told or _unknown(own)


def _location(own: Any) -> str:
    point = ", ".join(part for part in (_text(own, "lat", "latitude"), _text(own, "long", "longitude", "lng")) if part)
    named = ", ".join(part for part in (_text(own, "name"), _text(own, "address")) if part)
    return ": ".join(part for part in (point, named) if part) or _unknown(own)


def _reaction(own: Any) -> str:
    emoji = _text(own, "emoji", "reaction")
    return "taken back" if not emoji and _text(own, "action") in ("unreact", "remove") else emoji or _unknown(own)


def _contact(own: Any) -> str:
    listed = own if isinstance(own, list) else own.get("contacts", [own])
    people = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    told = []
    for person in people:
        name = person.get("name")
        told.append(_text(name, "formatted_name", "first_name") if isinstance(name, Mapping) else _text(person, "name"))
    return ", ".join(name for name in told if name) or _unknown(own)


def _order(own: Any) -> str:
    items = own.get("product_items") if isinstance(own, Mapping) else None
    if not isinstance(items, list):
        return _unknown(own)
    told = [
        f"{_text(item, 'quantity') or '1'}× {_text(item, 'product_retailer_id', 'name') or '?'}"
        for item in items
        if isinstance(item, Mapping)
    ]
    return "of " + (", ".join(told) or "nothing")


def _unsupported(own: Any) -> str:
    return _text(own, "provider_message")


def _unknown(own: Any) -> str:
    if not own:
        return ""
    try:
        return json.dumps(own, ensure_ascii=False)[:_LONGEST]
    except (TypeError, ValueError, RecursionError):
        return ""


def _text(own: Any, *names: str) -> str:
    """Return the first of these fields that is a text or a number, as text."""
    for name in names:
        value = own.get(name) if isinstance(own, Mapping) else None
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            try:
                return str(value)
            except ValueError:  # more digits than Python will write
                continue
    return ""


_WORDS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys((*MEDIA, "sticker", "like", "vcard"), _media),
    **dict.fromkeys(("reply", "button", "postback", "quick_reply"), _tapped),
    **dict.fromkeys(("contact", "contacts"), _contact),
    "location": _location,
    "reaction": _reaction,
    "order": _order,
    "unsupported": _unsupported,
}
