"""Batches the writes of an event loop: many in one commit, each answered when that commit is on the disk.

The statements run on the event loop itself: a writer thread beside a busy loop waits for the interpreter at each of
them. Only a commit that waits for the disk (`synchronous=FULL`) runs on a thread, and what is asked for meanwhile
shares the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from nbhelpers.storage.sqlite import BUSY, Database, is_busy

__all__ = ["WriteBatch"]

T = TypeVar("T")
_TURNS = 2  # of the event loop, before what was asked for is written
_AGAIN = 0.002  # seconds until a file that somebody else writes to is tried again

_Asked = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]
_Answer = tuple["asyncio.Future[Any]", Any, Exception | None]


class WriteBatch:
    """Runs `work(connection)` on the event loop; what is asked for within a few turns of it shares a commit.

    A work that raises takes no other with it; when the commit itself fails, all of its batch raise. While somebody else
    writes, the loop goes on and tries again, for four seconds at most.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._waiting: list[_Asked] = []
        self._busy_since: float | None = None
        self._thread = ThreadPoolExecutor(1, "commit") if database.waits_for_disk else None
        self._committing: tuple[Future[Exception | None], list[_Answer]] | None = None

    def write(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Ask for `work(connection)`; the Future is done when it is committed, with its result or its exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, future))
        if len(self._waiting) == 1 and self._committing is None:
            loop.call_soon(self._gather, loop, _TURNS)
        return future

    def close(self) -> None:
        """Write what still waits, and close the connection."""
        thread, self._thread = self._thread, None  # from here on a commit runs where it is asked for
        if thread is not None:
            thread.shutdown()
        self._committed()
        until = time.monotonic() + BUSY
        while self._waiting and time.monotonic() < until:
            self._write()
            time.sleep(_AGAIN if self._waiting else 0)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _gather(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        # Each turn of the loop reads what has arrived meanwhile: a commit costs the same for one message and for ten.
        loop.call_soon(self._gather, loop, turns - 1) if turns > 1 else loop.call_soon(self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._committing is None and self._waiting:
            self._write()
            if self._committing is not None:
                self._committing[0].add_done_callback(functools.partial(self._on_disk, loop))
            elif self._waiting:
                loop.call_later(_AGAIN, self._flush, loop)

    def _write(self) -> None:
        """Write what waits. It waits still when somebody else writes; a commit may be on its way afterwards."""
        try:
            connection = self._begun()
        except sqlite3.Error as error:
            self._busy_since = self._busy_since or time.monotonic()
            if not is_busy(error) or time.monotonic() - self._busy_since > BUSY:
                self._tell([(future, None, None) for _, future in self._taken()], error)
            return
        batch = self._taken()
        try:
            answers = _run(connection, batch)
        except sqlite3.Error as error:  # of the transaction itself, such as a full disk
            self._end([(future, None, None) for _, future in batch], error)
            return
        if self._thread is None:
            self._end(answers, _commit(connection))
        else:
            self._committing = self._thread.submit(_commit, connection), answers

    def _taken(self) -> list[_Asked]:
        taken, self._waiting, self._busy_since = self._waiting, [], None
        return taken

    def _begun(self) -> sqlite3.Connection:
        """Return the connection in a new transaction, its turn taken. Raises sqlite3.Error when it cannot begin."""
        self._database.refuse_if_moved()
        if self._connection is None:
            self._connection = self._database.connect()
            self._connection.execute("PRAGMA busy_timeout = 0")  # the loop must not sleep
        # Where a turn lasts as long as the disk takes, the loop does not wait for one either.
        if not self._database.turn.acquire(blocking=not self._database.waits_for_disk):
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise busy
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._database.turn.release()
            raise
        return self._connection

    def _on_disk(self, loop: asyncio.AbstractEventLoop, _commit: Future[Exception | None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: close() tells whoever waits
            loop.call_soon_threadsafe(self._committed, loop)

    def _committed(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        if self._committing is None:  # closed meanwhile, which told everybody
            return
        (commit, answers), self._committing = self._committing, None
        self._end(answers, commit.result())
        if loop is not None:
            self._flush(loop)

    def _end(self, answers: list[_Answer], failure: Exception | None) -> None:
        self._database.turn.release()
        if failure is not None and self._connection is not None:
            # After a failed commit the state of the connection is not worth guessing: open another.
            self._connection.close()
            self._connection = None
        self._tell(answers, failure)

    @staticmethod
    def _tell(answers: list[_Answer], failure: Exception | None) -> None:
        for future, result, refused in answers:
            if future.done():  # whoever asked has left
                continue
            if failure or refused:
                future.set_exception(failure or refused)  # type: ignore[arg-type]  # one of the two is there
            else:
                future.set_result(result)


def _run(connection: sqlite3.Connection, batch: list[_Asked]) -> list[_Answer]:
    connection.execute("SAVEPOINT batch")
    try:
        return [(future, work(connection), None) for work, future in batch]
    except Exception:  # noqa: BLE001 - which of them it was is found below, and whoever asked is told
        connection.execute("ROLLBACK TO batch")
    answers: list[_Answer] = []
    for work, future in batch:
        connection.execute("SAVEPOINT one")
        try:
            answers.append((future, work(connection), None))
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            connection.execute("ROLLBACK TO one")
            answers.append((future, None, error))
        connection.execute("RELEASE one")
    return answers


def _commit(connection: sqlite3.Connection) -> Exception | None:
    try:
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        return error
    return None
