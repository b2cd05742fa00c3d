"""The wire, as it leaves us: an outbound message, checked when it is made and written in both shapes.

Limits: the Messages API specification 1.11.0 for v1, its forerunner 0.4.0 for v0.1; those that stand there only in
prose are marked.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbhelpers.errors import MessageError
from nbhelpers.messages.inbound import GUIDE, LONGEST_ID, MEDIA, MESSENGER, TODAY, shape_of_version

__all__ = ["CATEGORIES", "LONGEST_REF", "LONGEST_TEXT", "LONGEST_URL", "OutboundMessage"]

LONGEST_TEXT = 640  #: characters; stated in prose for Messenger in both, not in the schemas
LONGEST_REF = {GUIDE: 40, TODAY: 100}  #: characters; the 1.11.0 prose says 100, its own error text still 40
LONGEST_URL = 2000  #: characters; the beta's schema
#: What `category` may be in today's shape.
CATEGORIES = ("response", "update", "message_tag")


@dataclass(frozen=True)
class OutboundMessage:
    """A message from the Page to a person; checked when it is made, written by `body(version)`.

    `sender` is the Page ID, `recipient` the PSID: strings of 1 to 50 characters. An int is taken with a warning, a
    float never: digits are lost in it. `kind` is `text`, `image`, `audio`, `video`, `file` or `custom`; `content` the
    text, the media URL, or for `custom` the object that is passed through to Facebook (documented for v0.1; for v1
    sources disagree). `category` is `response`, `update` or `message_tag`, which needs a `tag`. On another `channel`
    the two IDs are that channel's, and the service alone knows its limits. Raises MessageError for what cannot be sent.
    """

    sender: str
    recipient: str
    content: str | Mapping[str, Any]
    kind: str = "text"
    category: str | None = None
    tag: str | None = None
    client_ref: str | None = None
    webhook_url: str | None = None
    webhook_version: str | None = None
    failover: tuple[Mapping[str, Any], ...] = ()
    channel: str = MESSENGER

    def __post_init__(self) -> None:
        object.__setattr__(self, "sender", _id_to_send(self.sender, "the sender (your Page ID)"))
        object.__setattr__(self, "recipient", _id_to_send(self.recipient, "the recipient (a PSID)"))
        if self.kind == "text":
            _check_text(self.content, LONGEST_TEXT if self.channel == MESSENGER else None)
        elif self.kind in MEDIA:
            _check_url(self.content, f"the {self.kind}")
        elif self.kind != "custom" or not isinstance(self.content, Mapping):
            seen = f"The type is “{self.kind}”." if self.kind != "custom" else "Its content is no dict."
            raise MessageError("This message cannot be sent.", seen, f"Use text, {', '.join(MEDIA)} or custom.")
        if self.client_ref is not None and not isinstance(self.client_ref, str):
            seen = f"It is of type {type(self.client_ref).__name__}."
            raise MessageError("client_ref cannot be sent.", seen, "Give it as a text.")
        if self.category is not None and self.category not in CATEGORIES:
            raise MessageError(
                "The category is unknown.", f"It says “{self.category}”.", f"Use {', '.join(CATEGORIES)}, or none."
            )
        if self.category == "message_tag" and not self.tag:
            raise MessageError(
                "The category message_tag needs a tag.", "There is none.", "Give a tag, such as HUMAN_AGENT."
            )
        if self.webhook_url is not None:
            _check_url(self.webhook_url, "webhook_url")
        if self.webhook_version not in (None, GUIDE, TODAY):
            raise MessageError("webhook_version is unknown.", f"It says “{self.webhook_version}”.", "Use v0.1 or v1.")

    def body(self, version: str) -> dict[str, Any]:
        """Return the request body for `/<version>/messages`. Raises MessageError for what that version cannot carry."""
        shape = shape_of_version(version)
        if self.client_ref is not None and not 1 <= len(self.client_ref) <= LONGEST_REF[shape]:
            raise MessageError(
                "client_ref cannot be sent.",
                f"It has {len(self.client_ref)} characters.",
                f"Keep it to 1 to {LONGEST_REF[shape]} with {version}.",
            )
        messenger = {key: value for key, value in (("category", self.category), ("tag", self.tag)) if value}
        if shape == TODAY:
            return self._flat(messenger)
        if self.webhook_url or self.webhook_version or self.failover:
            raise MessageError(
                "webhook_url, webhook_version and failover are new in v1.",
                f"This message goes out as {version}.",
                'Leave them out, or use api_version="v1".',
            )
        content = {"type": self.kind, self.kind: {"url": self.content} if self.kind in MEDIA else self.content}
        message: dict[str, Any] = {"content": content}
        if messenger:
            message["messenger"] = messenger
        identity = "id" if self.channel == MESSENGER else "number"
        body = {
            "from": {"type": self.channel, identity: self.sender},
            "to": {"type": self.channel, identity: self.recipient},
            "message": message,
        }
        return body | ({"client_ref": self.client_ref} if self.client_ref else {})

    def _flat(self, messenger: dict[str, str]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "to": self.recipient,
            "from": self.sender,
            "channel": self.channel,
            "message_type": self.kind,
            self.kind: {"url": self.content} if self.kind in MEDIA else self.content,
        }
        optional = {
            "messenger": messenger,
            "client_ref": self.client_ref,
            "webhook_url": self.webhook_url,
            "webhook_version": self.webhook_version,
            "failover": [dict(step) for step in self.failover],
        }
        return body | {key: value for key, value in optional.items() if value}


def _id_to_send(value: Any, role: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        warnings.warn(f"{role} was given as a number; IDs are texts, so write it in quotes", stacklevel=4)
        value = str(value)
    if not isinstance(value, str):
        raise MessageError(
            f"This cannot be {role}.",
            f"It is of type {type(value).__name__}.",
            "Give the ID as a text in quotes: a float loses digits.",
        )
    text: str = value.strip()
    if not 1 <= len(text) <= LONGEST_ID:
        raise MessageError(
            f"This cannot be {role}.", f"It has {len(text)} characters.", f"An ID has 1 to {LONGEST_ID}."
        )
    return text


def _check_text(text: Any, longest: int | None) -> None:
    if not isinstance(text, str) or not text:
        seen = "The text is empty." if text == "" else f"It is of type {type(text).__name__}."
        raise MessageError("There is nothing to send.", seen, "Write something.")
    if longest is not None and len(text) > longest:
        raise MessageError(
            "The text is too long.", f"It has {len(text)} characters.", f"Messenger takes {longest} here."
        )


def _check_url(url: Any, role: str) -> None:
    if not isinstance(url, str) or not url.startswith(("https://", "http://")) or len(url) > LONGEST_URL:
        seen = f"It is “{url[:80]}”." if isinstance(url, str) else f"It is of type {type(url).__name__}."
        raise MessageError(
            f"{role} cannot be fetched from there.",
            seen,
            f"Give a URL with https://, of {LONGEST_URL} characters at most.",
        )
