"""The tables of the inbox: a delivery becomes rows here, and rows become deliveries and events."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from nbhelpers.inbox import newest, words
from nbhelpers.inbox.events import Delivery, Event, event_of
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.other_calls import Recognised
from nbhelpers.storage.sqlite import storable

__all__ = [
    "SAME_EVENT",
    "SCHEMA",
    "VERSION",
    "forget",
    "migrate",
    "moment",
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
# Every change of an event follows a new row of deliveries or of sent. Their sequences never fall back, whatever is
# forgotten; the newest revision among the events would, and a watcher would then wait for numbers it has passed.
_NEXT = "(SELECT sum(seq) FROM sqlite_sequence WHERE name IN ('deliveries', 'sent'))"

#: The version of these tables; `migrate` brings an older file to it.
VERSION = 3
# Moments are microseconds since 1970, UTC. What a delivery says stands in its own row alone: an event names that row,
# and has a body only where what is read is not what came, as of one that was compressed.
_DELIVERIES = """
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
  headers TEXT NOT NULL, body BLOB NOT NULL, answer INTEGER NOT NULL, verdict TEXT NOT NULL, why TEXT NOT NULL,
  origin TEXT NOT NULL, odd INTEGER NOT NULL, psid TEXT);
CREATE INDEX deliveries_odd ON deliveries (id) WHERE odd = 1;
CREATE TABLE sent (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, version TEXT NOT NULL, body BLOB NOT NULL,
  message_uuid TEXT NOT NULL, psid TEXT, page_id TEXT, text TEXT, message_type TEXT, after INTEGER NOT NULL);
"""
_FACTS = "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL);"
# `identity` is that of an event without a message_uuid; `delivery` the row that tells it, or after which it was sent.
# An `id` says in which order they were told, whatever a clock said: one that is told anew, by the truth, gets another.
_EVENTS = """
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, identity TEXT, kind TEXT NOT NULL, message_uuid TEXT, status TEXT, psid TEXT,
  page_id TEXT, text TEXT, message_type TEXT, shape TEXT NOT NULL, deliveries INTEGER NOT NULL,
  trusted INTEGER NOT NULL, revision INTEGER NOT NULL, channel TEXT NOT NULL, delivery INTEGER NOT NULL, sent INTEGER,
  notes TEXT NOT NULL, body BLOB);
CREATE UNIQUE INDEX events_identity ON events (ifnull(message_uuid, identity), kind, ifnull(status, ''));
CREATE INDEX events_revision ON events (revision);
CREATE INDEX events_psid ON events (psid);
CREATE INDEX events_newest ON events (channel) WHERE kind = 'inbound' AND trusted = 1;
CREATE VIEW told AS SELECT
  e.id, e.kind, e.message_uuid, e.status, e.psid, e.page_id, e.text, e.message_type, e.shape,
  coalesce(d.received, s.at) AS received, e.deliveries, e.trusted, coalesce(d.verdict, 'unchecked') AS verdict,
  coalesce(d.why, '') AS why, coalesce(d.origin, 'sent') AS origin,
  coalesce(d.path, '/' || s.version || '/messages') AS path, e.revision, coalesce(e.body, d.body, s.body) AS body,
  e.channel, e.delivery, e.notes, e.sent, e.identity
