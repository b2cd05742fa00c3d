"""Masks what a room full of people must not see: PSIDs and other long numbers, and addresses."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["masked", "masked_output"]

_ID = re.compile(r"(?<![0-9A-Za-z-])\d{7,}(\d{4})(?![0-9A-Za-z-])")  # PSIDs and Page IDs have 15 to 17 digits
_URL = re.compile(r"\b([a-z][a-z+.-]*://)[^\s/?#\"'<>“”]+", re.IGNORECASE)
_TAG = re.compile(r"(<style>.*?</style>|<[^>]*>)", re.DOTALL)


def masked(text: str) -> str:
    """Return text without its long numbers but for four digits each, and without the hosts of its addresses."""
    return _URL.sub(r"\1••••", _ID.sub(r"••••\1", text))


def masked_output(kind: str, value: Any) -> Any:
    """Return what one MIME type of an output holds, masked; pictures and widgets, which mask themselves, as they are.

    In HTML what is read is masked, and what a tag holds is not: a link still leads where it led.
    """
    if kind == "text/html" and isinstance(value, str):
        return "".join(part if at % 2 else masked(part) for at, part in enumerate(_TAG.split(value)))
    if kind.startswith("text/") and isinstance(value, str):
        return masked(value)
    return _inside(value) if kind == "application/json" else value


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _inside(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_inside(each) for each in value]
    return masked(value) if isinstance(value, str) else value
