"""What happened to messages, as the simulator's own tables and its two logs of calls tell it."""

from __future__ import annotations

from typing import Any

from nbhelpers.simulator.storage.api_calls import ApiCalls
from nbhelpers.simulator.storage.calls import Calls
from nbhelpers.simulator.storage.store import Store

__all__ = ["record_of"]

_LATELY, _WEBHOOKS = 200, 2000  # rows among which is looked: a panel asks twice a second
_SECRET = ("authorization", "x-simulator-token", "cookie")
# What both logs know of a call.
_NAMES = ("id", "at", "seconds", "method", "url", "body", "status", "words", "answer_body", "uuid")
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


def record_of(
    store: Store, calls: Calls, asked: ApiCalls, uuid: str | None, since: float
) -> dict[str, list[dict[str, Any]]]:
    """Return `messages`, `webhooks` and `calls` of one message, or of all since a moment, oldest first.

    Of a call `way` says whether we were asked (`api`) or have called (`webhook`).
    """
    api = [_shown("api", call) for call in asked.whole(since, uuid)]
    ours = [_shown("webhook", call) for call in calls.whole(since, uuid, _LATELY)]
    made = sorted(api + ours, key=lambda call: call["at"])
    if uuid is not None:
        sql = _MESSAGES.replace("(SELECT * FROM messages ORDER BY rowid DESC LIMIT ?)", "messages")
        messages = store.rows(f"{sql} WHERE m.uuid = ?", uuid)
        webhooks = store.rows(f"{_QUEUE} WHERE uuid = ?", _WEBHOOKS, uuid)
    else:
        about = {call["uuid"] for call in made}
        webhooks = [row for row in store.rows(_QUEUE, _WEBHOOKS) if row["at"] >= since or row["uuid"] in about]
        about |= {row["uuid"] for row in webhooks}
        messages = [row for row in store.rows(_MESSAGES, _LATELY) if row["at"] >= since or row["uuid"] in about]
    return {
        "messages": [dict(row) for row in messages][::-1],
        "webhooks": [dict(row) for row in webhooks][::-1],
        "calls": made,
    }


def _shown(way: str, call: dict[str, Any]) -> dict[str, Any]:
    """Return a call as the record has it; of a header that lets one in only its kind is shown."""
    facts = {name: call[name] for name in _NAMES} | {"way": way, "kind": call.get("kind")}
    return facts | {"headers": [_masked(name, value) for name, value in call["headers"]]}


def _masked(name: str, value: str) -> list[str]:
    if name.lower() not in _SECRET:
        return [name, value[:500]]
    kind, _, rest = value.partition(" ")
    return [name, f"{kind} •••• ({len(rest)} characters)" if rest else "••••"]
