"""The conversation that plays by itself: real calls, until it is ended, and in simulator mode alone."""

from __future__ import annotations

import threading

import pytest

from nbhelpers import Lab
from nbhelpers.course.demonstration import LINES, demonstrate
from nbhelpers.errors import MessageError, SettingsError
from tests.conftest import wait_until
from tests.support.labs import course_of


@pytest.mark.fast
def test_a_person_writes_is_answered_and_reads_until_it_is_ended(ready: Lab) -> None:
    ended = threading.Event()
    playing = threading.Thread(target=demonstrate, args=(course_of(ready), ended, 0.01))
    playing.start()
    try:
        wait_until(lambda: len(ready.inbox.events("reply")) >= 2, 20, "two answers")
    finally:
        ended.set()
        playing.join(10)
    assert not playing.is_alive()
    said = [event.text for event in ready.inbox.events() if event.kind in ("inbound", "reply")]
    assert said[:4] == [*LINES[0], *LINES[1]]
    first = ready.inbox.events("reply")[0].message_uuid
    wait_until(lambda: "read" in ready.inbox.receipts(first or "").states, 10, "the first answer read")


def test_on_a_fresh_start_it_says_what_to_run_first_and_plays_after_that(fresh: Lab) -> None:
    def played() -> str:
        with pytest.raises(MessageError) as refused:
            demonstrate(course_of(fresh), threading.Event())
        return str(refused.value)

    assert played() == (
        'The talk cannot play yet. No Page is linked. Run `lab.catch_up("webhooks")`, then this cell again.'
    )
    fresh.catch_up("link")
    assert "No webhook URL is saved." in played()
    assert fresh.inbox.events() == []
    fresh.catch_up("webhooks")
    ended = threading.Event()
    ended.set()
    demonstrate(course_of(fresh), ended)
    wait_until(lambda: fresh.inbox.events("inbound"), 10, "the first line")


@pytest.mark.fast
def test_where_people_are_real_nothing_is_sent(live: Lab) -> None:
    with pytest.raises(SettingsError):
        demonstrate(course_of(live), threading.Event())
    assert live.inbox.events() == []
