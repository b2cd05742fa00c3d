"""An inbox that grows: what is asked of it at a thousand, a hundred thousand and a million events, and the disk."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from benchmarks.frame import Options, Row, make_row
from benchmarks.labs import opened, versions
from nbhelpers import Lab
from nbhelpers.auth.signatures import sign
from nbhelpers.inbox import words
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.tables import store

__all__ = ["measure"]

_SIZES = (1_000, 100_000, 1_000_000)
_PEOPLE = 1_000
_ASKED = 40  # times each question is asked
_AT_ONCE = 2_000  # events in a commit while it is filled


def measure(options: Options) -> list[Row]:
    """Fill one inbox up to each size and ask; with fewer `--messages` than a size, that size is left out."""
    rows = []
    known = versions("PyJWT") | {"events": f"signed inbound messages of {_PEOPLE} people, all words indexed"}
    with opened() as lab:
        deliveries, filled, received = _deliveries(), 0, 0
        for size in _SIZES:
            if size > max(options.messages, _SIZES[0]):
                break
            received += _fill(lab, deliveries, size - filled)
            filled = size
            for name, ask in _questions(lab):
                values = [_milliseconds(ask) for _ in range(_ASKED if name != "the doctor" else 10)]
                bar = "<= 10 ms" if size == _SIZES[-1] else None
                rows.append(
                    make_row(f"{size:,}: {name}, p95", values, "ms", take=_p95, better="lower", bar=bar, versions=known)
                )
            disk = lab.inbox.path.stat().st_size / received
            rows.append(
                make_row(
                    f"{size:,}: file, in bytes received",
                    [disk],
                    "times",
                    better="lower",
                    bar="<= 2 times" if size == _SIZES[-1] else None,
                    versions=known,
                )
            )
    return rows


def _questions(lab: Lab) -> list[tuple[str, Callable[[], object]]]:
    person = str(7_000_000_000_000_000 + 5)
    return [
        ("newest message", lab.inbox.newest_message),
        ("newest message of one person", lambda: lab.inbox.newest_message(person)),
        ("a conversation's last hundred", lambda: lab.inbox.events(person=person, limit=100)),
        ("the last hundred", lambda: lab.inbox.events(limit=100)),
        ("search, few hits", lambda: lab.inbox.events(text="question 777", limit=100)),
        ("search, every event a hit", lambda: lab.inbox.events(text="rye bread", limit=100)),
        ("search, no hit", lambda: lab.inbox.events(text="pumpernickel", limit=100)),
        ("repr(inbox)", lambda: repr(lab.inbox)),
        ("revision", lab.inbox.revision),
        ("the doctor", lab.doctor),
    ]


def _deliveries() -> Iterator[Delivery]:
    for number in itertools.count():
        body = {
            "message_uuid": str(uuid.uuid4()),
            "timestamp": "2026-01-01T12:00:00.000Z",
            "channel": "messenger",
            "to": "107083064136738",
            "from": str(7_000_000_000_000_000 + number % _PEOPLE),
            "message_type": "text",
            "text": f"Do you have rye bread today? This is question {number}.",
        }
        raw = json.dumps(body, separators=(",", ":")).encode()
        headers = (
            ("host", "127.0.0.1:8710"),
            ("content-type", "application/json"),
            ("content-length", str(len(raw))),
            ("user-agent", "nbhelpers-simulator"),
            ("authorization", sign(raw, "a signature secret of a benchmark", "abcd1234")),
        )
        yield Delivery("POST", "/webhooks/inbound", headers, raw, 200, "signed")


def _fill(lab: Lab, deliveries: Iterator[Delivery], count: int) -> int:
    """Store so many more, and index their words; return the bytes of their requests."""
    received, connection = 0, lab.inbox.database.connect()
    try:
        connection.execute("PRAGMA synchronous = OFF")  # only while it is filled
        while count > 0:
            connection.execute("BEGIN IMMEDIATE")
            for delivery in itertools.islice(deliveries, min(count, _AT_ONCE)):
                store(connection, delivery)
                received += len(delivery.body) + sum(len(name) + len(value) + 4 for name, value in delivery.headers)
            connection.execute("COMMIT")
            count -= _AT_ONCE
        while _index(connection):
            pass
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return received


def _index(connection: sqlite3.Connection) -> int:
    connection.execute("BEGIN IMMEDIATE")
    count = words.index(connection, 20_000)
    connection.execute("COMMIT")
    return count


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def _milliseconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000