FROM events e LEFT JOIN deliveries d ON d.id = e.delivery AND e.sent IS NULL LEFT JOIN sent s ON s.id = e.sent;
"""
#: The tables of `lab.sqlite3`, as SQL.
SCHEMA = _DELIVERIES + words.TABLE + _FACTS + _EVENTS + newest.INDEXES

_DELIVERY_COLUMNS = ("received", "method", "path", "headers", "body", "answer", "verdict", "why", "origin", "odd")
_INSERT_DELIVERY = (
    f"INSERT INTO deliveries ({', '.join(_DELIVERY_COLUMNS)}, psid) VALUES ({'?, ' * len(_DELIVERY_COLUMNS)}?)"  # noqa: S608
)
_TOLD = (
    *("identity", "kind", "message_uuid", "status", "psid", "page_id", "text", "message_type", "shape"),
    *("trusted", "channel", "delivery", "sent", "notes", "body"),
)
# Almost every event is a new one. To return a row takes SQLite longer than to insert it, 16 microseconds beside 10
# (measured, 3.40), so that is asked for only where there was one already.
_UPSERT = (
    f"INSERT INTO events ({', '.join(_TOLD)}, deliveries, revision) VALUES (:{', :'.join(_TOLD)}, :deliveries, {_NEXT})"  # noqa: S608
    " ON CONFLICT (ifnull(message_uuid, identity), kind, ifnull(status, '')) DO "
)
_NEW_EVENT = f"{_UPSERT}NOTHING"
_INSERT_EVENT = f"{_UPSERT}UPDATE SET deliveries = deliveries + 1, revision = excluded.revision RETURNING *"
#: The condition that finds the event a delivery tells of: message uuid or identity, kind, status.
SAME_EVENT = "ifnull(message_uuid, identity) = ? AND kind = ? AND ifnull(status, '') = ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Bring an inbox of an earlier version up: events are built anew from the deliveries, which lose nothing."""
    if found == 2:  # it lacked the indexes
        for statement in ("DROP INDEX events_calls", *newest.INDEXES.split(";")):
            connection.execute(statement)
        return
    connection.execute("ALTER TABLE deliveries RENAME TO old_deliveries")
    connection.execute("ALTER TABLE sent RENAME TO old_sent")
    for statement in (
        "DROP TABLE events",
        "DROP INDEX deliveries_odd",
        *(_DELIVERIES + words.TABLE + _EVENTS + newest.INDEXES).split(";"),
    ):
        connection.execute(statement)
    # Both sequences go on where they were: a revision that a watcher has seen must not come again.
    connection.execute("DELETE FROM sqlite_sequence WHERE name IN ('deliveries', 'sent')")
    connection.execute("UPDATE sqlite_sequence SET name = substr(name, 5) WHERE name LIKE 'old\\_%' ESCAPE '\\'")
    names = ", ".join(("id", *_DELIVERY_COLUMNS, "psid"))
    connection.execute(
        f"INSERT INTO deliveries ({names})"  # noqa: S608
        f" SELECT {names.replace('received', _microseconds('received'))} FROM old_deliveries"
    )
    # What had come by then, which the first version did not write down: told by the clock, as it told everything.
    after = "coalesce((SELECT max(id) FROM old_deliveries WHERE received <= old_sent.at), 0)"
    names = "version, body, message_uuid, psid, page_id, text, message_type"
    connection.execute(
        f"INSERT INTO sent (id, at, {names}, after)"  # noqa: S608
        f" SELECT id, {_microseconds('at')}, {names}, {after} FROM old_sent"
    )
    connection.execute("DROP TABLE old_deliveries")
    connection.execute("DROP TABLE old_sent")
    rebuild(connection)


def _microseconds(column: str) -> str:
    """Return SQL for a moment that was kept as text: `2020-01-01T12:00:00.000000+00:00`."""
    return f"CAST(strftime('%s', {column}) AS INTEGER) * 1000000 + CAST(substr({column}, 21, 6) AS INTEGER)"


