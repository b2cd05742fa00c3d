"""The tables: how deliveries become rows, and what a row may never become."""

from __future__ import annotations

import contextlib
import gzip
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.tables import SCHEMA, VERSION, moment, store, store_sent, to_delivery, to_event

pytestmark = pytest.mark.fast

WHATSAPP = json.dumps(
    {"channel": "whatsapp", "message_uuid": "w", "from": "447700900001", "to": "14157386102", "message_type": "text"}
).encode()
UUID, PSID, PAGE = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab", "1111111111111111", "0000000000000000"
NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:", isolation_level=None)
    made.row_factory = sqlite3.Row
    made.executescript(SCHEMA)
    yield made
    made.close()


def delivery(text: str = "Hello!", uuid: str | None = UUID, **more: Any) -> Delivery:
    body = json.dumps({"message_uuid": uuid, "from": PSID, "to": PAGE, "message_type": "text", "text": text}).encode()
    plain = {"method": "POST", "path": "/webhooks/inbound", "headers": (), "answer": 200, "received": NOON}
    return Delivery(**{**plain, "body": body, **more})


def events(connection: sqlite3.Connection) -> list[Any]:
    return [to_event(row) for row in connection.execute("SELECT * FROM told ORDER BY id")]


def sent(uuid: str = UUID, **more: Any) -> dict[str, Any]:
    columns = {"psid": PSID, "page_id": PAGE, "text": "Hi!", "message_type": "text"}
    return {"at": moment(), "version": "v1", "body": b"{}", "message_uuid": uuid, **columns, **more}


def test_a_delivery_comes_back_as_it_was_stored(connection: sqlite3.Connection):
    one = delivery(headers=(("host", "127.0.0.1"), ("x-a", "ü")), verdict="wrong", why="old", origin="edited")
    number = store(connection, one)
    (row,) = connection.execute("SELECT * FROM deliveries")
    assert to_delivery(row) == Delivery(**one.__dict__ | {"id": number})


def test_however_often_it_is_delivered_it_is_one_event(connection: sqlite3.Connection):
    for turn in range(5):
        store(connection, delivery(received=NOON + timedelta(seconds=turn)))
    (event,) = events(connection)
    assert (event.deliveries, event.received) == (5, NOON)
    assert connection.execute("SELECT count(*) FROM deliveries").fetchone()[0] == 5


def test_an_accepted_delivery_replaces_what_a_refused_one_said(connection: sqlite3.Connection):
    store(connection, delivery("forged", answer=401, verdict="wrong", why="no", path="/webhooks/status"))
    store(connection, delivery("true", verdict="signed", received=NOON + timedelta(seconds=1)))
    (event,) = events(connection)
    assert (event.text, event.trusted, event.verdict, event.why) == ("true", True, "signed", "")
    assert (event.deliveries, event.path) == (2, "/webhooks/inbound")
    assert event.received == NOON + timedelta(seconds=1)
    assert b"true" in event.body


@pytest.mark.parametrize("later", [{"answer": 401}, {"origin": "replay"}, {"origin": "edited"}, {}])
def test_what_was_accepted_is_told_by_its_first_delivery_for_good(
    connection: sqlite3.Connection, later: dict[str, Any]
):
    store(connection, delivery("true"))
    store(connection, delivery("changed", **later))
    (event,) = events(connection)
    assert (event.text, event.trusted, event.deliveries) == ("true", True, 2)


def test_what_is_no_webhook_is_kept_short_and_only_the_newest_500(connection: sqlite3.Connection):
    store(connection, delivery())
    for number in range(620):
        store(connection, delivery(method="GET", answer=404, path=f"/{number}", body=b"x" * 5000))
    rows = connection.execute("SELECT path, length(body) AS size FROM deliveries WHERE odd = 1 ORDER BY id").fetchall()
    assert [row["path"] for row in rows] == [f"/{number}" for number in range(120, 620)]
    assert {row["size"] for row in rows} == {4096}
    assert len(events(connection)) == 1
    assert connection.execute("SELECT count(*) FROM deliveries WHERE odd = 0").fetchone()[0] == 1


def test_a_webhook_is_kept_whole_however_long(connection: sqlite3.Connection):
    store(connection, delivery("x" * 100_000))
    assert len(events(connection)[0].text) == 100_000
    assert connection.execute("SELECT length(body) FROM deliveries").fetchone()[0] > 100_000


def test_every_change_has_a_revision_of_its_own_and_later_ones_are_higher(connection: sqlite3.Connection):
    seen = []
    for uuid in ("a", "b", "a", "c"):
        store(connection, delivery(uuid=uuid))
        seen.append(connection.execute("SELECT max(revision) FROM events").fetchone()[0])
    store_sent(connection, sent())
    seen.append(connection.execute("SELECT max(revision) FROM events").fetchone()[0])
    assert seen == sorted(set(seen))


def test_revisions_go_on_rising_when_the_newest_event_is_gone(connection: sqlite3.Connection):
    store(connection, delivery(uuid="a"))
    store(connection, delivery(uuid="b"))
    last = connection.execute("SELECT max(revision) FROM events").fetchone()[0]
    connection.execute("DELETE FROM events")
    connection.execute("DELETE FROM deliveries")
    store(connection, delivery(uuid="c"))
    assert events(connection)[0].revision > last


