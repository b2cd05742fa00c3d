"""The log of calls: bounded in number and size, and without what lets one in."""

from __future__ import annotations

import pytest

from nbhelpers.simulator.storage.call_log import CallLog

pytestmark = pytest.mark.fast


def note(log: CallLog, at: float = 1.0, **more: object) -> None:
    headers = [(b"Authorization", b"Basic dXNlcjpwYXNz"), (b"Cookie", b"secret"), (b"Accept", b"*/*")]
    given = {"request": ("POST", "/v1/messages", headers, b"{}"), "answered": (202, "", b"[]")} | more
    log.note("api", at, 0.002, given.pop("request"), given.pop("answered"), **given)


def test_it_keeps_the_newest_thousand() -> None:
    log = CallLog()
    for number in range(1200):
        note(log, at=float(number))
    kept = log.since(0.0)
    assert [kept[0]["number"], kept[-1]["number"], len(kept)] == [201, 1200, 1000]
    assert len(log.since(1100.0)) == 100


def test_what_lets_one_in_is_masked_whatever_its_name_is_written_like() -> None:
    log = CallLog()
    note(log)
    (call,) = log.since(0.0)
    assert call["headers"] == [["Authorization", "Basic •••• (12 characters)"], ["Cookie", "••••"], ["Accept", "*/*"]]


def test_a_long_body_is_cut_and_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    log = CallLog()
    note(log, request=("POST", "/", {"A": "b"}, b"\xff" + b"x" * 100_000), answered=(200, "", b"y" * 100_000))
    (call,) = log.since(0.0)
    assert (len(call["body"]), len(call["answer"]), call["body"][0]) == (16_384, 16_384, "�")


@pytest.mark.parametrize("answer", [b"", b"[1]", b"{", b'{"message_uuid": 5}', b"\xff"])
def test_an_answer_that_names_no_message_belongs_to_none(answer: bytes) -> None:
    log = CallLog()
    note(log, answered=(200, "", answer))
    assert log.since(0.0)[0]["uuid"] is None
    assert log.since(0.0, "u-1") == []


def test_calls_about_one_message_are_found_by_its_uuid_or_by_the_answer_that_gave_it() -> None:
    log = CallLog()
    note(log, answered=(202, "", b'{"message_uuid": "u-1"}'))
    note(log, uuid="u-1", webhook=7)
    note(log, uuid="u-2", webhook=8)
    assert [call["webhook"] for call in log.since(0.0, "u-1")] == [None, 7]
