"""Watches the inbox on a thread of its own and hands on what is new or changed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Event
from nbhelpers.inbox.inbox import Inbox

__all__ = ["Watcher"]

_FAST, _SLOW = 0.02, 0.25  # seconds between two looks, while somebody watches and otherwise


class Watcher:
    """A thread that calls `tell(events)` whenever events are new or changed, until `stop()` or the inbox is closed.

    `fast` looks every 20 ms, else every 250 ms; `after` is the revision to begin behind (default: now). What `tell`
    raises is kept in `error` and ends nothing.
    """

    def __init__(
        self, inbox: Inbox, tell: Callable[[list[Event]], object], fast: bool = True, after: int | None = None
    ) -> None:
        self.error: Exception | None = None
        self._inbox, self._tell, self._every = inbox, tell, _FAST if fast else _SLOW
        self._after = inbox.revision() if after is None else after
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch inbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watching; returns when the thread has ended, unless it is the thread that asks."""
        self._stopped.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        seen = None
        while not self._stopped.is_set() and not self._inbox.closed:
            with contextlib.suppress(InboxError):  # a disk that is full for a moment: look again next time
                now = self._inbox.changes()
                if now != seen:
                    seen = now
                    events = sorted(self._inbox.events(after=self._after), key=lambda event: event.revision)
                    if events:
                        self._after = events[-1].revision
                        self._call(events)
            self._stopped.wait(self._every)

    def _call(self, events: list[Event]) -> None:
        try:
            self._tell(events)
        except Exception as error:  # noqa: BLE001 - the learner's function must not end the watching
            self.error = error