def rebuild(connection: sqlite3.Connection) -> int:
    """Build every event anew from the deliveries and replies, and return how many there are."""
    words.clear(connection)
    connection.execute("DELETE FROM events")
    replies = connection.execute("SELECT * FROM sent ORDER BY id").fetchall()[::-1]
    # In the order in which they were stored, whatever the clock said: so the first to tell is the same again.
    for row in connection.execute("SELECT * FROM deliveries ORDER BY id").fetchall():
        while replies and replies[-1]["after"] < row["id"]:
            _fold_sent(connection, dict(replies.pop()))
        delivery = to_delivery(row)
        event = event_of(delivery)
        psid = storable(event["psid"]) if event else None
        columns = (_oddity(delivery, event), psid, row["id"])
        if columns[:2] != (row["odd"], row["psid"]):
            connection.execute("UPDATE deliveries SET odd = ?, psid = ? WHERE id = ?", columns)
        if event is not None:
            _fold(connection, delivery, event, row["id"])
    for row in reversed(replies):
        _fold_sent(connection, dict(row))
    return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def store(connection: sqlite3.Connection, delivery: Delivery, found: Recognised | None = None) -> int:
    """Store a delivery and the event it tells of; return its id. `found` is what it was recognised as, if it was."""
    event = event_of(delivery, found)
    odd = _oddity(delivery, event)
    body = delivery.body
    if odd == _BOUNDED:
        body = body[:_ODD_BODY]
        if event is not None:
            event |= {"body": event["body"][:_ODD_BODY], "text": event["text"] and event["text"][:_ODD_BODY]}
    row = connection.execute(
        _INSERT_DELIVERY,
        (
            moment(delivery.received),
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
        _fold(connection, delivery, event, number)
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
        # From the oldest of them on: what came before was trimmed before.
        (first,) = connection.execute("SELECT min(id) FROM deliveries WHERE odd = 1").fetchone()
        connection.execute("DELETE FROM deliveries WHERE odd = 1 AND id <= ?", (last["id"],))
        told = f"({newest.IS_BESIDE}) AND delivery BETWEEN ? AND ? AND kind = 'call' AND trusted = 0"
        forget(connection, told, first, last["id"])


def forget(connection: sqlite3.Connection, where: str, *values: str | int) -> int:
    """Delete the events that an SQL condition names, and what is known of their words; return how many."""
    words.drop(connection, where, values)
    return connection.execute(f"DELETE FROM events WHERE {where}", values).rowcount  # noqa: S608 - conditions of ours


def _fold(connection: sqlite3.Connection, delivery: Delivery, event: dict[str, Any], number: int) -> None:
    """Make or update the event that a delivery tells of, which is stored as row `number`."""
    columns: dict[str, Any]
    columns = {name: storable(value) if isinstance(value, str) else value for name, value in event.items()}
    columns |= {"trusted": int(delivery.trusted), "delivery": number, "sent": None, "deliveries": 1}
    if columns["body"] == delivery.body[: len(columns["body"])]:
        columns["body"] = None
    if connection.execute(_NEW_EVENT, columns).rowcount:
        return
    known = connection.execute(_INSERT_EVENT, columns).fetchone()
    if not known["trusted"] and (delivery.trusted or event["kind"] == "call"):
        # The first delivery was refused or made by us; this one is the truth, so the event is told by it. Of calls that
        # were not taken the newest tells, since the older ones go.
        forget(connection, "id = ?", known["id"])
        connection.execute(_INSERT_EVENT, columns | {"deliveries": known["deliveries"]}).fetchone()


def store_sent(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Store a reply that the service accepted, and its event."""
    row = row | {"after": connection.execute("SELECT coalesce(max(id), 0) FROM deliveries").fetchone()[0]}
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    inserted = connection.execute(f"INSERT INTO sent ({names}) VALUES ({marks})", row)  # noqa: S608
    _fold_sent(connection, row | {"id": inserted.lastrowid})


def _fold_sent(connection: sqlite3.Connection, row: dict[str, Any]) -> None:
    """Make the event of a stored reply; one more under a uuid that is known already is counted."""
    columns = {name: row[name] for name in ("message_uuid", "psid", "page_id", "text", "message_type")} | {
        **dict.fromkeys(("identity", "status", "body")),
        "kind": "reply",
        "shape": "v1" if row["version"] == "v1" else "v0.1",
        "trusted": 1,
        "channel": _channel_of(row["body"]),
        "delivery": row["after"],
        "sent": row["id"],
        "notes": "",
        "deliveries": 1,
    }
    connection.execute(_INSERT_EVENT, columns).fetchone()


def _channel_of(body: bytes) -> str:
    """Return the channel that a request body asks for; it is one that we wrote."""
    asked = json.loads(body)
    to = asked.get("to")
    return str(asked.get("channel") or (to.get("type") if isinstance(to, dict) else None) or MESSENGER)


def to_event(row: sqlite3.Row) -> Event:
    """Read a row of the view `told`."""
    # A Row iterates its values.
    columns = {name: row[name] for name in row.keys() if name not in ("identity", "sent")}  # noqa: SIM118
    columns["received"] = _EPOCH + row["received"] * _MICROSECOND
    columns["trusted"] = bool(row["trusted"])
    return Event(**columns)


def to_delivery(row: sqlite3.Row) -> Delivery:
    """Read a row of `deliveries`."""
    columns = {name: row[name] for name in row.keys() if name not in ("odd", "psid", "headers")}  # noqa: SIM118
    columns["received"] = _EPOCH + row["received"] * _MICROSECOND
    return Delivery(headers=tuple((name, value) for name, value in json.loads(row["headers"])), **columns)


def moment(time: datetime | None = None) -> int:
    """Return a time, by default the present, as the tables keep it: microseconds since 1970, UTC."""
    return ((time or datetime.now(UTC)) - _EPOCH) // _MICROSECOND
