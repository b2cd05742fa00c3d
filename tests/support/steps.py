"""How much SQLite does to answer a question, in steps of its machine: the same on every computer."""

from __future__ import annotations

from collections.abc import Callable

from nbhelpers.inbox.inbox import Inbox

__all__ = ["steps_of"]


def steps_of(inbox: Inbox, ask: Callable[[], object]) -> int:
    """Return how many steps a question takes that this thread asks."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    ask()  # so that statements are prepared and what is remembered is known
    with inbox.database.reading() as connection:
        connection.set_progress_handler(step, 1)
    try:
        ask()
    finally:
        with inbox.database.reading() as connection:
            connection.set_progress_handler(None, 1)
    return count
