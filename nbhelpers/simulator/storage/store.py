"""The simulator's store, `simulator.sqlite3`: it survives a kill at any moment."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from nbhelpers.errors import ServiceError
from nbhelpers.simulator.storage.switches import DEFAULTS, check
from nbhelpers.simulator.storage.tables import (
    SCHEMA,
    VERSION,
    Account,
    Application,
    Page,
    columns_of,
    migrate,
    open_account,
    to_application,
    to_page,
)
from nbhelpers.storage.sqlite import Database, SchemaError, storable
from nbhelpers.storage.write_batch import WriteBatch

__all__ = ["Store"]

T = TypeVar("T")


class Store:
    """The simulator's tables. Reads are answered at once, `write` when the write is committed.

    The account, the switches, the applications and the Pages are kept in memory too: every call and every webhook asks
    for them. What changes them waits for the disk, so it is called from a thread of its own.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._database = Database(path, SCHEMA, VERSION, synchronous="NORMAL", migrate=migrate)
        except (SchemaError, sqlite3.Error, OSError) as error:
            raise ServiceError(
                "The simulator cannot open its store.", f"{path}: {error}.", "`nbhelpers reset` sets it aside."
            ) from None
        self._changing = threading.Lock()  # so that what is in memory is what was written last
        self._tokens = {(row["jti"], row["application_id"]) for row in self.rows("SELECT * FROM tokens")}
        self._change(open_account)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `work(connection)` on the writer thread, in a commit that it may share with others."""
        return self._database.write(work)

    def _change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write what every call and every webhook asks for, and read all of it into memory again."""
        with self._changing:
            done = self.write(work).result()
            (account,) = self.rows("SELECT * FROM account")
            self.account = Account(**dict(account))
            applications = self.rows("SELECT * FROM applications ORDER BY at, id")
            self._applications = {row["id"]: to_application(row) for row in applications}
            self._pages = {row["id"]: to_page(row) for row in self.rows("SELECT * FROM pages ORDER BY at, id")}
            self._ageings = [(row["at"], row["seconds"]) for row in self.rows("SELECT * FROM ageings")]
            self.aged_in_all = sum(seconds for _, seconds in self._ageings)  # seconds
            set_to = {row["name"]: row["value"] for row in self.rows("SELECT * FROM switches")}
            # One that an earlier version knew and this one does not is left alone.
            self.switches: Mapping[str, str] = {name: set_to.get(name, usual) for name, usual in DEFAULTS.items()}
        return done

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._database.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def change_account(self, **changes: str | float) -> Account:
        """Change fields of the account, and return it as it is then."""
        names = ", ".join(f"{field.name} = :{field.name}" for field in fields(Account) if field.name in changes)
        if names:
            sql = f"UPDATE account SET {names}"  # noqa: S608 - names of our own class
            self._change(lambda connection: connection.execute(sql, changes))
        return self.account

    def write_batch(self) -> WriteBatch:
        """Return what writes from an event loop; to be closed before the store is."""
        return WriteBatch(self._database)

    def advance(self, seconds: float) -> None:
        """Age what is there: people's last messages, links of Pages, tokens, what is queued. Now stays now."""
        at = float(int(time.time()))  # tokens state whole seconds

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO ageings VALUES (?, ?)", (at, seconds))
            connection.execute("UPDATE psids SET last_wrote = last_wrote - ?", (seconds,))
            connection.execute("UPDATE pages SET linked = linked - ?", (seconds,))
            # What was about to be tried for the first time would have been tried by then: so it stays young.
            older = "at = at - iif(attempts = 0 AND held = 0, 0, ?)"
            connection.execute(
                f"UPDATE webhooks SET due = due - ?, {older} WHERE outcome IS NULL",  # noqa: S608
                (seconds, seconds),
            )

        self._change(work)

    def change_pace(self, pace: float) -> None:
        """Change the pace, for what waits for its next try already too."""
        now = time.time()

        def work(connection: sqlite3.Connection) -> None:
            sql = "UPDATE webhooks SET due = ? + (due - ?) * ? WHERE outcome IS NULL AND attempts > 0 AND due > ?"
            connection.execute(sql, (now, now, self.account.pace / pace, now))

        self.write(work).result()
        self.change_account(pace=pace)

    def set_clock_back(self, now: float, waits: Sequence[float]) -> None:
        """Bring to the present (Unix seconds) what lies ahead of it since the computer's clock was set back.

        Nobody has written later than now, nothing was aged later, and no webhook waits longer for its next try than
        `waits` says: seconds by the tries before, the last for all that follow.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE ageings SET at = ? WHERE at > ?", (float(int(now)), now))
            connection.execute("UPDATE psids SET last_wrote = ? WHERE last_wrote > ?", (now, now))
            sql = "UPDATE webhooks SET due = ? WHERE outcome IS NULL AND due > ? AND min(attempts, ?) = ? AND held = "
            for attempts, wait in enumerate(waits):
                for held in ("0", "1"):  # written out, as the indexes have it
                    connection.execute(sql + held, (now + wait, now + wait, len(waits) - 1, attempts))

        self._change(work)

    def aged(self, moment: float) -> float:
        """Return by how many seconds something of this moment (Unix seconds) has been aged since."""
        return sum((seconds for at, seconds in self._ageings if moment < at), 0.0)

    def change_switches(self, values: Mapping[str, str]) -> None:
        """Set some switches. Raises KitError for a name or a choice that there is not."""
        sql, rows = "INSERT OR REPLACE INTO switches VALUES (?, ?)", list(check(values).items())
        self._change(lambda connection: connection.executemany(sql, rows))

    def application(self, application_id: str | None) -> Application | None:
        """Return the application with this id, None when there is none."""
        return self._applications.get(application_id or "")

    def applications(self) -> list[Application]:
        """Return all applications, oldest first."""
        return list(self._applications.values())

    def keep_application(self, application: Application) -> None:
        """Register an application."""
        names = [field.name for field in fields(Application)]
        sql = f"INSERT INTO applications ({', '.join(names)}) VALUES (:{', :'.join(names)})"  # noqa: S608
        self._change(lambda connection: connection.execute(sql, columns_of(asdict(application))))

    def change_application(self, application_id: str, **changes: Any) -> Application | None:
        """Change fields of an application, and return it as it is then; None when it was deleted meanwhile."""
        names = ", ".join(f"{name} = :{name}" for name in changes)
        sql = f"UPDATE applications SET {names} WHERE id = :application_id"  # noqa: S608
        values = columns_of(changes) | {"application_id": application_id}
        self._change(lambda connection: connection.execute(sql, values))
        return self._applications.get(application_id)

    def forget_application(self, application_id: str) -> None:
        """Delete an application; its Pages are linked to none then."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM applications WHERE id = ?", (application_id,))
            connection.execute("UPDATE pages SET application_id = NULL WHERE application_id = ?", (application_id,))

        self._change(work)

    def is_first_use(self, jti: str, application_id: str) -> bool:
        """Say whether a token's ID comes for the first time, and remember it. Never waits: every call asks."""
        token = (storable(jti) or "", application_id)
        if token in self._tokens:
            return False
        self._tokens.add(token)
        sql, row = "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?)", (*token, time.time())
        self.write(lambda connection: connection.execute(sql, row))
        return True

    def page(self, id_or_name: str) -> Page | None:
        """Return the Page with this ID or name, None when there is none."""
        pages = self._pages
        return pages.get(id_or_name) or next((page for page in pages.values() if page.name == id_or_name), None)

    def pages(self) -> list[Page]:
        """Return all Pages, oldest first."""
        return list(self._pages.values())

    def keep_page(self, page: Page) -> None:
        """Make a Page, unless there is one of this name."""
        names = [field.name for field in fields(Page)]
        sql = f"INSERT OR IGNORE INTO pages ({', '.join(names)}) VALUES (:{', :'.join(names)})"  # noqa: S608
        self._change(lambda connection: connection.execute(sql, asdict(page)))

    def change_page(self, page_id: str, **changes: Any) -> Page:
        """Change fields of a Page, and return it as it is then."""
        sql = f"UPDATE pages SET {', '.join(f'{name} = :{name}' for name in changes)} WHERE id = :page_id"  # noqa: S608
        self._change(lambda connection: connection.execute(sql, changes | {"page_id": page_id}))
        return self._pages[page_id]

    def link_page(self, page_id: str, was: str | None, application_id: str | None) -> Page | None:
        """Link a Page to an application or to none, unless its link is no longer what it `was`: then return None."""
        sql = "UPDATE pages SET application_id = ? WHERE id = ? AND application_id IS ?"
        values = (application_id, page_id, was)
        changed = self._change(lambda connection: connection.execute(sql, values).rowcount)
        return self._pages[page_id] if changed else None

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self._database.close()
