"""The tables: a new account, and an application and a Page that are read as they were written."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import (
    SCHEMA,
    VERSION,
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


OLD = Path(__file__).parents[2] / "data" / "old"
KEPT = ("account", "applications", "pages", "people", "psids", "messages", "webhooks")


def dump(path: Path) -> dict[str, list[dict[str, Any]]]:
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.row_factory = sqlite3.Row
        return {name: [dict(row) for row in file.execute(f"SELECT * FROM {name} ORDER BY rowid")] for name in KEPT}


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_store_that_an_earlier_version_made_is_brought_up_and_keeps_every_row(tmp_path: Path, version: int) -> None:
    path = tmp_path / "simulator.sqlite3"
    path.write_bytes(gzip.decompress((OLD / f"simulator-{version}.sqlite3.gz").read_bytes()))
    before = dump(path)
    store = Store(path)
    (page,) = store.pages()
    assert store.application(page.application_id) is not None
    assert page.account_name == "Corner Bakery"
    assert page.account_token == page.access_token > ""
    assert page.linked is not None
    assert store.switches["signed"] == "yes"
    store.close()
    after = dump(path)
    ones = dict.fromkeys(("account", "applications", "pages", "people", "psids"), 1)
    assert {name: len(rows) for name, rows in before.items()} == ones | {"messages": 5, "webhooks": 6}
    # Every column that there was says what it said.
    columns = {name: list(rows[0]) for name, rows in before.items()}
    assert before == {name: [{each: row[each] for each in columns[name]} for row in after[name]] for name in KEPT}
    with contextlib.closing(sqlite3.connect(path)) as file, contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        there = "SELECT type, name, tbl_name FROM sqlite_master WHERE name NOT LIKE 'sqlite%' ORDER BY name"
        assert file.execute(there).fetchall() == fresh.execute(there).fetchall()
        assert file.execute("PRAGMA user_version").fetchone() == (VERSION,)
    again = Store(path)
    assert again.pages() == [page]
    again.close()


def test_an_id_that_was_given_out_before_is_not_given_out_again(tmp_path: Path) -> None:
    path = tmp_path / "simulator.sqlite3"
    path.write_bytes(gzip.decompress((OLD / "simulator-1.sqlite3.gz").read_bytes()))
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        newest = file.execute("SELECT max(id) FROM webhooks").fetchone()[0]
        file.execute("DELETE FROM webhooks")
    store = Store(path)
    insert = "INSERT INTO webhooks (uuid, kind, body, at, due) VALUES ('u', 'inbound', x'', 0, 0)"
    assert store.write(lambda connection: connection.execute(insert).lastrowid).result(5) == newest + 1
    store.close()
