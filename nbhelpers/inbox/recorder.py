"""Records deliveries from an event loop: many in one commit, each answered when it is on the disk."""

from __future__ import annotations

import asyncio

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.tables import store
from nbhelpers.storage.write_batch import WriteBatch

__all__ = ["Recorder"]


class Recorder:
    """Records into an inbox as `Inbox.record` does, on the event loop; to be closed before the inbox is."""

    def __init__(self, inbox: Inbox) -> None:
        self._writes = WriteBatch(inbox.database)

    def record(self, delivery: Delivery) -> asyncio.Future[int]:
        """Store a delivery and its event; the Future gives the delivery's id when both are on the disk."""
        return self._writes.write(lambda connection: store(connection, delivery))

    def close(self) -> None:
        """Write what still waits."""
        self._writes.close()
