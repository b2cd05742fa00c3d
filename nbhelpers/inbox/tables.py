"""The tables of the inbox: a delivery becomes rows here, and rows become deliveries and events."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from nbhelpers.inbox.events import Delivery, Event, event_of
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.storage.sqlite import storable

__all__ = [
    "ORDER",
    "SCHEMA",
    "VERSION",
    "fold",
    "fold_sent",
    "migrate",
    "now_text",
    "rebuild",
    "store",
    "store_sent",
    "to_delivery",
    "to_event",
]

_ODDITIES = 500  # rows kept of requests that are no webhook and were not answered 200: a scanner must not fill the disk
_ODD_BODY = 4096  # bytes kept of such a body
# `odd` of a delivery: a webhook; none, and kept within bounds; none either, but answered 200, so kept whole.
_WEBHOOK, _BOUNDED, _OTHER = 0, 1, 2
# The order in which things came, whatever a clock said: by the delivery's row, an answer after what had come by then.
ORDER = "delivery {0}, kind = 'reply' {0}, id {0}"
# Every change of an event follows a new row of deliveries or of sent. Their sequences never fall back, whatever is
# forgotten; the newest revision among the events would, and a watcher would then wait for numbers it has passed.
_NEXT = "(SELECT sum(seq) FROM sqlite_sequence WHERE name IN ('deliveries', 'sent'))"

VERSION = 2
_DELIVERIES = """
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, received TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  headers TEXT NOT NULL, body BLOB NOT NULL, answer INTEGER NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL,
  origin TEXT NOT NULL, odd INTEGER NOT NULL, psid TEXT);
CREATE INDEX deliveries_odd ON deliveries (id) WHERE odd = 1;
CREATE INDEX deliveries_psid ON deliveries (psid);
CREATE TABLE sent (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, version TEXT NOT NULL, body BLOB NOT NULL,
  message_uuid TEXT NOT NULL, psid TEXT, page_id TEXT, text TEXT, message_type TEXT, after INTEGER NOT NULL DEFAULT 0);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL);
"""
_EVENTS = """
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, message_uuid TEXT,
  status TEXT, psid TEXT, page_id TEXT, text TEXT, message_type TEXT, shape TEXT NOT NULL, received TEXT NOT NULL,
  deliveries INTEGER NOT NULL, trusted INTEGER NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL, origin TEXT NOT NULL,
  path TEXT NOT NULL, body BLOB NOT NULL, revision INTEGER NOT NULL, channel TEXT NOT NULL DEFAULT 'messenger',
  delivery INTEGER NOT NULL DEFAULT 0, notes TEXT NOT NULL DEFAULT '');
CREATE INDEX events_revision ON events (revision);
CREATE INDEX events_uuid ON events (message_uuid);
CREATE INDEX events_psid ON events (psid);
CREATE INDEX events_order ON events (delivery);
CREATE INDEX events_newest ON events (channel, delivery) WHERE kind = 'inbound' AND trusted = 1
"""
SCHEMA = _DELIVERIES + _EVENTS


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Bring an inbox of an earlier version up: events are built anew from the deliveries, which lose nothing."""
    assert found == 1, found  # noqa: S101 - there has been one
    connection.execute("ALTER TABLE sent ADD COLUMN after INTEGER NOT NULL DEFAULT 0")
    # What had come by then, which the first version did not write down: told by the clock, as it told everything.
    connection.execute(
        "UPDATE sent SET after = coalesce((SELECT max(id) FROM deliveries WHERE received <= sent.at), 0)"
    )
    connection.execute("DROP TABLE events")
    for statement in _EVENTS.split(";"):
        connection.execute(statement)
    rebuild(connection)


