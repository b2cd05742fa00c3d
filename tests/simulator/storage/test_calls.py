"""The log of calls: what was sent and answered, bounded, numbered across restarts, kept across a kill."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.simulator.storage.calls import KEPT, Call, Calls
from nbhelpers.simulator.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "simulator.sqlite3")
    yield made
    made.close()


def call(**more: Any) -> Call:
    facts: dict[str, Any] = {
        "webhook": None,
        "uuid": "uuid-1",
        "kind": "inbound",
        "attempt": 1,
        "at": 1_500_000_000.0,
        "seconds": 0.012,
        "method": "POST",
        "url": "http://127.0.0.1:5000/in",
        "headers": (("Host", "127.0.0.1:5000"), ("X-Twice", "1"), ("X-Twice", "2")),
        "status": 500,
        "words": "answered 500",
        "answer_headers": (("Content-Type", "text/plain"),),
        "answer_body": b"Oops \xff",
        "outcome": "again",
        "again": 5.0,
    }
    return Call(**facts | more)


def keep(store: Store, log: Calls, *calls: Call) -> None:
    def work(connection: sqlite3.Connection) -> None:
        for each in calls:
            log.keep(connection, each)

    store.write(work).result()


@pytest.mark.fast
def test_the_newest_come_oldest_first_after_a_number_or_of_one_message(store: Store) -> None:
    log = Calls(store)
    assert (log.newest(), log.listed(), log.opened(1)) == (0, [], None)
    keep(
        store,
        log,
        call(),
        call(uuid="uuid-2", kind="delivered", status=200, outcome="taken", again=None),
        call(attempt=2),
    )
    assert [each["id"] for each in log.listed()] == [1, 2, 3]
    assert [each["id"] for each in log.listed(limit=2)] == [2, 3]
    assert [each["id"] for each in log.listed(after=2)] == [3]
    assert [each["attempt"] for each in log.listed(uuid="uuid-1")] == [1, 2]
    assert "headers" not in log.listed()[0]
    assert log.listed()[0] | {"again": 5.0, "status": 500} == log.listed()[0]


@pytest.mark.fast
def test_opened_it_has_what_was_sent_and_answered_and_the_tries_of_its_webhook(store: Store) -> None:
    log = Calls(store)
    body = '{"text":"é"}'.encode()
    sql = "INSERT INTO webhooks (id, uuid, kind, body, at, due) VALUES (7, 'uuid-1', 'inbound', ?, 0, 0)"
    store.write(lambda connection: connection.execute(sql, (body,)) and None).result()
    keep(
        store,
        log,
        call(webhook=7),
        call(webhook=8),
        call(webhook=7, attempt=2, status=200, outcome="taken", again=None),
    )
    opened = log.opened(1)
    assert opened is not None
    assert opened["headers"] == [["Host", "127.0.0.1:5000"], ["X-Twice", "1"], ["X-Twice", "2"]]
    assert (opened["body"], opened["answer_body"]) == ('{"text":"é"}', "Oops �")
    assert opened["answer_headers"] == [["Content-Type", "text/plain"]]
    assert [(each["id"], each["status"]) for each in opened["tries"]] == [(1, 500), (3, 200)]
    assert json.loads(json.dumps(opened)) == opened


@pytest.mark.fast
def test_of_a_call_by_get_everything_stands_in_the_url_and_a_test_call_has_a_body_of_its_own(store: Store) -> None:
    log = Calls(store)
    keep(store, log, call(method="GET", body=b"{}"), call(kind="test", body=b'{"test":"1"}'))
    assert [log.opened(number)["body"] for number in (1, 2)] == ["", '{"test":"1"}']  # type: ignore[index]
    assert [each["id"] for each in log.opened(2)["tries"]] == [2]  # type: ignore[index]


@pytest.mark.fast
def test_a_thousand_are_kept_and_the_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "simulator.sqlite3")
    log = Calls(store)
    keep(store, log, *(call(attempt=number) for number in range(1, KEPT + 31)))
    store.close()
    store = Store(tmp_path / "simulator.sqlite3")
    again = Calls(store)
    try:
        assert again.newest() == KEPT + 30
        keep(store, again, call())
        numbers = [each["id"] for each in again.listed()]
        assert (numbers[0], numbers[-1], len(numbers)) == (32, KEPT + 31, KEPT)
        assert again.opened(31) is None
        assert again.opened(32) is not None
    finally:
        store.close()
