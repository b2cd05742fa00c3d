"""Says whether a value is a URL that the service can call, and refuses a webhook URL that is none."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from nbhelpers.errors import SettingsError
from nbhelpers.messages.outbound import LONGEST_URL

__all__ = ["is_url", "webhook_url"]

_EXAMPLE = "http://127.0.0.1:5050/webhooks/inbound"


def is_url(value: Any) -> bool:
    """Say whether a value is an http or https address with a host, of 10 to 2000 characters.

    The lengths are v1's for audio; for other media the beta says 1 to 2000, and fewer than 10 make no address.
    """
    # What is not printable, such as a line end, NUL or half a character, is in no address.
    if not isinstance(value, str) or not 10 <= len(value) <= LONGEST_URL or " " in value or not value.isprintable():
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other half, a port that is no number
        return False


def webhook_url(which: str, given: str) -> str:
    """Return a webhook URL as it was given for `which` (`inbound`, `status`). Raises SettingsError for what is none."""
    if is_url(given):
        return given
    whole = f"http://{given}"
    example = whole if "://" not in given and is_url(whole) else _EXAMPLE
    shown = "".join(character if character.isprintable() else "�" for character in given[:150])
    raise SettingsError(
        f"{which.removesuffix('_url')} is no URL.",
        f"You gave “{shown}”.",
        f"Give the whole address, such as {example}.",
    )
