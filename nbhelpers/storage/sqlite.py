"""SQLite with group commit: one thread writes, many ask, and each is answered when its write is on the disk."""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["BUSY", "Database", "SchemaError", "is_busy", "storable"]

T = TypeVar("T")
_Asked = tuple[Callable[[sqlite3.Connection], Any], Future[Any]]
_Answer = tuple[Future[Any], Any, BaseException | None]  # its result, or what it raised
_BATCH = 512  # writes in one commit at most, so that a busy minute still answers the first of them soon
BUSY = 4.0  #: seconds to wait for another process's write


class SchemaError(Exception):
    """The file was written by a newer version of the kit."""


def storable(text: str | None) -> str | None:
    """Return `text` as SQLite can keep it: a lone surrogate, which JSON allows and UTF-8 does not, becomes “?”."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", errors="replace").decode("utf-8")


def is_busy(error: sqlite3.Error) -> bool:
    """Say whether somebody else writes just now, so that trying again helps."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _use_wal(connection: sqlite3.Connection) -> None:
    # When a new file changes to WAL, SQLite does not wait for others who do the same, whatever its time-out is.
    until = time.monotonic() + BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(0.005)


class _Reader:
    # One thread's connection, its own as long as a `with` lasts: closing one under a running query is a crash of
    # the whole process (measured on Python 3.11), and close() comes from another thread.
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection, self.thread, self._in_use = connection, threading.current_thread(), threading.RLock()

    def __enter__(self) -> sqlite3.Connection:
        self._in_use.acquire()
        return self.connection

    def __exit__(self, *_error: object) -> None:
        self._in_use.release()

    def close(self) -> None:
        with self:
            self.connection.close()


class Database:
    """One SQLite file. `write(work)` runs `work(connection)` on the writer thread and returns a Future.

    Writes that are asked for at the same time share one commit; each runs in a savepoint of its own, so that one that
    raises takes no other with it. A Future is done only when the commit is: with `synchronous="FULL"` what it
    acknowledges survives a power cut, with `"NORMAL"` a killed process. If the commit fails, every Future of the batch
    raises. `reading()` gives a connection for queries, on any thread.

    `schema` is run once, in a new file; one of an earlier version is brought up by `migrate(connection, its version)`,
    in the same commit as its new number. Raises SchemaError for a file from the future, or from a past without
    `migrate`, and sqlite3.Error for one that cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        synchronous: str = "FULL",
        migrate: Callable[[sqlite3.Connection, int], None] | None = None,
    ) -> None:
        self.path, self._synchronous = path, synchronous
        self._local = threading.local()
        self._readers: list[_Reader] = []
        self._readers_lock = threading.Lock()
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self.turn = threading.Lock()  # held by whoever writes: SQLite itself would let the other sleep and look again
        self.closed = False  # once `close()` was called, nothing can be read or written any more
        self._writer: threading.Thread | None = None
        self._starting = threading.Lock()
        connection = self.connect()
        try:
            # Locked before the version is read, so that of two processes that open a new file one makes the tables.
            connection.execute("BEGIN IMMEDIATE")
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found > version:
                raise SchemaError(f"{path} has schema {found}, this kit knows {version}")
            if 0 < found < version and migrate is None:
                raise SchemaError(f"{path} was made by an earlier version of this kit (schema {found}, now {version})")
            if found == 0:
                for statement in schema.split(";"):
                    if statement.strip():
                        connection.execute(statement)
            elif found < version and migrate is not None:
                migrate(connection, found)
            if found < version:
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        finally:
            connection.close()
        path.chmod(0o600)
        self._file, self._place = path.stat().st_ino, str(path)

    @property
    def waits_for_disk(self) -> bool:
        """Whether a commit is acknowledged only when the disk has it."""
        return self._synchronous == "FULL"

    def refuse_if_moved(self) -> None:
        """Raise sqlite3.OperationalError when the file is not in its place: what is written there, nobody will read."""
        if self.moved:
            raise sqlite3.OperationalError(f"{self.path} was deleted or set aside")

    @property
    def moved(self) -> bool:
        """Whether another file is in this one's place, or none: what is open here is what was set aside."""
        try:
            return os.stat(self._place).st_ino != self._file  # noqa: PTH116 - each look asks, a Path takes twice as long
        except OSError:
            return True

    def write(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Ask for `work(connection)` to be run and committed; the Future gives its result or its exception."""
        future: Future[T] = Future()
        with self._starting:
            if self.closed:
                future.set_exception(sqlite3.ProgrammingError(f"{self.path} is closed"))
                return future
            if self._writer is None:
                self._writer = threading.Thread(
                    target=self._write_for_ever, name=f"write {self.path.name}", daemon=True
                )
                self._writer.start()
            self._queue.put((work, future))
        return future

    def connect(self) -> sqlite3.Connection:
        """Return a connection of the caller's own, for writes on the caller's own thread; to be closed by the caller.

        It writes under `turn`, in short transactions, never held across a wait: the writer thread waits for them.
        """
        connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            _use_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA secure_delete = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Return a connection for queries, kept for this thread; rows come as sqlite3.Row."""
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._new_reader()
        return reader

    def close(self) -> None:
        """Finish the writes that were asked for, then close every connection."""
        with self._starting:
            if self.closed:
                return
            self.closed = True
            self._queue.put(None)
        if self._writer is not None:
            self._writer.join()
        with self._readers_lock:
            for reader in self._readers:
                reader.close()
            self._readers.clear()

    def _new_reader(self) -> _Reader:
        with self._readers_lock:
            if self.closed:
                raise sqlite3.ProgrammingError(f"{self.path} is closed")
            # A thread that has ended never asks again: without this, each would leave its descriptors behind.
            for left in [reader for reader in self._readers if not reader.thread.is_alive()]:
                left.close()
                self._readers.remove(left)
            reader = _Reader(self.connect())
            reader.connection.execute("PRAGMA query_only = ON")
            self._readers.append(reader)
        return reader

    def _write_for_ever(self) -> None:
        connection: sqlite3.Connection | None = None
        running = True
        while running:
            batch, running = self._next_batch()
            if not batch:
                continue
            try:
                self.refuse_if_moved()  # first: connecting would make another file
                if connection is None:
                    connection = self.connect()
                with self.turn:
                    answers = self._commit(connection, batch)
            except BaseException as error:  # noqa: BLE001 - whoever waits must be told, whatever it was
                for _, future in batch:
                    future.set_exception(error)
                if connection is not None:
                    # After a failed commit the state of the connection is not worth guessing: open another.
                    connection.close()
                    connection = None
                continue
            for future, result, refused in answers:
                if refused is None:
                    future.set_result(result)
                else:
                    future.set_exception(refused)
        if connection is not None:
            connection.close()

    def _next_batch(self) -> tuple[list[_Asked], bool]:
        batch = []
        item = self._queue.get()
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                batch.append(item)
            if len(batch) == _BATCH:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    @staticmethod
    def _commit(connection: sqlite3.Connection, batch: list[_Asked]) -> list[_Answer]:
        answers: list[_Answer] = []
        connection.execute("BEGIN IMMEDIATE")
        for work, future in batch:
            connection.execute("SAVEPOINT one")
            try:
                result = work(connection)
            except Exception as error:  # noqa: BLE001 - handed to whoever asked, below
                connection.execute("ROLLBACK TO one")
                answers.append((future, None, error))
            else:
                answers.append((future, result, None))
            connection.execute("RELEASE one")
        connection.execute("COMMIT")
        return answers