def test_a_reply_is_an_event_that_went_out(connection: sqlite3.Connection):
    store_sent(connection, sent(version="beta"))
    (event,) = events(connection)
    assert (event.kind, event.shape, event.path, event.origin) == ("reply", "v0.1", "/beta/messages", "sent")
    assert (event.psid, event.page_id, event.text, event.trusted) == (PSID, PAGE, "Hi!", True)


def test_two_replies_under_one_uuid_are_counted_and_lose_nothing(connection: sqlite3.Connection):
    store_sent(connection, sent())
    store_sent(connection, sent())
    (event,) = events(connection)
    assert event.deliveries == 2
    assert connection.execute("SELECT count(*) FROM sent").fetchone()[0] == 2


def test_what_utf8_cannot_hold_does_not_stop_the_store(connection: sqlite3.Connection):
    body = b'{"message_uuid": "\\ud800", "from": "\\udc00", "message_type": "text", "text": "a\\ud800"}'
    store(connection, delivery(body=body, path="/\ud800", headers=(("x", "\ud800"),), method="POST"))
    (event,) = events(connection)
    assert (event.text, event.psid, event.body) == ("a?", "?", body)


FIRST = """
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
CREATE INDEX events_newest ON events (received) WHERE kind = 'inbound' AND trusted = 1;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT NOT NULL);
PRAGMA user_version = 1;
"""


def test_an_inbox_of_the_first_version_is_brought_up_and_loses_nothing(tmp_path: Path):
    path = tmp_path / "lab.sqlite3"
    sms = {"msisdn": "447700900001", "to": "44", "messageId": "1", "text": "Hi"}
    came = [delivery(), delivery("on WhatsApp", uuid="w", body=WHATSAPP), delivery(body=json.dumps(sms).encode())]
    answered = NOON + timedelta(seconds=5)
    with contextlib.closing(sqlite3.connect(path)) as old, old:
        old.executescript(FIRST)
        for number, one in enumerate(came):
            moment = (NOON + timedelta(seconds=number * 10)).isoformat(timespec="microseconds")
            values = (moment, "POST", one.path, "[]", one.body, 200, "unchecked", "", "wire", 0, PSID)
            old.execute(f"INSERT INTO deliveries VALUES (NULL, {', '.join('?' * len(values))})", values)
        row = sent("r") | {"at": answered.isoformat(timespec="microseconds")}
        old.execute(f"INSERT INTO sent ({', '.join(row)}) VALUES (:{', :'.join(row)})", row)
        old.execute("INSERT INTO facts VALUES ('page_id', '\"200\"', 'then')")
    inbox = Inbox(path)
    assert [(event.kind, event.channel, event.delivery) for event in inbox.events()] == [
        ("inbound", "messenger", 1),
        ("reply", "messenger", 1),
        ("inbound", "whatsapp", 2),
        ("call", "sms", 3),
    ]
    assert [one.psid for one in inbox.events()] == [PSID, PSID, "447700900001", "447700900001"]
    assert inbox.newest_message().text == "Hello!"
    assert inbox.facts() == {"page_id": "200"}
    inbox.record(delivery("new", uuid="n")).result(5)
    assert inbox.newest_message().text == "new"
    inbox.close()
    again = Inbox(path)
    assert len(again.events()) == 5
    again.close()


def test_a_file_that_the_first_version_made_is_brought_up_and_tells_what_it_told(tmp_path: Path):
    path = tmp_path / "lab.sqlite3"
    data = Path(__file__).parents[1] / "data" / "old" / "inbox-1.sqlite3.gz"
    path.write_bytes(gzip.decompress(data.read_bytes()))
    names = "kind, message_uuid, status, psid, page_id, text, message_type, shape, deliveries, verdict, origin, body"
    with contextlib.closing(sqlite3.connect(path)) as old:
        told = sorted(old.execute(f"SELECT {names} FROM events").fetchall(), key=str)
        came = old.execute("SELECT id, method, path, headers, body, answer, verdict FROM deliveries").fetchall()
    assert (len(told), len(came)) == (6, 5)
    inbox = Inbox(path)
    now = [tuple(getattr(event, name) for name in names.split(", ")) for event in inbox.events()]
    assert sorted(now, key=str) == told
    assert [row[4] for row in came] == [delivery.body for delivery in inbox.deliveries()]
    assert inbox.newest_message().text == "Zoë 👋"
    assert inbox.receipts(inbox.events("reply")[0].message_uuid).states == ["submitted", "delivered"]
    inbox.close()


def test_the_schema_has_a_version():
    assert VERSION >= 1


def test_a_moment_is_kept_to_the_microsecond_and_sorts_by_time():
    first = moment()
    assert moment(NOON) == 1577880000000000
    assert first <= moment()
    assert moment(NOON + timedelta(microseconds=1)) - moment(NOON) == 1


def test_what_a_delivery_says_is_kept_once(connection: sqlite3.Connection):
    store(connection, delivery("a sentence that is nowhere else"))
    dump = "\n".join(connection.iterdump())
    assert dump.count("6120736") <= 1  # as hexadecimal: the body
    assert events(connection)[0].body == delivery("a sentence that is nowhere else").body
    assert connection.execute("SELECT body FROM events").fetchone()[0] is None


def test_a_body_that_was_compressed_is_kept_as_it_came_and_as_it_reads(connection: sqlite3.Connection):
    plain = delivery().body
    store(connection, delivery(body=gzip.compress(plain), headers=(("content-encoding", "gzip"),)))
    assert events(connection)[0].body == plain
    (row,) = connection.execute("SELECT * FROM deliveries")
    assert gzip.decompress(to_delivery(row).body) == plain
