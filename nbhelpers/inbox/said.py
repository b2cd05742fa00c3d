"""Tells which message is meant by what `write`, `read`, `reply`, `send` or `trigger` returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nbhelpers.errors import InboxError

__all__ = ["HasMessage", "Said", "revision_of", "uuid_of"]


class HasMessage(Protocol):
    """Whatever carries the `message_uuid` of a message, such as what `lab.reply` returns, or an event."""

    @property
    def message_uuid(self) -> str | None:
        """The message, None when nobody could tell."""


#: The uuid itself, what carries it, or the service's own JSON.
Said = str | HasMessage | Mapping[str, Any]


def uuid_of(said: Said) -> str | None:
    """Return the message_uuid that is meant, None where what was returned cannot tell, as for a phone in live mode.

    Raises InboxError for what names no message, and for one that the service never got.
    """
    if isinstance(said, str):
        return said
    if isinstance(said, Mapping):
        uuid, passed_on = said.get("message_uuid"), said.get("passed_on", True)
        known = isinstance(uuid, str)
    else:
        uuid, passed_on = getattr(said, "message_uuid", None), getattr(said, "passed_on", True)
        known = hasattr(said, "message_uuid")
    if not known:
        raise InboxError(
            "This names no message.",
            f"You gave something of type {type(said).__name__}.",
            "Give what `write` or `reply` returned, or a message_uuid; a time-out is `timeout=10`.",
        )
    if not passed_on:
        raise InboxError(
            "This message does not come.",
            "It was not passed on: its Page is linked to no application.",
            "Link the Page, then let the person write again.",
        )
    return uuid


def revision_of(said: Said) -> int | None:
    """Return the inbox's revision when a person was asked to write, where that is all that is known."""
    return getattr(said, "after_revision", None)
