"""What an outbound message shows on a phone: its text, its quick replies, its buttons; read from the request's body.

A custom message is Meta's own `message` object (Vonage's page on custom objects), so its fields are those of Meta's
Send API: `text`, `quick_replies`, and `attachment` with a template of type button, generic or media.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbhelpers.messages.inbound import MEDIA

__all__ = ["Choice", "OnScreen", "on_screen"]

_ASKED = {"user_phone_number": "(their phone number)", "user_email": "(their e-mail address)"}


@dataclass(frozen=True)
class Choice:
    """Something to tap: `kind` is `quick reply`, `button`, or `link` (which opens `url`, and sends nothing)."""

    kind: str
    title: str
    payload: str = ""
    url: str = ""

    def __str__(self) -> str:
        return f"[{self.title}]" if self.kind != "link" else f"[{self.title} ↗]"


@dataclass(frozen=True)
class OnScreen:
    """A message as a phone shows it: its text, or what stands for it, and what can be tapped."""

    text: str
    choices: tuple[Choice, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.text, *(str(choice) for choice in self.choices)]).strip()


def on_screen(body: Mapping[str, Any]) -> OnScreen:
    """Return what the body of a send request, in either shape, shows on a phone. Never raises."""
    message = body.get("message")
    content = message.get("content") if isinstance(message, Mapping) else body
    content = content if isinstance(content, Mapping) else {}
    kind = content.get("type", content.get("message_type"))
    if kind == "text":
        return OnScreen(_text(content, "text"))
    if kind in MEDIA:
        media = content.get(kind)
        return OnScreen(f"({kind} {_text(media if isinstance(media, Mapping) else {}, 'url')})".replace(" )", ")"))
    if kind == "custom" and isinstance(content.get("custom"), Mapping):
        return _custom(content["custom"])
    return OnScreen(f"({kind})" if isinstance(kind, str) else "")


def _custom(message: Mapping[str, Any]) -> OnScreen:
    attachment = message.get("attachment")
    attachment = attachment if isinstance(attachment, Mapping) else {}
    payload = attachment.get("payload")
    payload = payload if isinstance(payload, Mapping) else {}
    lines = [_text(message, "text"), _text(payload, "text")]
    choices = list(_buttons(payload.get("buttons")))
    for element in _objects(payload.get("elements")):
        lines.append(": ".join(part for part in (_text(element, "title"), _text(element, "subtitle")) if part))
        choices += _buttons(element.get("buttons"))
    kind = _text(attachment, "type")
    if not any(lines) and kind:
        told = _text(payload, "template_type") or _text(payload, "url")
        lines.append(f"({kind} {told})" if told else f"({kind})")
    return OnScreen("\n".join(line for line in lines if line), (*choices, *_quick_replies(message)))


def _buttons(buttons: Any) -> Iterator[Choice]:
    for button in _objects(buttons):
        title, payload = _text(button, "title"), _text(button, "payload")
        if button.get("type") == "postback":
            yield Choice("button", title, payload)
        else:
            yield Choice("link", title or _text(button, "type"), url=_text(button, "url") or payload)


def _quick_replies(message: Mapping[str, Any]) -> Iterator[Choice]:
    for reply in _objects(message.get("quick_replies")):
        title = _ASKED.get(_text(reply, "content_type")) or _text(reply, "title")
        yield Choice("quick reply", title, _text(reply, "payload"))


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    # Meta allows a number as a quick reply's payload.
    return str(value) if isinstance(value, str | float) or (isinstance(value, int) and abs(value) < 1 << 63) else ""
