"""database: one thread writes for many, and an answer means that it is on the disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.storage import sqlite
from nbhelpers.storage.sqlite import Database, SchemaError, storable

pytestmark = pytest.mark.fast

SCHEMA = "CREATE TABLE things (name TEXT); CREATE INDEX by_name ON things (name)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Database]:
    made = Database(path, SCHEMA, 1)
    yield made
    made.close()


def add(store: Database, name: str) -> Future[Any]:
    return store.write(lambda connection: connection.execute("INSERT INTO things VALUES (?)", (name,)))


def names(store: Database) -> list[str]:
    with store.reading() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY rowid")]


def child(code: str, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    start = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def test_a_write_gives_its_result_and_is_there_for_every_reader(store: Database):
    assert store.write(lambda connection: connection.execute("SELECT 6 * 7").fetchone()[0]).result(5) == 42
    add(store, "one").result(5)
    assert names(store) == ["one"]
    elsewhere: list[list[str]] = []
    thread = threading.Thread(target=lambda: elsewhere.append(names(store)))
    thread.start()
    thread.join()
    assert elsewhere == [["one"]]


def test_writes_that_are_asked_for_at_the_same_time_share_commits(store: Database):
    statements: list[str] = []
    store.write(lambda connection: connection.set_trace_callback(statements.append)).result(5)
    busy, let_go = threading.Event(), threading.Event()

    def hold(connection: sqlite3.Connection) -> None:
        busy.set()
        let_go.wait(5)

    held = store.write(hold)
    assert busy.wait(5)
    statements.clear()
    answers: list[Future[Any]] = []
    threads = [
        threading.Thread(target=lambda start=start: answers.extend(add(store, f"{start}/{n}") for n in range(25)))
        for start in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    let_go.set()
    done, pending = wait_for(answers, timeout=10)
    assert (len(done), len(pending)) == (200, 0)
    held.result(5)
    commits = [statement for statement in statements if statement.startswith("COMMIT")]
    assert len(commits) == 2  # that of the one that held it, and one for all that waited
    assert len(set(names(store))) == 200


def test_no_commit_takes_more_than_its_batch(store: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "_BATCH", 10)
    statements: list[str] = []
    let_go = threading.Event()
    store.write(lambda connection: connection.set_trace_callback(statements.append)).result(5)
    store.write(lambda connection: let_go.wait(5))
    answers = [add(store, str(n)) for n in range(40)]
    statements.clear()
    let_go.set()
    wait_for(answers, timeout=10)
    store.close()
    assert len([statement for statement in statements if statement.startswith("COMMIT")]) >= 4


def test_a_write_that_raises_takes_no_other_with_it(store: Database):
    let_go = threading.Event()
    store.write(lambda connection: let_go.wait(5))

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO things VALUES ('half')")
        raise LookupError("mine")

    first, broken, wrong, last = (
        add(store, "first"),
        store.write(half),
        store.write(lambda connection: connection.execute("INSERT INTO nowhere VALUES (1)")),
        add(store, "last"),
    )
    let_go.set()
    first.result(5)
    last.result(5)
    with pytest.raises(LookupError, match="mine"):
        broken.result(5)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        wrong.result(5)
    assert names(store) == ["first", "last"]


def test_what_ends_a_thread_elsewhere_fails_the_batch_and_not_the_writer(store: Database):
    def leave(connection: sqlite3.Connection) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        store.write(leave).result(5)
    add(store, "next").result(5)
    assert names(store) == ["next"]


def test_a_commit_that_fails_is_told_to_everybody_and_the_next_write_works(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "BUSY", 0.1)
    store = Database(path, SCHEMA, 1)
    add(store, "before").result(5)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = [add(store, str(n)) for n in range(30)]
    done, pending = wait_for(answers, timeout=10)
    assert (len(done), len(pending)) == (30, 0)
    for answer in answers:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            answer.result(0)
    other.execute("ROLLBACK")
    other.close()
    add(store, "after").result(5)
    assert names(store) == ["before", "after"]
    store.close()


def test_a_writer_that_cannot_open_its_file_says_so_and_hangs_nobody(path: Path):
    store = Database(path, SCHEMA, 1)
    path.unlink()
    path.mkdir()
    with pytest.raises(sqlite3.OperationalError):
        add(store, "one").result(10)
    path.rmdir()
    with pytest.raises(sqlite3.OperationalError, match="deleted or set aside"):  # and makes no file anew
        add(store, "two").result(10)
    store.close()


def test_a_write_that_was_taken_back_in_time_is_not_done(store: Database):
    let_go = threading.Event()
    store.write(lambda connection: let_go.wait(5))
    unwanted, wanted = add(store, "unwanted"), add(store, "wanted")
    assert unwanted.cancel()
    let_go.set()
    wanted.result(5)
    with pytest.raises(CancelledError):
        unwanted.result(5)
    assert names(store) == ["wanted"]


@pytest.mark.parametrize(("asked", "number"), [("FULL", 2), ("NORMAL", 1)])
def test_the_disk_is_asked_to_keep_what_was_promised(path: Path, asked: str, number: int):
    store = Database(path, SCHEMA, 1, synchronous=asked)

    def pragmas(connection: sqlite3.Connection) -> list[Any]:
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]

    assert store.write(pragmas).result(5) == [number, "wal"]
    assert store.write(lambda c: c.execute("PRAGMA secure_delete").fetchone()[0]).result(5) == 1
    store.close()


def test_full_is_what_is_asked_for_unless_another_is_named(store: Database):
    assert store.write(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]).result(5) == 2


def test_the_files_are_readable_by_their_owner_alone(store: Database, path: Path):
    add(store, "one").result(5)
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["some.sqlite3", "some.sqlite3-shm", "some.sqlite3-wal"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_reader_cannot_write(store: Database):
    with store.reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO things VALUES ('x')")


def test_what_was_written_is_there_when_it_is_opened_again(store: Database, path: Path):
    add(store, "one").result(5)
    store.close()
    again = Database(path, SCHEMA, 1)
    assert names(again) == ["one"]
    again.close()


def test_a_file_of_a_newer_kit_is_refused_and_left_alone(store: Database, path: Path):
    add(store, "one").result(5)
    store.close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 7")
    raw.close()
    with pytest.raises(SchemaError, match="schema 7, this kit knows 1"):
        Database(path, SCHEMA, 1)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone()[0] == 7
    assert raw.execute("SELECT name FROM things").fetchall() == [("one",)]
    raw.close()


def test_what_is_no_database_is_refused_and_left_alone(path: Path):
    path.write_bytes(b"this is a text file, and quite a long one for what it has to say" * 20)
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError):
        Database(path, SCHEMA, 1)
    assert path.read_bytes() == before


def test_a_schema_that_breaks_half_way_leaves_no_half_of_it(path: Path):
    with pytest.raises(sqlite3.OperationalError):
        Database(path, "CREATE TABLE one (a); CREATE RUBBISH", 1)
    store = Database(path, "CREATE TABLE one (a)", 1)
    store.close()


def test_processes_that_open_a_new_file_at_once_all_get_it(path: Path):
    code = """if True:
        import sys, time
        from pathlib import Path
        from nbhelpers.storage.sqlite import Database
        sys.stdin.read()
        store = Database(Path(sys.argv[1]), sys.argv[2], 1)
        store.write(lambda c: c.execute("INSERT INTO things VALUES ('x')")).result(10)
        store.close()
    """
    started = [child(code, str(path), SCHEMA, stdin=subprocess.PIPE) for _ in range(4)]
    time.sleep(0.3)  # for the imports: all should stand at the same line
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    errors = [process.communicate(timeout=30)[1] for process in started]
    assert errors == [""] * 4
    store = Database(path, SCHEMA, 1)
    assert names(store) == ["x"] * 4
    store.close()


def test_threads_that_open_a_new_file_at_once_all_get_it(tmp_path: Path):
    for turn in range(15):  # the change of a new file to WAL was refused in one turn of twenty
        barrier, made = threading.Barrier(6), []

        def open_it(path: Path = tmp_path / f"{turn}.sqlite3", barrier: Any = barrier, made: Any = made) -> None:
            barrier.wait(5)
            made.append(Database(path, SCHEMA, 1))

        threads = [threading.Thread(target=open_it) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in made:
            store.close()
        assert len(made) == 6


def test_closing_finishes_what_was_asked_for(store: Database, path: Path):
    let_go = threading.Event()
    store.write(lambda connection: let_go.wait(5))
    answers = [add(store, str(n)) for n in range(1200)]  # more than two batches
    closing = threading.Thread(target=store.close)
    closing.start()
    let_go.set()
    closing.join(10)
    assert not closing.is_alive()
    assert all(answer.done() and answer.exception() is None for answer in answers)
    again = Database(path, SCHEMA, 1)
    assert len(names(again)) == 1200
    again.close()


def test_what_is_closed_says_so_and_may_be_closed_again(store: Database):
    names(store)
    assert not store.closed
    store.close()
    store.close()
    assert store.closed
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        add(store, "late").result(5)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        names(store)
    raised: list[BaseException] = []

    def ask() -> None:  # a thread that has no connection yet must not open one
        try:
            names(store)
        except sqlite3.Error as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert "closed" in str(raised[0])


@pytest.mark.thorough
def test_closing_under_running_queries_ends_them_and_not_the_process(path: Path):
    code = """if True:
        import sqlite3, sys, threading, time
        from pathlib import Path
        from nbhelpers.storage.sqlite import Database
        for turn in range(25):
            store = Database(Path(sys.argv[1]), sys.argv[2], 1)
            store.write(lambda c: c.executemany("INSERT INTO things VALUES (?)", [("x",)] * 50)).result(10)
            def ask():
                try:
                    while True:
                        with store.reading() as connection:
                            connection.execute("SELECT * FROM things ORDER BY name").fetchall()
                except sqlite3.ProgrammingError:
                    pass
            threads = [threading.Thread(target=ask) for _ in range(3)]
            for thread in threads: thread.start()
            time.sleep(0.001 * (turn % 5))
            store.close()
            for thread in threads: thread.join()
        print("alive")
    """
    done = child(code, str(path), SCHEMA)
    out, error = done.communicate(timeout=60)
    assert (out, error, done.returncode) == ("alive\n", "", 0)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors where Linux shows them")
def test_threads_that_have_ended_leave_no_descriptor_behind(store: Database):
    add(store, "one").result(5)
    names(store)

    def ask_from_threads(number: int) -> int:
        for _ in range(number):
            thread = threading.Thread(target=names, args=(store,))
            thread.start()
            thread.join()
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - it must hold no directory open while it counts

    before = ask_from_threads(3)
    assert ask_from_threads(50) <= before


@pytest.mark.skipif(os.name != "posix", reason="limits the size of a file")
def test_a_full_disk_gives_errors_and_hangs_nobody(path: Path):
    code = """if True:
        import resource, sqlite3, sys
        from pathlib import Path
        from nbhelpers.storage.sqlite import Database
        store = Database(Path(sys.argv[1]), sys.argv[2], 1)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        answers = [store.write(lambda c, n=n: c.execute("INSERT INTO things VALUES (?)", (f"{n} " + "x" * 20_000,)))
                   for n in range(100)]
        kept = 0
        for answer in answers:
            try:
                answer.result(20)
                kept += 1
            except sqlite3.Error:
                pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.write(lambda c: c.execute("INSERT INTO things VALUES ('again')")).result(20)
        store.close()
        print(kept)
    """
    done = child(code, str(path), SCHEMA)
    out, error = done.communicate(timeout=60)
    assert (error, done.returncode) == ("", 0)
    store = Database(path, SCHEMA, 1)
    found = names(store)
    store.close()
    assert found[-1] == "again"
    assert int(out) == len(found) - 1 < 100


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_what_was_acknowledged_survives_a_kill(path: Path):
    code = """if True:
        import sys
        from pathlib import Path
        from nbhelpers.storage.sqlite import Database
        store = Database(Path(sys.argv[1]), sys.argv[2], 1)
        for n in range(100_000):
            store.write(lambda c: c.execute("INSERT INTO things VALUES (?)", (str(n),))).result(10)
            print(n, flush=True)
    """
    process = child(code, str(path), SCHEMA)
    assert process.stdout is not None and process.stderr is not None
    for _ in range(20):
        assert process.stdout.readline().strip()
    process.kill()
    # Not by communicate(): it passes over what readline() has read ahead, and those were acknowledged too.
    with process:
        rest, error = process.stdout.read(), process.stderr.read()
    acknowledged = 20 + len(rest.splitlines()) - (0 if rest.endswith("\n") or not rest else 1)
    store = Database(path, SCHEMA, 1)
    found = names(store)
    store.close()
    assert error == ""
    assert found == [str(n) for n in range(len(found))]
    assert acknowledged <= len(found) <= acknowledged + 1


def test_a_text_that_utf8_cannot_hold_is_made_storable(store: Database):
    assert storable(None) is None
    assert storable("Zoë 👋") == "Zoë 👋"
    assert storable("a\ud800b") == "a?b"
    add(store, storable("a\ud800b") or "").result(5)
    assert names(store) == ["a?b"]