def rebuild(connection: sqlite3.Connection) -> int:
    """Build every event anew from the deliveries and replies, and return how many there are."""
    connection.execute("DELETE FROM events")
    # In the order in which they were stored, whatever the clock said: so the first to tell is the same again.
    for row in connection.execute("SELECT * FROM deliveries ORDER BY id").fetchall():
        delivery = to_delivery(row)
        event = event_of(delivery)
        psid = storable(event["psid"]) if event else None
        columns = (_oddity(delivery, event), psid, row["id"])
        if columns[:2] != (row["odd"], row["psid"]):
            connection.execute("UPDATE deliveries SET odd = ?, psid = ? WHERE id = ?", columns)
        if event is not None:
            fold(connection, delivery, event)
    for row in connection.execute("SELECT * FROM sent ORDER BY id").fetchall():
        fold_sent(connection, dict(row))
    return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def store(connection: sqlite3.Connection, delivery: Delivery) -> int:
    """Store a delivery and the event it tells of; return its id."""
    event = event_of(delivery)
    odd = _oddity(delivery, event)
    body = delivery.body
    if odd == _BOUNDED:
        body = body[:_ODD_BODY]
        if event is not None:
            event |= {"body": event["body"][:_ODD_BODY], "text": event["text"] and event["text"][:_ODD_BODY]}
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
            odd,
            storable(event["psid"]) if event else None,
        ),
    )
    number = row.lastrowid or 0
    if event is not None:
        fold(connection, dataclasses.replace(delivery, id=number), event)
    if odd == _BOUNDED:
        _trim(connection)
    return number


def _oddity(delivery: Delivery, event: dict[str, Any] | None) -> int:
    if event is not None and event["kind"] != "call":
        return _WEBHOOK
    return _OTHER if 200 <= delivery.answer < 300 else _BOUNDED


def _trim(connection: sqlite3.Connection) -> None:
    """Keep the newest of the requests that are bounded, with what they tell of."""
    sql = "SELECT id FROM deliveries WHERE odd = 1 ORDER BY id DESC LIMIT 1 OFFSET ?"
    last = connection.execute(sql, (_ODDITIES,)).fetchone()
    if last is not None:
        connection.execute("DELETE FROM deliveries WHERE odd = 1 AND id <= ?", (last["id"],))
        connection.execute("DELETE FROM events WHERE kind = 'call' AND trusted = 0 AND delivery <= ?", (last["id"],))


def fold(connection: sqlite3.Connection, delivery: Delivery, event: dict[str, Any] | None = None) -> None:
    """Make or update the event that a delivery tells of."""
    event = event or event_of(delivery)
    if event is None:
        return
    event = {name: storable(value) if isinstance(value, str) else value for name, value in event.items()}
    known = connection.execute("SELECT id, trusted FROM events WHERE identity = ?", (event["identity"],)).fetchone()
    columns = event | {
        "received": delivery.received.isoformat(timespec="microseconds"),
        "trusted": int(delivery.trusted),
        "verdict": delivery.verdict,
        "why": delivery.why,
        "origin": delivery.origin,
        "path": storable(delivery.path),
        "delivery": delivery.id or 0,
    }
    if known is None:
        _insert(connection, columns | {"deliveries": 1})
    elif not known["trusted"] and (delivery.trusted or event["kind"] == "call"):
        # The first delivery was refused or made by us; this one is the truth, so the event is told by it. Of calls that
        # were not taken the newest tells, since the older ones go.
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
    row = row | {"after": connection.execute("SELECT coalesce(max(id), 0) FROM deliveries").fetchone()[0]}
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
        "channel": _channel_of(row["body"]),
        "delivery": row["after"],
    }
    again = connection.execute(
        f"UPDATE events SET deliveries = deliveries + 1, revision = {_NEXT} WHERE identity = ?",  # noqa: S608
        (columns["identity"],),
    )
    if not again.rowcount:
        _insert(connection, columns)


def _channel_of(body: bytes) -> str:
    """Return the channel that a request body asks for; it is one that we wrote."""
    asked = json.loads(body)
    to = asked.get("to")
    return str(asked.get("channel") or (to.get("type") if isinstance(to, dict) else None) or MESSENGER)


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
