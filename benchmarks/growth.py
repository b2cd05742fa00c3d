"""An inbox that grows: what is asked of it at a thousand, a hundred thousand and a million events, and the disk."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.frame import Options, Row, make_row
from benchmarks.labs import opened, versions
from nbhelpers import Lab
from nbhelpers.auth.signatures import sign
from nbhelpers.inbox import words
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.tables import store

__all__ = ["measure"]

_SIZES = (1_000, 100_000, 1_000_000)
_PEOPLE = 1_000
_ASKED, _EXAMINED = 40, 20  # times each question is asked, and the doctor
_AT_ONCE = 2_000  # events in a commit while it is filled
_WITH_CALLS = "the doctor, with its calls over HTTP"


def measure(options: Options) -> list[Row]:
    """Fill one inbox up to each size and ask; a quick run leaves the million out, which takes minutes to fill."""
    rows = []
    known = versions("PyJWT") | {"events": f"signed inbound messages of {_PEOPLE} people, all words indexed"}
    with opened() as lab:
        deliveries, filled, received = _deliveries(), 0, 0
        for size in _SIZES[:-1] if options.quick else _SIZES:
            received += _fill(lab, deliveries, size - filled)
            filled, last = size, size == _SIZES[-1]
            for name, times in _answers(lab).items():
                bar = "<= 10 ms" if last and name != _WITH_CALLS else None
                rows.append(
                    make_row(f"{size:,}: {name}, p95", times, "ms", take=_p95, better="lower", bar=bar, versions=known)
                )
            disk = lab.inbox.path.stat().st_size / received
            bar = "<= 2 times" if last else None
            name = f"{size:,}: file, in bytes received"
            rows.append(make_row(name, [disk], "times", better="lower", bar=bar, versions=known))
    return rows


def _answers(lab: Lab) -> dict[str, list[float]]:
    """Ask everything; return the milliseconds of each answer."""
    person = str(7_000_000_000_000_000 + 5)
    inbox = lab.inbox
    questions: dict[str, Callable[[], object]] = {
        "newest message": inbox.newest_message,
        "newest message of one person": lambda: inbox.newest_message(person),
        "a conversation's last hundred": lambda: inbox.events(person=person, limit=100),
        "the last hundred": lambda: inbox.events(limit=100),
        "search, few hits": lambda: inbox.events(text="question 777", limit=100),
        "search, every event a hit": lambda: inbox.events(text="rye bread", limit=100),
        "search, no hit": lambda: inbox.events(text="pumpernickel", limit=100),
        "repr(inbox)": lambda: repr(inbox),
        "revision": inbox.revision,
        "the last answer": inbox.last_answer,
    }
    found = {name: [_milliseconds(ask) for _ in range(_ASKED)] for name, ask in questions.items()}
    found["the doctor's reading of the inbox"], found[_WITH_CALLS] = [], []
    for _ in range(_EXAMINED):
        with _clocked(inbox) as reading:
            found[_WITH_CALLS].append(_milliseconds(lab.doctor))
        found["the doctor's reading of the inbox"].append(reading[0])
    return found


@contextlib.contextmanager
def _clocked(inbox: Inbox) -> Iterator[list[float]]:
    """Add up the milliseconds that are spent in the inbox's own methods."""
    spent, inside = [0.0], False

    def clock(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*values: Any, **named: Any) -> Any:
            nonlocal inside
            if inside:
                return ask(*values, **named)
            inside, began = True, time.perf_counter()
            try:
                return ask(*values, **named)
            finally:
                inside = False
                spent[0] += (time.perf_counter() - began) * 1000

        return asked

    names = [name for name, value in vars(Inbox).items() if inspect.isfunction(value) and not name.startswith("_")]
    for name in names:
        setattr(inbox, name, clock(getattr(inbox, name)))
    try:
        yield spent
    finally:
        for name in names:
            delattr(inbox, name)


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
        # Only while it is filled: nothing waits for the disk, and the indexes stay in memory.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
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
