"""The newest of what is in the inbox, by its indexes: asking costs the same however much has come."""

from __future__ import annotations

import sqlite3

from nbhelpers.messages.inbound import MESSENGER

__all__ = ["INDEXES", "IS_BESIDE", "SAME_MESSAGE", "answer", "beside", "conditions", "from_the_wire", "message"]

#: The condition of what is no message on Messenger, or had to be unpacked.
IS_BESIDE = f"kind = 'call' OR channel <> '{MESSENGER}' OR notes <> ''"
#: An index that ends in the id gives the newest first; without one of its own a kind that is rare is looked for in all.
INDEXES = f"""CREATE INDEX events_kind ON events (kind);
CREATE INDEX events_beside ON events (delivery) WHERE {IS_BESIDE};
"""
SAME_MESSAGE = "ifnull(message_uuid, identity)"  #: as the index of both has it; an identity begins as no uuid does

_FIRST = """
SELECT id FROM events e WHERE kind = :kind AND trusted = 1 AND id > :newest AND (:channel IS NULL OR channel = :channel)
AND (kind = 'reply' OR revision > :after) AND NOT EXISTS (
  SELECT 1 FROM events f WHERE ifnull(f.message_uuid, f.identity) = ifnull(e.message_uuid, e.identity)
  AND (f.kind = 'reply' OR (f.kind = 'status' AND f.revision > :after)) AND f.trusted = 1 AND f.id < e.id)
ORDER BY id DESC LIMIT 1
"""


def conditions(
    kind: str | None, person: str | None, uuid: str | None, after: int, channel: str | None, before: int | None
) -> tuple[list[str], list[str | int]]:
    """Return the SQL conditions that `Inbox.events` is asked for, and their values.

    The narrowest of them leads to the rows, and the others are looked at there: SQLite does not know which it is, so
    their columns are hidden from its planner by a `+`.
    """
    asked: list[tuple[str, str, str | int | None]] = [
        (SAME_MESSAGE, "=", uuid),
        ("psid", "=", person),
        ("revision", ">", after or None),
        ("kind", "=", kind),
        ("channel", "=", channel),
    ]
    given = [(column, sign, value) for column, sign, value in asked if value is not None]
    wheres = [f"{column if number == 0 else f'+{column}'} {sign} ?" for number, (column, sign, _) in enumerate(given)]
    values = [value for *_, value in given if value is not None]
    if before is not None:
        wheres.append("id < ?")
        values.append(before)
    return wheres or ["1"], values


def beside(connection: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
    """Return the newest rows of what is no plain webhook of Messenger: other channels, other calls, packed bodies."""
    sql = f"SELECT * FROM told WHERE {IS_BESIDE} ORDER BY delivery DESC LIMIT ?"  # noqa: S608
    return connection.execute(sql, (limit,)).fetchall()


def message(connection: sqlite3.Connection, person: str | None, channel: str) -> list[sqlite3.Row]:
    """Return the newest row of a trusted inbound message on a channel, of one person (PSID) if given."""
    index, values = ("events_newest", (channel,)) if person is None else ("events_psid", (channel, person))
    wheres = "kind = 'inbound' AND trusted = 1 AND channel = ?" + ("" if person is None else " AND psid = ?")
    found = f"SELECT id FROM events INDEXED BY {index} WHERE {wheres} ORDER BY id DESC LIMIT 1"  # noqa: S608
    return connection.execute(f"SELECT * FROM told WHERE id = ({found})", values).fetchall()  # noqa: S608


def from_the_wire(connection: sqlite3.Connection, kind: str, after: int) -> list[sqlite3.Row]:
    """Return the newest row of a kind on Messenger, taken or refused, that came from outside after a revision."""
    sql = "SELECT * FROM told WHERE kind = ? AND +channel = ? AND origin = 'wire' AND +revision > ?"
    return connection.execute(f"{sql} ORDER BY id DESC LIMIT 1", (kind, MESSENGER, after)).fetchall()


def answer(connection: sqlite3.Connection, channel: str | None, after: int) -> str | None:
    """Return the uuid (or identity) of the newest answer, sent here or known by a receipt after a revision.

    It is told by its first event: a late receipt of an older answer does not make that one the newest.
    """
    newest = 0
    for kind in ("reply", "status"):  # of the receipts only those after the newest reply are looked at
        asked = {"kind": kind, "newest": newest, "channel": channel, "after": after}
        found = connection.execute(_FIRST, asked).fetchone()
        newest = found["id"] if found else newest
    row = connection.execute(f"SELECT {SAME_MESSAGE} FROM events WHERE id = ?", (newest,)).fetchone()  # noqa: S608
    return str(row[0]) if row else None
