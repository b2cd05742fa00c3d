"""The tables of the simulator's store, and the account, applications and Pages that are read from them."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

__all__ = [
    "SCHEMA",
    "VERSION",
    "Account",
    "Application",
    "Page",
    "columns_of",
    "migrate",
    "open_account",
    "to_application",
    "to_page",
]

#: The tables of the simulator's store, as SQL.
SCHEMA = """
CREATE TABLE account (
  api_key TEXT PRIMARY KEY, api_secret TEXT NOT NULL, signature_secret TEXT NOT NULL,
  inbound_url TEXT NOT NULL DEFAULT '', status_url TEXT NOT NULL DEFAULT '',
  http_method TEXT NOT NULL DEFAULT 'GET', shape TEXT NOT NULL DEFAULT 'v0.1', balance TEXT NOT NULL DEFAULT 'ok',
  pace REAL NOT NULL DEFAULT 1);
CREATE TABLE ageings (at REAL NOT NULL, seconds REAL NOT NULL);
CREATE TABLE faults (name TEXT PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE applications (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, capabilities TEXT NOT NULL, privacy TEXT NOT NULL, public_key TEXT NOT NULL,
  at REAL NOT NULL);
CREATE TABLE tokens (
  jti TEXT NOT NULL, application_id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (jti, application_id));
CREATE TABLE pages (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, access_token TEXT NOT NULL, published INTEGER NOT NULL DEFAULT 1,
  application_id TEXT, at REAL NOT NULL, account_name TEXT, account_token TEXT, linked REAL);
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE psids (
  psid TEXT PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES people (id), page_id TEXT NOT NULL REFERENCES pages (id),
  last_wrote REAL NOT NULL, extra INTEGER NOT NULL DEFAULT 1, blocked INTEGER NOT NULL DEFAULT 0,
  UNIQUE (person_id, page_id));
CREATE TABLE refusals (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, status TEXT NOT NULL);
CREATE TABLE messages (
  uuid TEXT PRIMARY KEY, way TEXT NOT NULL, application_id TEXT, page_id TEXT NOT NULL, psid TEXT NOT NULL,
  channel TEXT NOT NULL DEFAULT 'messenger', version TEXT NOT NULL, body TEXT NOT NULL, client_ref TEXT,
  state TEXT NOT NULL, at REAL NOT NULL, shape TEXT NOT NULL, webhook_url TEXT, workflow TEXT);
CREATE INDEX messages_unread ON messages (psid) WHERE way = 'out' AND state = 'delivered' AND channel = 'messenger';
CREATE TABLE webhooks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL, kind TEXT NOT NULL, application_id TEXT, webhook_url TEXT,
  body BLOB NOT NULL, at REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0, outcome TEXT, answer TEXT, called TEXT);
CREATE INDEX webhooks_due ON webhooks (due) WHERE outcome IS NULL AND held = 0;
CREATE INDEX webhooks_held ON webhooks (held) WHERE outcome IS NULL AND held = 1;
CREATE TABLE calls (
  slot INTEGER PRIMARY KEY, id INTEGER NOT NULL, webhook INTEGER, uuid TEXT NOT NULL, kind TEXT NOT NULL,
  attempt INTEGER NOT NULL, at REAL NOT NULL, seconds REAL NOT NULL, method TEXT NOT NULL, url TEXT NOT NULL,
  headers TEXT NOT NULL, status INTEGER NOT NULL, words TEXT NOT NULL, answer_headers TEXT NOT NULL,
  answer_body BLOB NOT NULL, outcome TEXT NOT NULL, again REAL, body BLOB)
"""
#: The version of these tables.
VERSION = 4


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
    balance: str  # ok or low
    pace: float  # seconds of waiting that pass in one second of the clock


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
    """A Facebook Page, and its account at the service if it has one.

    `access_token` is what Facebook gave out for it; `account_token` and `account_name` are what the service was given,
    None without an account. `application_id` is the one linked application, `linked` the time of that (Unix seconds).
    """

    id: str
    name: str
    access_token: str
    at: float
    published: bool = True
    application_id: str | None = None
    account_name: str | None = None
    account_token: str | None = None
    linked: float | None = None


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Bring a store of an earlier version up: each table made anew, with the old one's rows in it."""
    assert 0 < found < VERSION, found  # noqa: S101 - the database asks for no other
    old = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE%'")]
    old.remove("sqlite_sequence")
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'").fetchall():
        connection.execute(f"DROP INDEX {name}")
    for name in old:
        connection.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    for name in old:
        given = [row["name"] for row in connection.execute(f"PRAGMA table_info(old_{name})")]
        copied = {column: column for column in given}
        if name == "pages" and found == 1:  # which knew of no tokens: Facebook gives each Page its first one now
            copied["access_token"] = "'EAA' || lower(hex(randomblob(30)))"  # noqa: S105 - SQL
        sql = f"INSERT INTO {name} ({', '.join(copied)}) SELECT {', '.join(copied.values())} FROM old_{name}"  # noqa: S608
        connection.execute(sql)
        # An ID that was given out and deleted must not be given out again.
        connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
        connection.execute("UPDATE sqlite_sequence SET name = ? WHERE name = ?", (name, f"old_{name}"))
        connection.execute(f"DROP TABLE old_{name}")
    if found == 1:  # and where a linked Page had its account of the service
        account = "account_name = name, account_token = access_token, linked = at"
        connection.execute(f"UPDATE pages SET {account} WHERE application_id IS NOT NULL")  # noqa: S608


def open_account(connection: sqlite3.Connection) -> None:
    """Make the account, with new credentials, if there is none yet."""
    if connection.execute("SELECT 1 FROM account").fetchone() is None:
        connection.execute(
            "INSERT INTO account (api_key, api_secret, signature_secret) VALUES (?, ?, ?)",
            (secrets.token_hex(4), secrets.token_urlsafe(12), secrets.token_urlsafe(36)),
        )


def columns_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return values as the tables keep them: a dict as JSON."""
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}


def to_application(row: sqlite3.Row) -> Application:
    """Return the application of a row."""
    columns = dict(row)
    return Application(**columns | {name: json.loads(columns[name]) for name in ("capabilities", "privacy")})


def to_page(row: sqlite3.Row) -> Page:
    """Return the Page of a row."""
    return Page(**dict(row) | {"published": bool(row["published"])})
