"""The writes of the event loop: many in one commit, none lost, none dragged down by another."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbhelpers.storage.sqlite import Database
from nbhelpers.storage.write_batch import WriteBatch

pytestmark = pytest.mark.fast

INSERT = "INSERT INTO people (name) VALUES (?)"


@pytest.fixture(params=["FULL", "NORMAL"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database whose commits wait for the disk, and one whose do not."""
    schema = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)"
    made = Database(tmp_path / "people.sqlite3", schema, 1, request.param)
    yield made
    made.close()


def names(store: Database) -> list[str]:
    with store.reading() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM people ORDER BY id")]


def test_what_is_asked_for_in_one_turn_shares_a_commit_and_is_answered_after_it(store: Database) -> None:
    async def main() -> list[str]:
        batch = WriteBatch(store)
        seen = []

        async def add(name: str) -> None:
            await batch.write(lambda connection: connection.execute(INSERT, (name,)) and None)
            seen.append(names(store))

        await asyncio.gather(*(add(str(number)) for number in range(20)))
        batch.close()
        # Whoever was told first could see all of them: there was one commit.
        return seen[0]

    assert asyncio.run(main()) == [str(number) for number in range(20)]


def test_one_that_fails_takes_no_other_with_it(store: Database) -> None:
    async def main() -> list[object]:
        batch = WriteBatch(store)
        work = [(INSERT, ("a",)), (INSERT, (None,)), (INSERT, ("a",)), (INSERT, ("b",))]
        asked = [
            batch.write(lambda connection, sql=sql, values=values: connection.execute(sql, values).rowcount)
            for sql, values in work
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        batch.close()
        return answers

    answers = asyncio.run(main())
    assert answers[0] == answers[3] == 1
    assert isinstance(answers[1], sqlite3.IntegrityError)
    assert isinstance(answers[2], sqlite3.IntegrityError)
    assert names(store) == ["a", "b"]


def test_what_waits_when_it_is_closed_is_written(store: Database) -> None:
    async def main() -> None:
        batch = WriteBatch(store)
        asked = batch.write(lambda connection: connection.execute(INSERT, ("last",)) and None)
        batch.close()
        await asked

    asyncio.run(main())
    assert names(store) == ["last"]


def test_it_and_the_writers_thread_take_turns(store: Database) -> None:
    async def main() -> None:
        batch = WriteBatch(store)
        for number in range(50):
            other = store.write(lambda connection, n=number: connection.execute(INSERT, (f"t{n}",)) and None)
            await batch.write(lambda connection, n=number: connection.execute(INSERT, (f"j{n}",)) and None)
            await asyncio.wrap_future(other)
        batch.close()

    asyncio.run(main())
    assert len(names(store)) == 100


def test_what_is_written_after_the_file_was_deleted_is_refused(store: Database) -> None:
    async def main() -> object:
        batch = WriteBatch(store)
        await batch.write(lambda connection: connection.execute(INSERT, ("a",)) and None)
        store.path.unlink()
        asked = batch.write(lambda connection: connection.execute(INSERT, ("b",)) and None)
        (answer,) = await asyncio.gather(asked, return_exceptions=True)
        batch.close()
        return answer

    assert "was deleted or set aside" in str(asyncio.run(main()))
    with pytest.raises(sqlite3.OperationalError, match="was deleted or set aside"):
        store.write(lambda connection: connection.execute(INSERT, ("c",)) and None).result(5)


def test_a_caller_who_has_left_is_no_error(store: Database) -> None:
    async def main() -> None:
        batch = WriteBatch(store)
        asked = batch.write(lambda connection: connection.execute(INSERT, ("kept",)) and None)
        asked.cancel()
        await asyncio.sleep(0.01)
        batch.close()

    asyncio.run(main())
    assert names(store) == ["kept"]


def test_while_somebody_else_writes_the_loop_goes_on_and_the_write_comes_after(store: Database) -> None:
    async def main() -> int:
        batch, other = WriteBatch(store), store.connect()
        other.execute("BEGIN IMMEDIATE")
        asked = batch.write(lambda connection: connection.execute(INSERT, ("late",)) and None)
        turns = 0
        until = asyncio.get_running_loop().time() + 0.2
        while asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.005)
            turns += 1
        assert not asked.done()
        other.execute("COMMIT")
        other.close()
        await asyncio.wait_for(asked, 5)
        batch.close()
        return turns

    assert asyncio.run(main()) > 10
    assert names(store) == ["late"]


def test_who_waits_in_vain_is_told_after_four_seconds(store: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nbhelpers.storage.write_batch.BUSY", 0.1)

    async def main() -> None:
        batch, other = WriteBatch(store), store.connect()
        other.execute("BEGIN IMMEDIATE")
        asked = batch.write(lambda connection: connection.execute(INSERT, ("never",)) and None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await asyncio.wait_for(asked, 5)
        other.execute("COMMIT")
        other.close()
        await batch.write(lambda connection: connection.execute(INSERT, ("next",)) and None)
        batch.close()

    asyncio.run(main())
    assert names(store) == ["next"]


def test_when_a_commit_fails_all_of_its_batch_are_told_and_the_next_is_written(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbhelpers.storage import write_batch

    commit, failed = write_batch._commit, []

    def full(connection: sqlite3.Connection) -> Exception | None:
        if failed:
            return commit(connection)
        failed.append(True)
        connection.execute("ROLLBACK")
        return sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(write_batch, "_commit", full)

    async def main() -> list[object]:
        batch = WriteBatch(store)
        asked = [batch.write(lambda c, n=n: c.execute(INSERT, (str(n),)) and None) for n in range(3)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await batch.write(lambda connection: connection.execute(INSERT, ("next",)) and None)
        batch.close()
        return answers

    assert [str(answer) for answer in asyncio.run(main())] == ["database or disk is full"] * 3
    assert names(store) == ["next"]
