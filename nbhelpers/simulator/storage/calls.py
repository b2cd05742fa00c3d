"""The calls that were made to webhook URLs, each with what was sent and answered; the newest thousand are kept."""

from __future__ import annotations

import functools
import json
import sqlite3
from typing import Any, NamedTuple

from nbhelpers.simulator.storage.store import Store

__all__ = ["KEPT", "LONGEST_ANSWER", "NOBODY", "Call", "Calls", "Headers"]

#: Names and values, as they were sent.
Headers = tuple[tuple[str, str], ...]
KEPT = 1000  #: calls
LONGEST_ANSWER = 4096  #: bytes of an answer's body
NOBODY = "no answer (nobody listens there)"  #: the words of a call whose connection was refused

_TRY = (
    "id",
    "webhook",
    "uuid",
    "kind",
    "attempt",
    "at",
    "seconds",
    "method",
    "url",
    "status",
    "words",
    "outcome",
    "again",
)
_FACTS = ", ".join(_TRY)
_ALL = f"{_FACTS}, headers, answer_headers, answer_body, body"
_WHOLE = f"SELECT {_ALL}, (SELECT body FROM webhooks WHERE id = calls.webhook) AS queued FROM calls"  # noqa: S608
_text_of = functools.lru_cache(64)(json.dumps)  # of headers: a server's are the same for a second
_INSERT = f"INSERT OR REPLACE INTO calls (slot, {_ALL}) VALUES (:slot, :{_ALL.replace(', ', ', :')})"  # noqa: S608


class Call(NamedTuple):
    """One call of a webhook URL: `at` (Unix seconds) it began, and after so many `seconds` it was answered.

    `webhook` is the row in the queue, None for a test call of the form; `uuid` its message, `kind` `inbound`, the
    status or `test`; `attempt` counts from 1. `status` is 0 when nothing was answered, and `words` say why.
    `outcome` is `taken`, `again` (in so many seconds), `held` until a receiver runs, or `dropped`. The queue has the
    `body` of every webhook, so it is set only for a test call.
    """

    webhook: int | None
    uuid: str
    kind: str
    attempt: int
    at: float
    seconds: float
    method: str
    url: str
    headers: Headers
    status: int
    words: str
    answer_headers: Headers
    answer_body: bytes
    outcome: str
    again: float | None = None
    body: bytes | None = None


class Calls:
    """The log of calls in the simulator's store. Each has a number that grows, across restarts too."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last = self.newest()

    def keep(self, connection: sqlite3.Connection, call: Call) -> None:
        """Write a call down over the oldest that is kept, in the commit that says what became of its webhook."""
        self._last += 1
        texts = {"headers": json.dumps(call.headers), "answer_headers": _text_of(call.answer_headers)}
        # A ring of rows: nothing has to be deleted, and nothing grows.
        connection.execute(_INSERT, call._asdict() | texts | {"slot": self._last % KEPT, "id": self._last})

    def newest(self) -> int:
        """Return the number of the newest call, 0 when there was none."""
        return int(self._store.rows("SELECT coalesce(max(id), 0) FROM calls")[0][0])

    def listed(self, after: int = 0, limit: int = KEPT, uuid: str | None = None) -> list[dict[str, Any]]:
        """Return the newest calls, oldest first, without headers and bodies: those `after` a number, of one message."""
        where, values = "id > ?", [after, limit] if uuid is None else [after, uuid, limit]
        where += "" if uuid is None else " AND uuid = ?"
        rows = self._store.rows(f"SELECT {_FACTS} FROM calls WHERE {where} ORDER BY id DESC LIMIT ?", *values)  # noqa: S608
        return [dict(row) for row in rows][::-1]

    def opened(self, number: int) -> dict[str, Any] | None:
        """Return all of one call, with the `tries` of its webhook; None when it is not kept.

        `headers` and `body` are what was sent, `answer_headers` and `answer_body` (the first 4096 bytes) what came.
        """
        rows = self._store.rows(f"{_WHOLE} WHERE id = ?", number)
        if not rows:
            return None
        call = _whole(rows[0])
        tries = [call] if call["webhook"] is None else self._tries(call["webhook"])
        return call | {"tries": [{name: each[name] for name in _TRY} for each in tries]}

    def whole(self, since: float, uuid: str | None = None, limit: int = KEPT) -> list[dict[str, Any]]:
        """Return the newest calls with headers and bodies, oldest first: those since a moment, or of one message."""
        where, value = ("at >= ?", since) if uuid is None else ("uuid = ?", uuid)
        rows = self._store.rows(f"{_WHOLE} WHERE {where} ORDER BY id DESC LIMIT ?", value, limit)
        return [_whole(row) for row in rows][::-1]

    def _tries(self, webhook: int) -> list[dict[str, Any]]:
        sql = f"SELECT {_FACTS} FROM calls WHERE webhook = ? ORDER BY id"  # noqa: S608
        return [dict(row) for row in self._store.rows(sql, webhook)]


def _whole(row: sqlite3.Row) -> dict[str, Any]:
    call = dict(row)
    queued = call.pop("queued")
    body = call["body"] or queued or b""
    call |= {name: json.loads(call[name]) for name in ("headers", "answer_headers")}
    # A call by GET has everything in its URL.
    return call | {"body": "" if call["method"] == "GET" else _text(body), "answer_body": _text(call["answer_body"])}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
