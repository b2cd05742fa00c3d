"""Batches the writes of the event loop: many in one commit on its own thread, so that none waits for another's turn.

A writer thread beside a busy event loop waits for the interpreter at each statement. Here a commit takes some tens of
microseconds, since the simulator's store does not wait for the disk (`synchronous=NORMAL`: it survives a kill).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from nbhelpers.simulator.storage.store import Store

__all__ = ["WriteBatch"]

T = TypeVar("T")
_Asked = tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]
_TURNS = 2  # of the event loop, before what was asked for is written


class WriteBatch:
    """Runs `work(connection)` on the event loop; what is asked for within a few turns of it shares a commit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()  # until there is a connection, with the store's own
        self._waiting: list[_Asked] = []

    def write(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Ask for `work(connection)`; the Future is done when it is committed, with its result or its exception."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._gather, loop, _TURNS)
        self._waiting.append((work, future))
        return future

    def close(self) -> None:
        """Write what still waits, and close the connection."""
        if self._waiting:
            self._flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _gather(self, loop: asyncio.AbstractEventLoop, turns: int) -> None:
        # Each turn of the loop reads what has arrived meanwhile: a commit costs the same for one message and for ten.
        loop.call_soon(self._gather, loop, turns - 1) if turns > 1 else loop.call_soon(self._flush)

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:  # closed meanwhile, which wrote it
            return
        try:
            self._commit(batch)
        except Exception:  # noqa: BLE001 - whoever waits is told
            for asked in batch:  # one of them may have been the reason: each by itself
                try:
                    self._commit([asked])
                except Exception as error:  # noqa: BLE001
                    if not asked[1].done():
                        asked[1].set_exception(error)

    def _commit(self, batch: list[_Asked]) -> None:
        if self._connection is None:
            self._connection, self._turn = self._store.connect()
        connection = self._connection
        with self._turn:
            connection.execute("BEGIN IMMEDIATE")
            try:
                results = [work(connection) for work, _ in batch]
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)
