"""The writes of the event loop: many in one commit, none lost, none dragged down by another."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.write_batch import WriteBatch

pytestmark = pytest.mark.fast

INSERT = "INSERT INTO people (name) VALUES (?)"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "simulator.sqlite3")
    yield made
    made.close()


def names(store: Store) -> list[str]:
    return [row["name"] for row in store.rows("SELECT name FROM people ORDER BY id")]


def test_what_is_asked_for_in_one_turn_shares_a_commit_and_is_answered_after_it(store: Store) -> None:
    async def main() -> list[str]:
        journal = WriteBatch(store)
        seen = []

        async def add(name: str) -> None:
            await journal.write(lambda connection: connection.execute(INSERT, (name,)) and None)
            seen.append(names(store))

        await asyncio.gather(*(add(str(number)) for number in range(20)))
        journal.close()
        # Whoever was told first could see all of them: there was one commit.
        return seen[0]

    assert asyncio.run(main()) == [str(number) for number in range(20)]


def test_one_that_fails_takes_no_other_with_it(store: Store) -> None:
    async def main() -> list[object]:
        journal = WriteBatch(store)
        work = [(INSERT, ("a",)), (INSERT, (None,)), (INSERT, ("a",)), (INSERT, ("b",))]
        asked = [
            journal.write(lambda connection, sql=sql, values=values: connection.execute(sql, values).rowcount)
            for sql, values in work
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        journal.close()
        return answers

    answers = asyncio.run(main())
    assert answers[0] == answers[3] == 1
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert isinstance(answers[2], sqlite3.IntegrityError)
    assert names(store) == ["a", "b"]


def test_what_waits_when_it_is_closed_is_written(store: Store) -> None:
    async def main() -> None:
        journal = WriteBatch(store)
        asked = journal.write(lambda connection: connection.execute(INSERT, ("last",)) and None)
        journal.close()
        await asked

    asyncio.run(main())
    assert names(store) == ["last"]


def test_it_and_the_writers_thread_take_turns(store: Store) -> None:
    async def main() -> None:
        journal = WriteBatch(store)
        for number in range(50):
            other = store.write(lambda connection, n=number: connection.execute(INSERT, (f"t{n}",)) and None)
            await journal.write(lambda connection, n=number: connection.execute(INSERT, (f"j{n}",)) and None)
            await asyncio.wrap_future(other)
        journal.close()

    asyncio.run(main())
    assert len(names(store)) == 100


def test_a_caller_who_has_left_is_no_error(store: Store) -> None:
    async def main() -> None:
        journal = WriteBatch(store)
        asked = journal.write(lambda connection: connection.execute(INSERT, ("kept",)) and None)
        asked.cancel()
        await asyncio.sleep(0.01)
        journal.close()

    asyncio.run(main())
    assert names(store) == ["kept"]
