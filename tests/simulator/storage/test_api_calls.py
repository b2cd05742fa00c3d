"""The log of send requests: bounded in number and size, and each belongs to the message that came of it."""

from __future__ import annotations

import pytest

from nbhelpers.simulator.storage.api_calls import KEPT, ApiCalls

pytestmark = pytest.mark.fast


def keep(log: ApiCalls, at: float = 1.0, body: bytes = b"{}", answer: bytes = b"[]", uuid: str | None = None) -> None:
    log.keep(at, 0.002, "/v1/messages", [(b"Accept", b"*/*"), (b"X-Odd", b"\xff")], body, 202, answer, uuid)


def test_it_keeps_the_newest_and_numbers_all() -> None:
    log = ApiCalls()
    for number in range(KEPT + 50):
        keep(log, at=float(number))
    kept = log.whole(0.0)
    assert [kept[0]["id"], kept[-1]["id"], len(kept)] == [51, KEPT + 50, KEPT]
    assert len(log.whole(KEPT + 40)) == 10


def test_a_long_body_is_cut_and_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    log = ApiCalls()
    keep(log, body=b"\xff" + b"x" * 100_000, answer=b"y" * 100_000)
    (call,) = log.whole(0.0)
    assert (len(call["body"]), len(call["answer_body"]), call["body"][0]) == (16_384, 16_384, "�")
    assert call["headers"] == [["Accept", "*/*"], ["X-Odd", "ÿ"]]
    assert (call["method"], call["url"], call["words"]) == ("POST", "/v1/messages", "answered 202")


def test_the_request_of_one_message_is_found_by_its_uuid_whenever_it_was() -> None:
    log = ApiCalls()
    keep(log, uuid="u-1")
    keep(log, uuid="u-2")
    keep(log)
    assert [call["id"] for call in log.whole(99.0, "u-1")] == [1]
    assert log.whole(0.0, "u-3") == []
