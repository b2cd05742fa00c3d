"""The tables of the inbox: a delivery becomes rows here, and rows become deliveries and events."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from nbhelpers.inbox.events import Delivery, Event, event_of
from nbhelpers.storage.sqlite import storable

__all__ = ["SCHEMA", "VERSION", "fold", "fold_sent", "now_text", "store", "store_sent", "to_delivery", "to_event"]

_ODDITIES = 500  # rows kept of requests that are no webhook: a scanner must not fill the disk
_ODD_BODY = 4096  # bytes kept of such a body
# Every change of an event follows a new row of deliveries or of sent. Their sequences never fall back, whatever is
# forgotten; the newest revision among the events would, and a watcher would then wait for numbers it has passed.
_NEXT = "(SELECT sum(seq) FROM sqlite_sequence WHERE name IN ('deliveries', 'sent'))"

VERSION = 1
SCHEMA = """
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, received TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  headers TEXT NOT NULL, body BLOB NOT NULL, answer INTEGER NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL,
  origin TEXT NOT NULL, odd INTEGER NOT NULL, psid TEXT);
CREATE INDEX deliveries_odd ON deliveries (id) WHERE odd = 1;
CREATE INDEX deliveries_psid ON deliveries (psid);
CREATE TABLE sent (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, version TEXT NOT NULL, body BLOB NOT NULL,
  message_uuid TEXT NOT NULL, psid TEXT, page_id TEXT, text TEXT, message_type TEXT);
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, message_uuid TEXT,
  status TEXT, psid TEXT, page_id TEXT, text TEXT, message_type TEXT, shape TEXT NOT NULL, received TEXT NOT NULL,
  deliveries INTEGER NOT NULL, trusted INTEGER NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL, origin TEXT NOT NULL,
  path TEXT NOT NULL, body BLOB NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX events_revision ON events (revision);
CREATE INDEX events_uuid ON events (message_uuid);
CREATE INDEX events_psid ON events (psid);
CREATE INDEX events_newest ON events (received) WHERE kind = 'inbound' AND trusted = 1;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL)
"""


def store(connection: sqlite3.Connection, delivery: Delivery) -> int:
    """Store a delivery and the event it tells of; return its id."""
    event = event_of(delivery)
    body = delivery.body if event is not None else delivery.body[:_ODD_BODY]
    row = connection.execute(
        "INSERT INTO deliveries (received, method, path, headers, body, answer, verdict, why, origin, odd, psid)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            delivery.received.isoformat(timespec="microseconds"),
            storable(delivery.method),
            storable(delivery.path),
            json.dumps(delivery.headers),
            body,
            delivery.answer,
            delivery.verdict,
            delivery.why,
            delivery.origin,
            int(event is None),
            storable(event["psid"]) if event else None,
        ),
    )
    if event is None:
        connection.execute(
            "DELETE FROM deliveries WHERE odd = 1 AND id <="
            " (SELECT id FROM deliveries WHERE odd = 1 ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (_ODDITIES,),
        )
    else:
        fold(connection, delivery, event)
    return row.lastrowid or 0


def fold(connection: sqlite3.Connection, delivery: Delivery, event: dict[str, Any] | None = None) -> None:
    """Make or update the event that a delivery tells of."""
    event = event or event_of(delivery)
    if event is None:
        return
    event = {name: storable(value) for name, value in event.items()}
    known = connection.execute("SELECT id, trusted FROM events WHERE identity = ?", (event["identity"],)).fetchone()
    columns = event | {
        "received": delivery.received.isoformat(timespec="microseconds"),
        "trusted": int(delivery.trusted),
        "verdict": delivery.verdict,
        "why": delivery.why,
        "origin": delivery.origin,
        "path": storable(delivery.path),
        "body": delivery.body,
    }
    if known is None:
        _insert(connection, columns | {"deliveries": 1})
    elif delivery.trusted and not known["trusted"]:
        # The first delivery was refused or made by us; this one is the truth, so the event is told by it.
        names = ", ".join(f"{name} = :{name}" for name in columns)
        connection.execute(
            f"UPDATE events SET {names}, deliveries = deliveries + 1, revision = {_NEXT} WHERE id = :known",  # noqa: S608
            columns | {"known": known["id"]},
        )
    else:
        connection.execute(
            f"UPDATE events SET deliveries = deliveries + 1, revision = {_NEXT} WHERE id = ?",  # noqa: S608
            (known["id"],),
        )


def _insert(connection: sqlite3.Connection, columns: dict[str, Any]) -> None:
    names = ", ".join(columns)
    marks = ", ".join(f":{name}" for name in columns)
    connection.execute(f"INSERT INTO events ({names}, revision) VALUES ({marks}, {_NEXT})", columns)  # noqa: S608


def store_sent(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Store a reply that the service accepted, and its event."""
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(f"INSERT INTO sent ({names}) VALUES ({marks})", row)  # noqa: S608
    fold_sent(connection, row)


def fold_sent(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Make the event of a stored reply; one more under a uuid that is known already is counted."""
    shared = ("message_uuid", "psid", "page_id", "text", "message_type", "body")
    columns = {name: row[name] for name in shared} | {
        "identity": json.dumps(["reply", row["message_uuid"], None]),
        "kind": "reply",
        "status": None,
        "shape": "v1" if row["version"] == "v1" else "v0.1",
        "received": row["at"],
        "deliveries": 1,
        "trusted": 1,
        "verdict": "unchecked",
        "why": "",
        "origin": "sent",
        "path": f"/{row['version']}/messages",
    }
    again = connection.execute(
        f"UPDATE events SET deliveries = deliveries + 1, revision = {_NEXT} WHERE identity = ?",  # noqa: S608
        (columns["identity"],),
    )
    if not again.rowcount:
        _insert(connection, columns)


def to_event(row: sqlite3.Row) -> Event:
    """Read a row of `events`."""
    columns = {name: row[name] for name in row.keys() if name != "identity"}  # noqa: SIM118 - a Row iterates values
    columns["received"] = datetime.fromisoformat(row["received"])
    columns["trusted"] = bool(row["trusted"])
    return Event(**columns)


def to_delivery(row: sqlite3.Row) -> Delivery:
    """Read a row of `deliveries`."""
    columns = {name: row[name] for name in row.keys() if name not in ("odd", "psid", "headers")}  # noqa: SIM118
    columns["received"] = datetime.fromisoformat(row["received"])
    return Delivery(headers=tuple((name, value) for name, value in json.loads(row["headers"])), **columns)


def now_text() -> str:
    """Return the present time in UTC, as the tables keep it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
