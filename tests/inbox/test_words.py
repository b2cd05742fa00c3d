"""Events are found by any part of their text, whether the index has them yet or not."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbhelpers.inbox import words
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox

pytestmark = pytest.mark.fast


def write(inbox: Inbox, *texts: str, psid: str = "1", **more: object) -> None:
    for text in texts:
        body = {"message_uuid": f"{psid} {text}", "from": psid, "to": "2", "message_type": "text", "text": text}
        details = {"answer": 200, **more}
        inbox.record(Delivery("POST", "/webhooks/inbound", (), json.dumps(body).encode(), **details)).result(10)


def index(inbox: Inbox, most: int = 1000) -> int:
    return inbox.database.write(lambda connection: words.index(connection, most)).result(10)


def found(inbox: Inbox, text: str, **more: object) -> list[str | None]:
    return [event.text for event in inbox.events(text=text, **more)]


@pytest.mark.parametrize("how_many", [0, 2, 1000], ids=["not indexed", "partly", "indexed"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rye", ["Rye bread?", "some RYE bread", "more rye"]),
        ("ye b", ["Rye bread?", "some RYE bread"]),
        ("BREAD", ["Rye bread?", "some RYE bread"]),
        ("y", ["Rye bread?", "some RYE bread", "more rye"]),
        ('a "quoted" word', ['a "quoted" word']),
        ("100 %", ["100 % Grüße 🥐"]),
        ("🥐", ["100 % Grüße 🥐"]),
        ("rüß", ["100 % Grüße 🥐"]),
        ("nowhere", []),
    ],
)
def test_any_part_of_a_text_is_found(inbox: Inbox, how_many: int, text: str, expected: list[str]) -> None:
    write(inbox, "Rye bread?", "some RYE bread", 'a "quoted" word', "100 % Grüße 🥐", "more rye")
    if how_many:
        index(inbox, how_many)
    assert found(inbox, text) == expected
    assert found(inbox, text, limit=1) == expected[-1:]


def test_the_index_takes_so_many_at_a_time_and_says_how_many(inbox: Inbox) -> None:
    write(inbox, *(f"number {n}" for n in range(5)))
    assert [index(inbox, 3), index(inbox, 3), index(inbox, 3)] == [3, 2, 0]


def test_other_conditions_hold_beside_the_text(inbox: Inbox) -> None:
    write(inbox, "hello there", psid="1")
    write(inbox, "hello again", psid="2")
    index(inbox)
    assert found(inbox, "hello", person="2") == ["hello again"]
    assert found(inbox, "hello", kind="status") == []


def test_an_event_that_is_told_anew_is_found_by_its_new_text_alone(inbox: Inbox) -> None:
    body = {"message_uuid": "u", "from": "1", "to": "2", "message_type": "text"}
    for text, answer in (("forged words", 401), ("true words", 200)):
        raw = json.dumps(body | {"text": text}).encode()
        inbox.record(Delivery("POST", "/webhooks/inbound", (), raw, answer)).result(10)
        index(inbox)
    assert (found(inbox, "forged"), found(inbox, "true")) == ([], ["true words"])
    assert found(inbox, "words") == ["true words"]


def test_what_is_forgotten_leaves_no_word_in_the_file(inbox: Inbox) -> None:
    write(inbox, "a secret about zebras", psid="1")
    write(inbox, "harmless", psid="2")
    index(inbox)
    assert inbox.forget("1") == 2
    assert (found(inbox, "zebra"), found(inbox, "harmless")) == ([], ["harmless"])
    inbox.close()
    for path in inbox.path.parent.iterdir():
        assert b"zebra" not in path.read_bytes(), path
        assert b"zeb" not in path.read_bytes(), path


def test_a_rebuilt_inbox_is_indexed_anew(inbox: Inbox) -> None:
    write(inbox, "rye bread", "wheat")
    index(inbox)
    inbox.rebuild()
    assert found(inbox, "rye") == ["rye bread"]
    assert index(inbox) == 2
    assert found(inbox, "rye") == ["rye bread"]


def test_without_the_index_every_text_is_looked_at(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_MAKE", "CREATE VIRTUAL TABLE words USING no_such_module(text)")
    write(inbox, "rye bread")
    assert index(inbox) == 0
    assert found(inbox, "rye") == ["rye bread"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), max_size=6),
    asked=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5),
    how_many=st.integers(0, 6),
)
def test_the_index_finds_what_looking_at_every_text_finds(texts: list[str], asked: str, how_many: int) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript("CREATE TABLE events (id INTEGER PRIMARY KEY, text TEXT);" + words.TABLE)
    connection.executemany("INSERT INTO events (text) VALUES (?)", [(text,) for text in texts])
    sql = "SELECT id FROM events WHERE "
    plain = connection.execute(f"{sql}instr(lower(text), lower(?)) > 0 ORDER BY id", (asked,)).fetchall()
    if how_many:
        words.index(connection, how_many)
    condition, values = words.query(connection, ["id > ?"], [0], asked, None)
    assert connection.execute(f"{sql}{condition} ORDER BY id", values).fetchall() == plain
    connection.close()
