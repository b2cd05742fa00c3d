"""A damaged database is set aside whole, what is whole is left alone, and what was cut keeps what is before the cut."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbhelpers.storage.damage import SetAside, set_aside_if_damaged, what_was_set_aside
from nbhelpers.storage.sqlite import Database

pytestmark = pytest.mark.fast

SCHEMA = "CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)"
INSERT = "INSERT INTO things VALUES (?, ?)"
ROWS = 120


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.sqlite3"


def fill(path: Path, rows: int = ROWS) -> Database:
    """A database with a commit for each of its rows, still open: nothing of it may have left the log."""
    store = Database(path, SCHEMA, 1)
    for number in range(rows):
        values = (number, f"{number} " * 100)
        store.write(lambda connection, v=values: connection.execute(INSERT, v) and None).result(5)
    return store


def filled(path: Path) -> Path:
    fill(path).close()
    return path


def ids(path: Path) -> list[int]:
    store = Database(path, SCHEMA, 1)
    try:
        with store.reading() as connection:
            return [row["id"] for row in connection.execute("SELECT id FROM things ORDER BY id")]
    finally:
        store.close()


def torn(data: bytes) -> bytes:
    page = random.Random(7).randbytes(4096)
    middle = len(data) // 2 // 4096 * 4096
    return data[:middle] + page + data[middle + 4096 :]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: b"a letter to my mother " * 1000, "file is not a database"),
        (lambda data: data[: len(data) // 2], "malformed|Page|Tree|page"),
        (lambda data: data[:-1000], "malformed|Page|Tree|page"),
        (torn, "malformed|Page|Tree|page"),
        (lambda data: data[:4096] + bytes(len(data) - 4096), "malformed|Page|Tree|page"),
    ],
    ids=["another file", "half", "the last page", "a torn page", "zeros"],
)
def test_a_damaged_file_is_set_aside_byte_for_byte(path: Path, damage, words: str) -> None:
    path.write_bytes(damage(filled(path).read_bytes()))
    before, ended = path.read_bytes(), []
    aside = set_aside_if_damaged(path, lambda: ended.append(path.exists()))
    assert aside is not None
    assert ended == [True]  # whoever has it open ends before it is moved
    assert re.search(words, aside.why)
    assert aside.kept.read_bytes() == before
    assert not path.exists()
    assert ids(path) == []
    assert str(aside).startswith("some.sqlite3 was damaged. SQLite said: “")
    assert str(aside.kept) in str(aside)
    assert what_was_set_aside(path.parent) == [SetAside("some.sqlite3", aside.kept)]


def test_what_is_whole_or_not_there_is_left_alone(path: Path) -> None:
    assert set_aside_if_damaged(path, pytest.fail) is None
    filled(path)
    before = path.read_bytes()
    assert set_aside_if_damaged(path, pytest.fail) is None
    assert path.read_bytes() == before
    path.write_bytes(b"")  # SQLite takes an empty file for an empty database, and so do we
    assert set_aside_if_damaged(path, pytest.fail) is None
    assert what_was_set_aside(path.parent) == []


def test_a_file_that_somebody_else_writes_to_is_not_damaged(path: Path) -> None:
    filled(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert set_aside_if_damaged(path, pytest.fail) is None
    other.execute("ROLLBACK")
    other.close()


def crash(store: Database, folder: Path) -> Path:
    """A copy of a database that is open, as a power cut leaves it."""
    folder.mkdir()
    for end in ("", "-wal"):
        shutil.copy(store.path.with_name(store.path.name + end), folder / (store.path.name + end))
    return folder / store.path.name


def test_what_the_log_has_whole_is_no_damage_whatever_the_file_says(path: Path, tmp_path: Path) -> None:
    store = fill(path)
    crashed = crash(store, tmp_path / "crashed")
    store.close()
    crashed.write_bytes(b"not the database " * 500)
    assert set_aside_if_damaged(crashed, pytest.fail) is None
    assert ids(crashed) == list(range(ROWS))


def test_its_log_goes_with_it_and_not_into_the_empty_one(path: Path, tmp_path: Path) -> None:
    filled(path)
    store = Database(path, SCHEMA, 1)
    store.write(lambda connection: connection.execute("UPDATE things SET name = 'x' WHERE id = 9") and None).result(5)
    crashed = crash(store, tmp_path / "crashed")
    store.close()
    log = crashed.with_name(crashed.name + "-wal").read_bytes()
    crashed.write_bytes(b"not the database " * 500)
    aside = set_aside_if_damaged(crashed)
    assert aside is not None
    assert aside.kept.with_name(aside.kept.name + "-wal").read_bytes() == log
    assert ids(crashed) == []
    assert len(what_was_set_aside(crashed.parent)) == 1


def test_of_many_who_find_it_damaged_one_sets_it_aside(path: Path) -> None:
    path.write_bytes(filled(path).read_bytes()[:9000])
    together = threading.Barrier(8)

    def look(_: int) -> SetAside | None:
        together.wait()
        aside = set_aside_if_damaged(path)
        Database(path, SCHEMA, 1).close()  # as who looks does: from now on there is a whole one in its place
        return aside

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look, range(8)))
    assert len([each for each in found if each is not None]) == 1
    assert len(what_was_set_aside(path.parent)) == 1
    assert ids(path) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_log_that_was_cut_or_torn_keeps_every_commit_before_the_cut(path: Path, tmp_path: Path, seed: int) -> None:
    """As a power cut leaves it: the database, and a log whose end is missing, or is of other bytes."""
    store = fill(path)
    cut_off = crash(store, tmp_path / "cut")
    store.close()
    log = cut_off.with_name(cut_off.name + "-wal").read_bytes()
    chance = random.Random(seed)
    cut = chance.randrange(len(log) // 4, len(log))
    rest = b"" if seed % 2 else chance.randbytes(min(4096, len(log) - cut))
    cut_off.with_name(cut_off.name + "-wal").write_bytes(log[:cut] + rest)
    assert set_aside_if_damaged(cut_off, pytest.fail) is None
    found = ids(cut_off)
    # Each row was a commit: what is there is the beginning without a gap, and no less than the log says whole.
    assert found == list(range(len(found)))
    assert len(found) >= whole_commits(log[:cut])
    assert len(found) < ROWS


def whole_commits(log: bytes) -> int:
    """How many commits of this log are whole: frames that say how large the database is then (sqlite.org/walformat)."""
    page = int.from_bytes(log[8:12], "big")
    salt, commits = log[16:24], 0
    for start in range(32, len(log) - 24 - page + 1, 24 + page):
        if log[start + 8 : start + 16] != salt:
            break
        commits += log[start + 4 : start + 8] != bytes(4)
    return commits - 1  # the first made the table
