"""What the simulator remembers: at once, after a restart, and after a kill."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbhelpers.errors import ServiceError
from nbhelpers.simulator.store import Application, Page, Store


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def make() -> Store:
        opened.append(Store(tmp_path / "simulator.sqlite3"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def add(store: Store, table: str, *values: object) -> None:
    marks = ", ".join("?" * len(values))
    store.write(
        lambda connection: connection.execute(f"INSERT INTO {table} VALUES ({marks})", values) and None
    ).result()


def add_application(store: Store, application_id: str, at: float = 1.0, **capabilities: object) -> None:
    add(store, "applications", application_id, "name", json.dumps(capabilities), '{"improve_ai":true}', "PEM", at)


@pytest.mark.fast
def test_a_new_account_has_credentials_of_its_own_and_the_services_defaults(
    open_store: Callable[[], Store], tmp_path: Path
) -> None:
    account = open_store().account()
    other = Store(tmp_path / "other.sqlite3")
    others = other.account()
    other.close()
    assert len(account.api_key) == 8
    assert len({account.api_secret, account.signature_secret, others.api_secret, others.signature_secret}) == 4
    assert len(account.signature_secret) >= 32  # PyJWT and others warn of shorter ones
    assert (account.inbound_url, account.status_url, account.http_method, account.shape) == ("", "", "GET", "v0.1")


@pytest.mark.fast
def test_the_account_is_the_same_when_it_is_opened_again(open_store: Callable[[], Store]) -> None:
    first = open_store()
    before = first.change_account(http_method="POST", inbound_url="https://example.com/in")
    first.close()
    assert open_store().account() == before


@pytest.mark.fast
def test_a_change_of_the_account_is_seen_at_once_and_leaves_the_rest_alone(open_store: Callable[[], Store]) -> None:
    store = open_store()
    before = store.account()
    changed = store.change_account(status_url="https://example.com/status")
    assert changed == store.account()
    assert changed.status_url == "https://example.com/status"
    assert (changed.api_key, changed.http_method, changed.inbound_url) == (before.api_key, "GET", "")
    assert store.change_account() == changed


@pytest.mark.fast
def test_a_field_that_the_account_does_not_have_is_never_written(open_store: Callable[[], Store]) -> None:
    store = open_store()
    before = store.account()
    assert store.change_account(**{"api_key = 'x' --": "y"}) == before


@pytest.mark.fast
def test_of_changes_at_the_same_time_memory_and_file_keep_the_same(open_store: Callable[[], Store]) -> None:
    store = open_store()
    threads = [
        threading.Thread(target=lambda number=number: store.change_account(inbound_url=f"https://example.com/{number}"))
        for number in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.account().inbound_url == store.rows("SELECT inbound_url FROM account")[0]["inbound_url"]


@pytest.mark.fast
def test_applications_come_back_as_they_were_registered_oldest_first(open_store: Callable[[], Store]) -> None:
    store = open_store()
    add_application(store, "b", at=1.0, messages={"version": "v1"})
    add_application(store, "a", at=2.0, voice={})
    expected = Application("b", "name", {"messages": {"version": "v1"}}, {"improve_ai": True}, "PEM", 1.0)
    assert store.application("b") == expected
    assert [application.id for application in store.applications()] == ["b", "a"]
    assert expected.messages == {"version": "v1"}
    assert store.application("a").messages is None


@pytest.mark.fast
def test_an_application_is_found_as_soon_as_it_is_there(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert store.application("late") is None
    assert store.application(None) is None
    add_application(store, "late")
    assert store.application("late") is not None


@pytest.mark.fast
def test_a_page_is_found_by_its_id_or_its_name_and_the_id_goes_first(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.keep_page(Page("111", "Bakery", "EAA1", True, None, 1.0, None, None, None))
    # A name like the other's ID.
    store.keep_page(Page("222", "111", "EAA2", False, "an application", 2.0, "111", "EAA2", 3.0))
    assert store.page("Bakery").id == "111"
    assert store.page("111").id == "111"
    assert (store.page("222").name, store.page("222").published) == ("111", False)
    assert store.page("none of these") is None
    assert [page.id for page in store.pages()] == ["111", "222"]


@pytest.mark.fast
@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_file_with_the_secrets_is_yours_alone(open_store: Callable[[], Store], tmp_path: Path) -> None:
    open_store()
    assert (tmp_path / "simulator.sqlite3").stat().st_mode & 0o777 == 0o600


@pytest.mark.fast
@pytest.mark.parametrize("damage", ["newer", "no database", "a folder"])
def test_a_file_that_cannot_be_opened_is_named_with_a_way_out(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "simulator.sqlite3"
    if damage == "newer":
        file = sqlite3.connect(path)
        file.execute("PRAGMA user_version = 99")
        file.close()
    elif damage == "no database":
        path.write_bytes(b"this is a letter to my mother" * 100)
    else:
        path.mkdir()
    with pytest.raises(ServiceError, match="cannot open its store") as caught:
        Store(path)
    assert str(path) in caught.value.seen
    assert "nbhelpers reset" in caught.value.next


_WRITER = """
import sys
from pathlib import Path
from nbhelpers.simulator.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    store.write(lambda connection: connection.execute("INSERT INTO people (name) VALUES (?)", (str(number),))).result()
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    for kill in range(5):
        path = tmp_path / f"{kill}.sqlite3"
        process = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(50 + 37 * kill)]
        process.kill()
        told += [int(line) for line in process.stdout.read().splitlines() if line]
        process.stdout.close()
        process.wait()
        store = Store(path)
        kept = {int(row["name"]) for row in store.rows("SELECT name FROM people")}
        store.close()
        assert set(told) <= kept
        assert len(kept) <= len(told) + 1
