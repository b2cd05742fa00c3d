"""Finds events by a part of their text: SQLite's FTS5 over all but the newest, which are looked through one by one.

The index costs nothing while webhooks come: `index` takes in what is not indexed yet, a piece at a time, when nobody
waits. It knows trigrams, so that any part of a word is found; which candidates really hold the text is looked at in the
events themselves. Where this Python's SQLite has no trigrams (before 3.34) every text is looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

__all__ = ["TABLE", "clear", "drop", "index", "purge", "query"]

#: The last event that the index has; the index itself is made when there is something to put in.
TABLE = "CREATE TABLE indexed (last INTEGER NOT NULL); INSERT INTO indexed VALUES (0);"
# Only which events hold a trigram is kept, not where in them: a tenth of the room.
_MAKE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
    "(text, content='events', content_rowid='id', tokenize='trigram', detail='none', columnsize=0)"
)
_LENGTH = 3  # characters of a trigram; a shorter text is looked for in every event
_MOST = 50  # trigrams asked for: so many leave few candidates, and a query has bounds
_HOLDS = "instr(lower(text), lower(?)) > 0"

_Query = tuple[str, list[str | int]]


def index(connection: sqlite3.Connection, most: int) -> int:
    """Take so many events at most into the index; return how many there were, 0 when it has all or cannot be made."""
    (last,) = connection.execute("SELECT last FROM indexed").fetchone()
    count, end = connection.execute(
        "SELECT count(*), max(id) FROM (SELECT id FROM events WHERE id > ? ORDER BY id LIMIT ?)", (last, most)
    ).fetchone()
    if not count:
        return 0
    try:
        connection.execute(_MAKE)
    except sqlite3.OperationalError:  # this SQLite has no such index: every text is looked at
        return 0
    connection.execute(
        "INSERT INTO words (rowid, text) SELECT id, text FROM events WHERE id > ? AND id <= ? AND text IS NOT NULL",
        (last, end),
    )
    connection.execute("UPDATE indexed SET last = ?", (end,))
    return int(count)


def query(
    connection: sqlite3.Connection, wheres: Sequence[str], values: Sequence[str | int], text: str, limit: int | None
) -> _Query:
    """Return an SQL condition, and its values, for the events that hold a text and satisfy `wheres` with `values`.

    With `limit` it names the newest so many of them alone.
    """
    (last,) = connection.execute("SELECT last FROM indexed").fetchone()
    held, holding = " AND ".join((*wheres, _HOLDS)), [*values, text]
    if not last or len(text) < _LENGTH or "\0" in text:
        return held, list(holding)
    trigrams = dict.fromkeys(text[at : at + _LENGTH] for at in range(len(text) - _LENGTH + 1))
    match = " AND ".join('"' + each.replace('"', '""') + '"' for each in list(trigrams)[:_MOST])
    # Both from the newest on, so that no more is looked at than is wanted.
    named = held.replace("text", "e.text")
    indexed = (
        f"SELECT e.id FROM words JOIN events e ON e.id = words.rowid WHERE words MATCH ? AND {named}"  # noqa: S608
        " ORDER BY words.rowid DESC LIMIT ?"
    )
    others = f"SELECT id FROM events WHERE id > ? AND {held} ORDER BY id DESC LIMIT ?"  # noqa: S608
    most = -1 if limit is None else limit
    condition = f"id IN (SELECT id FROM ({indexed}) UNION ALL SELECT id FROM ({others}))"  # noqa: S608
    return condition, [match, *holding, most, last, *holding, most]


def drop(connection: sqlite3.Connection, where: str, values: Sequence[str | int]) -> None:
    """Take events out of the index that an SQL condition names, before they are deleted or told anew."""
    (last,) = connection.execute("SELECT last FROM indexed").fetchone()
    if last:
        connection.execute(
            "INSERT INTO words (words, rowid, text) SELECT 'delete', id, text FROM events"  # noqa: S608
            f" WHERE {where} AND id <= ? AND text IS NOT NULL",
            (*values, last),
        )


def clear(connection: sqlite3.Connection) -> None:
    """Begin again with an empty index."""
    connection.execute("DROP TABLE IF EXISTS words")
    connection.execute("UPDATE indexed SET last = 0")


def purge(connection: sqlite3.Connection) -> None:
    """Leave nothing behind of the words that were dropped: until then old pieces of the index still hold them."""
    (last,) = connection.execute("SELECT last FROM indexed").fetchone()
    if last:
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
