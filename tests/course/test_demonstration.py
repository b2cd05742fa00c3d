"""The conversation that plays by itself: real calls, until it is ended, and in simulator mode alone."""

from __future__ import annotations

import threading

import pytest

from nbhelpers import Lab
from nbhelpers.course.demonstration import LINES, demonstrate
from nbhelpers.errors import SettingsError
from tests.conftest import wait_until
from tests.support.labs import course_of

pytestmark = pytest.mark.fast


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


def test_where_people_are_real_nothing_is_sent(live: Lab) -> None:
    with pytest.raises(SettingsError):
        demonstrate(course_of(live), threading.Event())
    assert live.inbox.events() == []
