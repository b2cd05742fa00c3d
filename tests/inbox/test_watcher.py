"""The watcher of the inbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.inbox.events import Event
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.watcher import Watcher
from tests.support.arrivals import inbound, put

pytestmark = pytest.mark.fast


def until(look: Callable[[], Any], seconds: float = 5) -> Any:
    end = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.005)
    assert found
    return found


def test_a_watcher_tells_of_what_is_new_and_of_what_changed(inbox: Inbox):
    put(inbox, inbound("before"))
    heard: list[Event] = []
    watcher = Watcher(inbox, heard.extend)
    put(inbox, inbound("one"), inbound("two"))
    until(lambda: len(heard) >= 2)
    assert [event.text for event in heard] == ["one", "two"]
    put(inbox, inbound("one"))
    until(lambda: len(heard) >= 3)
    watcher.stop()
    assert (heard[2].text, heard[2].deliveries) == ("one", 2)
    put(inbox, inbound("after"))
    time.sleep(0.06)
    assert len(heard) == 3
    assert watcher.error is None


def test_a_watcher_may_begin_with_what_is_there(inbox: Inbox):
    put(inbox, inbound("before"))
    heard: list[Event] = []
    watcher = Watcher(inbox, heard.extend, fast=False, after=0)
    until(lambda: heard)
    watcher.stop()
    assert [event.text for event in heard] == ["before"]


def test_a_watcher_survives_what_its_function_raises(inbox: Inbox):
    heard: list[str | None] = []

    def tell(events: list[Event]) -> None:
        heard.extend(event.text for event in events)
        raise ZeroDivisionError("the learner's own")

    watcher = Watcher(inbox, tell)
    put(inbox, inbound("one"))
    until(lambda: "one" in heard)
    put(inbox, inbound("two"))
    until(lambda: "two" in heard)
    watcher.stop()
    assert isinstance(watcher.error, ZeroDivisionError)


def test_a_watcher_may_be_stopped_from_its_own_function(inbox: Inbox):
    heard: list[Event] = []

    def tell(events: list[Event]) -> None:
        heard.extend(events)
        watcher.stop()

    watcher = Watcher(inbox, tell)
    put(inbox, inbound("one"))
    until(lambda: heard)
    until(lambda: not watching())


def watching() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "watch inbox"]


def test_a_watcher_ends_when_its_inbox_is_closed(path: Path):
    inbox = Inbox(path)
    Watcher(inbox, lambda events: None)
    assert watching()
    inbox.close()
    until(lambda: not watching())


def test_a_watcher_goes_on_hearing_after_somebody_was_forgotten(inbox: Inbox):
    put(inbox, inbound("kept"), *[inbound(str(n), psid="2222") for n in range(10)])
    heard: list[Event] = []
    watcher = Watcher(inbox, heard.extend)
    inbox.forget("2222")
    put(inbox, inbound("new"))
    until(lambda: heard)
    watcher.stop()
    assert [event.text for event in heard] == ["new"]
