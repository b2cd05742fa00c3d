"""Exports the events of an inbox as text, for a program or a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.inbox.inbox import Inbox

__all__ = ["export"]


def export(inbox: Inbox, form: str = "json") -> str:
    """Return all events as text: `json` (one object a line) or `csv` (IDs quoted, formulas made harmless)."""
    if form not in ("json", "csv"):
        raise InboxError("The inbox cannot be exported so.", f"You asked for “{form}”.", "Use json or csv.")
    names = ["received", "kind", "status", "psid", "page_id", "text", "message_type", "message_uuid"]
    names += ["deliveries", "origin"]
    events = inbox.events()
    rows = [{name: getattr(event, name) for name in names} for event in events]
    for row in rows:
        row["received"] = row["received"].isoformat()
    if form == "json":
        return "".join(_json_line(row, event) for row, event in zip(rows, events, strict=True))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_harmless(row[name]) for name in names])
    return text.getvalue()


def _json_line(row: dict[str, Any], event: Event) -> str:
    try:
        return json.dumps(row | {"body": event.json}, allow_nan=False) + "\n"
    except ValueError:  # Python reads NaN and 1e999, and writes for them what no other reader takes
        return json.dumps(row | {"body": event.body.decode("utf-8", "replace")}) + "\n"


def _harmless(value: Any) -> Any:
    # A spreadsheet runs a cell that begins like a formula, and rounds long digits unless they are text.
    if isinstance(value, str):
        value = one_line(value, len(value) + 1)
        return f"'{value}" if value[:1] in ("=", "+", "-", "@") else value
    return value
