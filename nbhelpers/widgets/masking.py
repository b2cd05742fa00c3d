"""Masks what a room full of people must not see: PSIDs and other long numbers, and addresses."""

from __future__ import annotations

import re

__all__ = ["masked"]

_ID = re.compile(r"(?<![0-9A-Za-z-])\d{7,}(\d{4})(?![0-9A-Za-z-])")  # PSIDs and Page IDs have 15 to 17 digits
_URL = re.compile(r"\b([a-z][a-z+.-]*://)[^\s/?#\"'<>“”]+", re.IGNORECASE)


def masked(text: str) -> str:
    """Return text without its long numbers but for four digits each, and without the hosts of its addresses."""
    return _URL.sub(r"\1••••", _ID.sub(r"••••\1", text))
