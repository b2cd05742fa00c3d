"""Calls as lines: each says what was answered and when it comes again; that nobody listens is said once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nbhelpers.simulator.control.call_lines import CallLines, answer_of, call_line, in_full, was_taken
from nbhelpers.simulator.storage.calls import NOBODY

pytestmark = pytest.mark.fast

CALL: dict[str, Any] = {
    "id": 17,
    "kind": "inbound",
    "at": 1_500_000_000.0,
    "seconds": 0.012,
    "method": "POST",
    "url": "http://127.0.0.1:5000/inbound?key=1",
    "status": 500,
    "words": "answered 500",
    "outcome": "again",
    "again": 5.0,
}


def test_a_line_says_where_what_was_answered_how_soon_and_what_follows() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d --> POST /inbound 500 in 12 ms, again in 5 s \(17 inbound\)", call_line(CALL))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"status": 200, "outcome": "taken", "seconds": 0.0004}, "200 in 0 ms"),
        ({"status": 200, "outcome": "taken", "seconds": 2.34}, "200 in 2.3 s"),
        ({"status": 404, "outcome": "dropped"}, "404 in 12 ms, not tried again"),
        ({"again": 0.1}, "500 in 12 ms, again in 0.1 s"),
        ({"again": 640}, "500 in 12 ms, again in 640 s"),
        ({"status": 0, "words": NOBODY}, "nobody listens at http://127.0.0.1:5000, again in 5 s"),
        (
            {"status": 0, "words": NOBODY, "outcome": "held"},
            "nobody listens at http://127.0.0.1:5000, waits until a receiver runs",
        ),
        ({"status": 0, "words": "no answer in time", "seconds": 15.0}, "no answer in time after 15.0 s, again in 5 s"),
    ],
)
def test_each_end_of_a_call_has_its_words(more: dict[str, Any], words: str) -> None:
    assert answer_of(CALL | more) == words


def test_taken_is_what_the_service_takes() -> None:
    assert [was_taken(CALL | {"status": status}) for status in (0, 199, 200, 205, 206, 302, 500)] == [
        *(False, False, True, True, False, False, False),
    ]


def test_that_nobody_listens_is_said_once_until_somebody_does() -> None:
    silent, lines = CALL | {"status": 0, "words": NOBODY}, CallLines()
    elsewhere = silent | {"url": "http://127.0.0.1:6000/status", "kind": "delivered"}
    said = [
        line for line, _ in lines.lines([silent, silent, elsewhere, silent | {"url": "http://127.0.0.1:5000/other"}])
    ]
    assert [line.partition(" --> ")[2] for line in said] == [
        "POST /inbound nobody listens at http://127.0.0.1:5000 yet: tried again until somebody does (17 inbound)",
        "POST /status nobody listens at http://127.0.0.1:6000 yet: tried again until somebody does (17 delivered)",
    ]
    assert list(lines.lines([silent])) == []
    ((line, good),) = lines.lines([CALL])
    assert (" 500 in 12 ms" in line, good) == (True, False)
    ((line, good),) = lines.lines([silent])
    assert ("nobody listens" in line, good) == (True, False)


def test_in_full_json_is_indented_an_answer_that_is_none_stands_as_it_came_and_each_try_has_its_line() -> None:
    call = CALL | {
        "headers": [["Host", "127.0.0.1:5000"]],
        "body": '{"text":"é","from":{"id":"1"}}',
        "answer_headers": [["Content-Type", "text/html"]],
        "answer_body": "<h1>\tOops</h1>",
        "tries": [CALL, CALL | {"id": 18, "status": 200, "outcome": "taken"}],
    }
    text = "\n".join(in_full(call))
    assert text.startswith(
        "POST http://127.0.0.1:5000/inbound?key=1\nHost: 127.0.0.1:5000\n\n"
        '{\n  "text": "é",\n  "from": {\n    "id": "1"\n  }\n}\n\n'
        "500 Internal Server Error\nContent-Type: text/html\n\n<h1>    Oops</h1>\n\n2 tries:\n"
    )
    assert text.endswith("200 in 12 ms (18 inbound)")
    silent = call | {"status": 0, "words": NOBODY, "tries": [CALL], "body": ""}
    assert "nobody listens at http://127.0.0.1:5000, again in 5 s.\n\n1 try:\n" in "\n".join(in_full(silent))
    assert "\n599\n" in "\n".join(in_full(call | {"status": 599}))
