"""What the simulator remembers, in `simulator.sqlite3`: it survives a kill at any moment."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from nbhelpers.database import Database, SchemaError
from nbhelpers.errors import ServiceError

__all__ = ["Account", "Application", "Page", "Store"]

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE account (
  api_key TEXT PRIMARY KEY, api_secret TEXT NOT NULL, signature_secret TEXT NOT NULL,
  inbound_url TEXT NOT NULL DEFAULT '', status_url TEXT NOT NULL DEFAULT '',
  http_method TEXT NOT NULL DEFAULT 'GET', shape TEXT NOT NULL DEFAULT 'v0.1');
CREATE TABLE applications (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, capabilities TEXT NOT NULL, privacy TEXT NOT NULL, public_key TEXT NOT NULL,
  at REAL NOT NULL);
CREATE TABLE pages (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, published INTEGER NOT NULL DEFAULT 1,
  application_id TEXT, at REAL NOT NULL);
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE psids (
  psid TEXT PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES people (id), page_id TEXT NOT NULL REFERENCES pages (id),
  last_wrote REAL NOT NULL, UNIQUE (person_id, page_id));
CREATE TABLE messages (
  uuid TEXT PRIMARY KEY, way TEXT NOT NULL, application_id TEXT, page_id TEXT NOT NULL, psid TEXT NOT NULL,
  version TEXT NOT NULL, body TEXT NOT NULL, client_ref TEXT, state TEXT NOT NULL, at REAL NOT NULL,
  shape TEXT NOT NULL, webhook_url TEXT);
CREATE INDEX messages_unread ON messages (psid) WHERE way = 'out' AND state = 'delivered';
CREATE TABLE webhooks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, kind TEXT NOT NULL, application_id TEXT, webhook_url TEXT,
  body BLOB NOT NULL, at REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0, outcome TEXT, answer TEXT, called TEXT);
CREATE INDEX webhooks_due ON webhooks (due) WHERE outcome IS NULL AND held = 0;
CREATE INDEX webhooks_held ON webhooks (held) WHERE outcome IS NULL AND held = 1
"""


@dataclass(frozen=True)
class Account:
    """The one account: its credentials, and the account-level settings that the guide's step 5 fills in."""

    api_key: str
    api_secret: str
    signature_secret: str
    inbound_url: str
    status_url: str
    http_method: str
    shape: str


@dataclass(frozen=True)
class Application:
    """A registered application. The service keeps the public half of its key, and nothing of the private one."""

    id: str
    name: str
    capabilities: dict[str, Any]
    privacy: dict[str, Any]
    public_key: str
    at: float

    @property
    def messages(self) -> dict[str, Any] | None:
        """The messages capability, None for one that has none, such as the guide's Voice application."""
        return self.capabilities.get("messages")


@dataclass(frozen=True)
class Page:
    """A Facebook Page; `application_id` is the application it is linked to, None while it is linked to none."""

    id: str
    name: str
    published: bool
    application_id: str | None
    at: float


class Store:
    """The simulator's tables. Reads are answered at once, `write` when the write is committed.

    The account and the applications are kept in memory too: every call and every webhook asks for them.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._database = Database(path, _SCHEMA, 1, synchronous="NORMAL")
        except (SchemaError, sqlite3.Error, OSError) as error:
            raise ServiceError(
                "The simulator cannot open its store.", f"{path}: {error}.", "`nbhelpers reset` sets it aside."
            ) from None
        self._account = self.write(_open_account).result()
        self._changing = threading.Lock()  # so that the account in memory is the one that was written last
        self._applications: dict[str, Application] = {}  # none is changed yet once it is made

    def write(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Run `work(connection)` on the writer thread, in a commit that it may share with others."""
        return self._database.write(work)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._database.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def account(self) -> Account:
        """Return the account as it is now."""
        return self._account

    def change_account(self, **changes: str) -> Account:
        """Change fields of the account, and return it as it is then."""

        def work(connection: sqlite3.Connection) -> Account:
            names = ", ".join(f"{field.name} = :{field.name}" for field in fields(Account) if field.name in changes)
            if names:
                connection.execute(f"UPDATE account SET {names}", changes)  # noqa: S608 - names of our own class
            return _read_account(connection)

        with self._changing:
            self._account = self.write(work).result()
        return self._account

    def application(self, application_id: str | None) -> Application | None:
        """Return the application with this id, None when there is none."""
        if application_id is None:
            return None
        if application_id not in self._applications:
            rows = self.rows("SELECT * FROM applications WHERE id = ?", application_id)
            if not rows:
                return None
            self._applications[application_id] = _application(rows[0])
        return self._applications[application_id]

    def applications(self) -> list[Application]:
        """Return all applications, oldest first."""
        return [_application(row) for row in self.rows("SELECT * FROM applications ORDER BY at, id")]

    def page(self, id_or_name: str) -> Page | None:
        """Return the Page with this ID or name, None when there is none."""
        rows = self.rows("SELECT * FROM pages WHERE id = ? OR name = ? ORDER BY id = ? DESC", *[id_or_name] * 3)
        return _page(rows[0]) if rows else None

    def pages(self) -> list[Page]:
        """Return all Pages, oldest first."""
        return [_page(row) for row in self.rows("SELECT * FROM pages ORDER BY at, id")]

    def close(self) -> None:
        """Finish what was asked for and close the file."""
        self._database.close()


def _open_account(connection: sqlite3.Connection) -> Account:
    if connection.execute("SELECT 1 FROM account").fetchone() is None:
        connection.execute(
            "INSERT INTO account (api_key, api_secret, signature_secret) VALUES (?, ?, ?)",
            (secrets.token_hex(4), secrets.token_urlsafe(12), secrets.token_urlsafe(36)),
        )
    return _read_account(connection)


def _read_account(connection: sqlite3.Connection) -> Account:
    return Account(**dict(connection.execute("SELECT * FROM account").fetchone()))


def _application(row: sqlite3.Row) -> Application:
    columns = dict(row)
    return Application(**columns | {name: json.loads(columns[name]) for name in ("capabilities", "privacy")})


def _page(row: sqlite3.Row) -> Page:
    return Page(**dict(row) | {"published": bool(row["published"])})
