"""What the simulator remembers: at once, after a restart, and after a kill."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.errors import ServiceError
from nbhelpers.simulator.storage.store import Store
from nbhelpers.simulator.storage.tables import Application, Page


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def make() -> Store:
        opened.append(Store(tmp_path / "simulator.sqlite3"))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


@pytest.mark.fast
def test_the_account_is_the_same_when_it_is_opened_again(open_store: Callable[[], Store]) -> None:
    first = open_store()
    before = first.change_account(http_method="POST", inbound_url="https://example.com/in")
    first.close()
    assert open_store().account == before


@pytest.mark.fast
def test_a_change_of_the_account_is_seen_at_once_and_leaves_the_rest_alone(open_store: Callable[[], Store]) -> None:
    store = open_store()
    before = store.account
    changed = store.change_account(status_url="https://example.com/status")
    assert changed == store.account
    assert changed.status_url == "https://example.com/status"
    assert (changed.api_key, changed.http_method, changed.inbound_url) == (before.api_key, "GET", "")
    assert store.change_account() == changed


@pytest.mark.fast
def test_a_field_that_the_account_does_not_have_is_never_written(open_store: Callable[[], Store]) -> None:
    store = open_store()
    before = store.account
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
    assert store.account.inbound_url == store.rows("SELECT inbound_url FROM account")[0]["inbound_url"]


def application(name: str, at: float = 1.0, **capabilities: Any) -> Application:
    return Application(name, "name", capabilities, {"improve_ai": True}, "PEM", at)


@pytest.mark.fast
def test_applications_come_back_as_they_were_registered_oldest_first(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert store.application("b") is None
    assert store.application(None) is None
    kept = [application("b", 1.0, messages={"version": "v1"}), application("a", 2.0, voice={})]
    for each in kept:
        store.keep_application(each)
    assert store.applications() == kept
    assert store.application("b").messages == {"version": "v1"}
    assert store.application("a").messages is None
    store.close()
    assert open_store().applications() == kept


@pytest.mark.fast
def test_an_application_is_changed_and_none_that_was_deleted_comes_back(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.keep_application(application("a"))
    changed = store.change_application("a", name="another", capabilities={"voice": {}})
    assert (changed.name, changed.capabilities, changed.public_key) == ("another", {"voice": {}}, "PEM")
    store.forget_application("a")
    assert store.change_application("a", name="back again") is None
    assert store.applications() == []
    store.close()
    assert open_store().applications() == []


@pytest.mark.fast
def test_of_many_who_link_a_page_at_once_one_is_told_that_it_is_linked(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.keep_page(Page("111", "Bakery", "EAA1", 1.0, account_name="x", account_token="EAA1", linked=1.0))
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda number: store.link_page("111", None, f"app {number}"), range(16)))
    linked = [page.application_id for page in told if page is not None]
    assert len(linked) == 1
    assert store.page("111").application_id == linked[0]
    assert store.link_page("111", "another", None) is None
    assert store.link_page("111", linked[0], None).application_id is None


@pytest.mark.fast
def test_deleting_an_application_leaves_the_age_of_a_pages_token(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.keep_application(application("a"))
    store.keep_page(Page("111", "Bakery", "EAA1", 1.0, application_id="a", account_token="EAA1", linked=7.0))
    store.forget_application("a")
    assert (store.page("111").application_id, store.page("111").linked) == (None, 7.0)


@pytest.mark.fast
def test_the_id_of_a_token_is_new_once_even_after_a_restart(open_store: Callable[[], Store]) -> None:
    store = open_store()
    assert [store.is_first_use("j", "a") for _ in range(2)] == [True, False]
    assert store.is_first_use("j", "b")
    store.close()
    assert not open_store().is_first_use("j", "a")


@pytest.mark.fast
def test_a_page_is_found_by_its_id_or_its_name_and_the_id_goes_first(open_store: Callable[[], Store]) -> None:
    store = open_store()
    store.keep_page(Page("111", "Bakery", "EAA1", 1.0))
    # A name like the other's ID.
    store.keep_page(Page("222", "111", "EAA2", 2.0, published=False))
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
from nbhelpers.simulator.storage.store import Store
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


@pytest.mark.fast
def test_when_the_clock_was_set_back_nothing_lies_further_ahead_than_it_can(open_store: Callable[[], Store]) -> None:
    store, now = open_store(), 1_790_000_000.0
    later = now + 3600
    insert = "INSERT INTO webhooks (uuid, kind, body, at, due, attempts, held) VALUES (?, 'inbound', '{}', ?, ?, ?, ?)"
    rows = [("new", 0, 0), ("once", 1, 0), ("often", 12, 0), ("held", 1, 1)]

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO people VALUES (1, 'Ada')")
        connection.execute("INSERT INTO pages (id, name, access_token, at) VALUES ('1', 'Bakery', 'x', 0)")
        connection.execute("INSERT INTO psids (psid, person_id, page_id, last_wrote) VALUES ('7', 1, '1', ?)", (later,))
        connection.execute("INSERT INTO ageings VALUES (?, 90000)", (later,))
        connection.executemany(insert, [(uuid, now, later, attempts, held) for uuid, attempts, held in rows])
        connection.execute(insert, ("due", now, now + 2, 1, 0))

    store.write(fill).result(5)
    store.set_clock_back(now, [3.0, 5.0, 10.0])

    due = {row["uuid"]: row["due"] - now for row in store.rows("SELECT * FROM webhooks")}
    assert due == {"new": 3.0, "once": 5.0, "often": 10.0, "held": 5.0, "due": 2.0}
    assert [row["last_wrote"] for row in store.rows("SELECT * FROM psids")] == [now]
    assert store.aged(now) == 0.0  # what is made from now on is fresh
    assert store.aged(now - 1) == 90000
