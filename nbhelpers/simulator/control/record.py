"""What happened to messages, as the simulator's own tables and its log of calls tell it."""

from __future__ import annotations

from typing import Any

from nbhelpers.simulator.storage.store import Store

__all__ = ["record_of"]

_LATELY, _WEBHOOKS = 200, 2000  # rows among which is looked: a panel asks twice a second
# The newest rows first, by their numbers: neither table has an index on times or uuids, and both grow.
_MESSAGES = (
    "SELECT m.uuid, way, m.page_id, m.psid, name, version, body, state, m.at FROM"
    " (SELECT * FROM messages ORDER BY rowid DESC LIMIT ?) AS m"
    " LEFT JOIN psids ON psids.psid = m.psid LEFT JOIN people ON people.id = person_id"
)
_QUEUE = (
    "SELECT id, uuid, kind, at, due, attempts, held, outcome, answer, called FROM"
    " (SELECT * FROM webhooks ORDER BY id DESC LIMIT ?)"
)


def record_of(store: Store, uuid: str | None, since: float) -> dict[str, list[dict[str, Any]]]:
    """Return `messages`, `webhooks` and `calls` of one message, or of all since a moment, oldest first."""
    if uuid is not None:
        sql = _MESSAGES.replace("(SELECT * FROM messages ORDER BY rowid DESC LIMIT ?)", "messages")
        messages = store.rows(f"{sql} WHERE m.uuid = ?", uuid)
        webhooks = store.rows(f"{_QUEUE} WHERE uuid = ?", _WEBHOOKS, uuid)
        calls = store.calls.since(0.0, uuid)
    else:
        calls = store.calls.since(since)
        about = {call["uuid"] for call in calls}
        webhooks = [row for row in store.rows(_QUEUE, _WEBHOOKS) if row["at"] >= since or row["uuid"] in about]
        about |= {row["uuid"] for row in webhooks}
        messages = [row for row in store.rows(_MESSAGES, _LATELY) if row["at"] >= since or row["uuid"] in about]
    return {
        "messages": [dict(row) for row in messages][::-1],
        "webhooks": [dict(row) for row in webhooks][::-1],
        "calls": calls,
    }
