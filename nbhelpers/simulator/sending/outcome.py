"""Decides what becomes of an accepted message: asks who sends, who receives and `rules.messenger`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping

from nbhelpers.simulator.rules.messenger import DAY, WINDOW, tag_refusal, window_refusal
from nbhelpers.simulator.sending.request import MESSENGER, Outgoing
from nbhelpers.simulator.storage.tables import Page

__all__ = ["DELIVERED", "link_has_run_out", "outcome_of"]

#: The outcome of a message that arrives: its state, and no code.
DELIVERED = ("delivered", None)
_Fate = tuple[str, str | None]


def outcome_of(
    connection: sqlite3.Connection,
    outgoing: Outgoing,
    page: Page | None,
    anybody: bool,
    switches: Mapping[str, str],
    lessons: frozenset[str],
    asked: _Fate | None,
) -> _Fate:
    """Return the last status of a message for now, and the code if it is a refusal.

    `page` is its sender, None when that is no Page that the caller may speak for; `anybody` says that every sender is
    linked and every recipient has just written. A refusal that was `asked` for by its code comes first; `lessons` are
    the names of the faults that happen to this message.
    """
    if asked is not None:
        return asked
    if outgoing.channel != MESSENGER:
        return DELIVERED
    code, is_extra = (None, False) if anybody else _code(connection, outgoing, page, switches, lessons)
    code = code or outgoing.later
    if code:
        return "rejected", code
    if is_extra:  # spent only by a message that arrives
        connection.execute("UPDATE psids SET extra = 0 WHERE psid = ?", (outgoing.psid,))
    return DELIVERED


def link_has_run_out(page: Page, switches: Mapping[str, str]) -> bool:
    """Say whether Facebook no longer takes the token that the service has for a Page."""
    if page.account_token != page.access_token:
        return True
    days = switches["page_link"]
    return days != "never" and page.linked is not None and time.time() - page.linked > int(days) * DAY


def _code(
    connection: sqlite3.Connection,
    outgoing: Outgoing,
    page: Page | None,
    switches: Mapping[str, str],
    lessons: frozenset[str],
) -> tuple[str | None, bool]:
    """Return the code of a refusal, and whether the message is the one more of 2018.

    In the order in which each can be known: who sends, the token for the Page, the person, then what Facebook allows.
    The order is inferred.
    """
    if page is None:
        return "1120", False
    if link_has_run_out(page, switches):
        return "1370", False
    known = connection.execute(
        "SELECT * FROM psids WHERE psid = ? AND page_id = ?", (outgoing.psid, outgoing.page_id)
    ).fetchone()
    if known is None or "unknown-psid" in lessons:
        return switches["unknown_psid"], False
    if known["blocked"]:
        return switches["blocked_person"], False
    ago = time.time() - known["last_wrote"]
    if "outside-window" in lessons:
        ago = max(ago, WINDOW + 60)
    tag = (outgoing.tag or "") if outgoing.category == "message_tag" else None
    if tag is not None and tag_refusal(tag, switches):
        return outgoing.later, False
    late = window_refusal(ago, tag, switches)
    if late and tag is None and switches["window"] == "24+1" and known["extra"]:
        return None, True
    return late, False
