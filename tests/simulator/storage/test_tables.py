"""The tables: a new account, and an application and a Page that are read as they were written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict

import pytest

from nbhelpers.simulator.storage.tables import (
    SCHEMA,
    Application,
    Page,
    columns_of,
    open_account,
    to_application,
    to_page,
)

pytestmark = pytest.mark.fast


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(":memory:")
    made.row_factory = sqlite3.Row
    made.executescript(SCHEMA)
    yield made
    made.close()


def insert(connection: sqlite3.Connection, table: str, values: dict[str, object]) -> sqlite3.Row:
    marks = ", ".join("?" * len(values))
    connection.execute(
        f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(columns_of(values).values())
    )
    return connection.execute(f"SELECT * FROM {table}").fetchone()


def opened(connection: sqlite3.Connection) -> dict[str, object]:
    open_account(connection)
    return dict(connection.execute("SELECT * FROM account").fetchone())


def test_a_new_account_has_credentials_of_its_own_and_the_services_defaults(connection: sqlite3.Connection) -> None:
    account, again = opened(connection), opened(connection)
    assert again == account, "it is made once"
    connection.execute("DELETE FROM account")
    others = opened(connection)
    assert len(account["api_key"]) == 8
    assert len({each[name] for each in (account, others) for name in ("api_secret", "signature_secret")}) == 4
    assert len(account["signature_secret"]) >= 32  # PyJWT and others warn of shorter ones
    defaults = {"inbound_url": "", "status_url": "", "http_method": "GET", "shape": "v0.1"}
    assert account.items() >= defaults.items()


@pytest.mark.parametrize("capabilities", [{}, {"voice": {}}, {"messages": {"webhooks": {}}}])
def test_an_application_is_read_as_it_was_written(
    connection: sqlite3.Connection, capabilities: dict[str, object]
) -> None:
    written = Application("id", "Bäckerei", capabilities, {"improve_ai": False}, "PEM", 1.5)
    read = to_application(insert(connection, "applications", asdict(written)))
    assert read == written
    assert read.messages == capabilities.get("messages")


@pytest.mark.parametrize("published", [True, False])
def test_a_page_is_read_as_it_was_written(connection: sqlite3.Connection, published: bool) -> None:
    written = Page("1", "Bakery", "EAA", 2.0, published)
    assert to_page(insert(connection, "pages", asdict(written))) == written
