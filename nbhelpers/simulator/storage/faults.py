"""Lessons in what goes wrong: a table of faults by name, each reproducible, each ending by itself or when cleared."""

from __future__ import annotations

import collections
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

from nbhelpers.errors import KitError
from nbhelpers.simulator.rules.messenger import REFUSALS
from nbhelpers.simulator.storage.store import Store

__all__ = ["FAULTS", "Fault", "Faults"]


@dataclass(frozen=True)
class Fault:
    """One lesson: what it `does`, what you `see`, and how often it happens (`times`; 0 until it is cleared).

    `kind` says what is counted: calls of the API, messages, webhooks; `now` for what happens at once.
    """

    name: str
    does: str
    see: str
    kind: str
    times: int
    source: str


def _read() -> dict[str, Fault]:
    table = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))
    return {name: Fault(name, **entry) for name, entry in table.items()}


#: The lessons by name, as `faults.toml` has them.
FAULTS = _read()
_OF_A_MESSAGE = [fault.name for fault in FAULTS.values() if fault.kind == "messages"]


def _named(name: str) -> Fault:
    fault = FAULTS.get(name.strip().lower().replace(" ", "-").replace("_", "-"))
    if fault is None:
        raise KitError("There is no such lesson.", f"You named “{name}”.", f"There are {', '.join(FAULTS)}.")
    return fault


class Faults:
    """The faults that are on, with how often each still happens. They are kept across a kill.

    A fault of a webhook happens to one that was queued after it was started: what came of an earlier message, and is
    still on its way, is passed over. (After a kill it is not.)
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._left: dict[str, int] = {row["name"]: row["times"] for row in store.rows("SELECT * FROM faults")}
        self._met: dict[str, int] = {}  # the webhook to which a fault happens
        self._last: dict[str, int] = {}  # the webhook that was queued last when a fault was started
        asked = store.rows("SELECT * FROM refusals ORDER BY id")
        self._refusals = collections.deque((row["id"], row["status"], row["code"]) for row in asked)

    @property
    def left(self) -> dict[str, int]:
        """How often each fault that is on will still happen; 0 means until it is cleared."""
        return dict(self._left)

    def start(self, name: str, times: int | None = None) -> Fault:
        """Turn a fault on, by default for as often as its table says. Raises KitError for one that there is not."""
        fault = _named(name)
        if fault.kind == "now" and times is not None:
            raise KitError("This lesson happens at once.", f"You said {times} times.", "Leave the number out.")
        if fault.kind == "webhooks":
            self._met.pop(fault.name, None)
            sql = "SELECT coalesce(max(id), 0) FROM webhooks"
            newest = self._store.write(lambda connection: connection.execute(sql).fetchone())
            (self._last[fault.name],) = newest.result()
        if fault.kind != "now":
            self._keep(fault.name, fault.times if times is None else times)
        return fault

    def clear(self, name: str | None = None) -> list[str]:
        """Turn one fault off, or all and the refusals too; return which. Raises KitError for one that there is not."""
        names = [_named(name).name] if name else list(FAULTS)
        while name is None and self.take_refusal() is not None:
            continue
        for each in names:
            if each in self._left:
                self._keep(each, None)
        return names

    def take(self, name: str) -> bool:
        """Say whether a fault happens now, and count it."""
        if name not in self._left:
            return False
        with self._lock:
            left = self._left.get(name)
            if left is None:
                return False
            if left:
                self._keep(name, left - 1 or None)
            return True

    def take_of_webhook(self, name: str, webhook: int, stays: bool = False) -> bool:
        """Say whether a fault happens to a webhook (by its number), and count it.

        One that `stays` happens to the first alone that it has met, or to all when it is on until it is cleared.
        """
        left = self._left.get(name)
        if left is None or webhook <= self._last.get(name, 0):
            return False
        if stays and left and self._met.setdefault(name, webhook) != webhook:
            return False
        return self.take(name)

    def of_message(self) -> frozenset[str]:
        """Take the faults that happen to the next message: decided once, before it is written."""
        return frozenset(name for name in _OF_A_MESSAGE if self.take(name))

    # Refusals by their code, one message each

    def refuse_next(self, code: str, status: str = "rejected") -> None:
        """Let the next message that is accepted be refused later, with a code of the service's list."""
        if code not in REFUSALS:
            raise KitError("There is no such code.", f"You gave “{code}”.", f"There are {', '.join(REFUSALS)}.")
        if status not in ("rejected", "undeliverable"):
            raise KitError(
                "This is no refusal.", f"You gave “{status}”.", "Use rejected, or undeliverable: Facebook is down."
            )
        sql = "INSERT INTO refusals (code, status) VALUES (?, ?)"
        number = self._store.write(lambda connection: connection.execute(sql, (code, status)).lastrowid).result()
        self._refusals.append((number, status, code))

    @property
    def refusals(self) -> list[dict[str, str]]:
        """The refusals that were asked for and have not come yet, the next one first."""
        return [{"code": code, "status": status} for _, status, code in list(self._refusals)]

    def take_refusal(self) -> tuple[str, str] | None:
        """Return status and code of the refusal that was asked for next, once; None when none was."""
        if not self._refusals:
            return None
        number, status, code = self._refusals.popleft()
        sql = "DELETE FROM refusals WHERE id = ?"
        self._store.write(lambda connection: connection.execute(sql, (number,)) and None)
        return status, code

    def _keep(self, name: str, times: int | None) -> None:
        sql = "INSERT OR REPLACE INTO faults VALUES (:name, :times)"
        with self._lock:
            if times is None:
                self._left.pop(name, None)
                self._met.pop(name, None)
                sql = "DELETE FROM faults WHERE name = :name"
            else:
                self._left[name] = times
            # Not waited for: it is counted on the way of a call.
            self._store.write(lambda connection: connection.execute(sql, {"name": name, "times": times}) and None)
