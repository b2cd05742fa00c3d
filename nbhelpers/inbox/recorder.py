"""Hands deliveries from an event loop to the tables: many in one commit, each answered when it is on the disk."""

from __future__ import annotations

import asyncio

from nbhelpers.inbox import words
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.tables import store
from nbhelpers.messages.other_calls import Recognised
from nbhelpers.storage.write_batch import WriteBatch

__all__ = ["Recorder"]

_IDLE, _PIECE = 0.5, 500  # seconds without a delivery before words are indexed, and events in one go: two milliseconds


class Recorder:
    """Records into an inbox as `Inbox.record` does, on the event loop; to be closed before the inbox is.

    While nothing comes it indexes the words of what has come, for `Inbox.events(text=…)`.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._writes = WriteBatch(inbox.database)
        self._next: asyncio.TimerHandle | None = None
        self._last = 0.0  # when something was recorded (the loop's time)

    def record(self, delivery: Delivery, found: Recognised | None = None) -> asyncio.Future[int]:
        """Store a delivery and its event; the Future gives the delivery's id when both are on the disk.

        `found` is what it was recognised as, if somebody has looked already.
        """
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if self._next is None:
            self._next = loop.call_later(_IDLE, self._index, loop)
        return self._writes.write(lambda connection: store(connection, delivery, found))

    def close(self) -> None:
        """Write what still waits."""
        if self._next is not None:
            self._next.cancel()
        self._writes.close()

    def _index(self, loop: asyncio.AbstractEventLoop) -> None:
        wait = self._last + _IDLE - loop.time()
        if wait > 0:
            self._next = loop.call_later(wait, self._index, loop)
            return
        indexing = self._writes.write(lambda connection: words.index(connection, _PIECE))
        indexing.add_done_callback(lambda done: self._indexed(loop, done))

    def _indexed(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[int]) -> None:
        # What cannot be written now, such as on a full disk, is tried again after the next delivery.
        more = not done.cancelled() and done.exception() is None and done.result() == _PIECE
        self._next = loop.call_later(0.01, self._index, loop) if more else None
