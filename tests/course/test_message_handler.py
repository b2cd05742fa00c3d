"""`lab.on_message`: the learner's function answers each message once, is braked, and its errors end nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.course import message_handler
from nbhelpers.course.message_handler import MessageHandler
from nbhelpers.errors import InboxError, MessageError
from nbhelpers.inbox.events import Delivery, Event
from tests.conftest import wait_until
from tests.support.labs import arrive, message, written

pytestmark = pytest.mark.fast


@pytest.fixture
def answering(ready: Lab) -> Iterator[Callable[[Callable[[Event], Any]], MessageHandler]]:
    """`ready.on_message`; whatever it made is stopped at the end."""
    made: list[MessageHandler] = []

    def on_message(fn: Callable[[Event], Any]) -> MessageHandler:
        made.append(ready.on_message(fn))
        return made[-1]

    yield on_message
    for handler in made:
        handler.stop()


def replies(lab: Lab) -> list[str | None]:
    return [event.text for event in lab.inbox.events("reply")]


def echo(event: Event) -> str | None:
    return event.text


def test_what_the_function_returns_is_sent_to_the_person_who_wrote(ready: Lab, answering: Any) -> None:
    handler = answering(lambda event: f"You wrote: {event.text}")
    psid = written(ready, "Rye, please", person="Grace").psid
    wait_until(lambda: handler.replies == 1, 10, "the reply")
    (reply,) = ready.inbox.events("reply")
    assert (reply.psid, reply.page_id, reply.text) == (psid, ready.facts["page_id"], "You wrote: Rye, please")
    assert ready.inbox.wait_for_receipt(reply.message_uuid, "delivered").states[-1] == "delivered"


def test_none_sends_nothing(ready: Lab, answering: Any) -> None:
    handler = answering(lambda event: None)
    written(ready)
    wait_until(lambda: handler.messages == 1, 10, "the message")
    assert handler.replies == 0
    assert replies(ready) == []
    assert repr(handler) == "`<lambda>` gets every new message. So far: 1 message, 0 replies."


def test_an_echo_does_not_hear_its_own_replies_and_receipts(ready: Lab, answering: Any) -> None:
    handler = answering(echo)
    written(ready, "Is there an echo?")
    wait_until(lambda: handler.replies == 1, 10, "the echo")
    (reply,) = ready.inbox.events("reply")
    ready.inbox.wait_for_receipt(reply.message_uuid, "delivered")
    written(ready, "And again?")
    wait_until(lambda: handler.replies == 2, 10, "the second echo")
    assert replies(ready) == ["Is there an echo?", "And again?"]


def test_it_runs_on_the_watchers_thread_when_the_receiver_has_answered_200(ready: Lab, answering: Any) -> None:
    seen: list[tuple[str, int]] = []

    def look(event: Event) -> None:
        seen.append((threading.current_thread().name, ready.inbox.delivery(event).answer))

    answering(look)
    written(ready)
    wait_until(lambda: seen, 10, "the call")
    assert seen == [("watch inbox", 200)]


def test_a_message_that_is_delivered_twice_is_answered_once(ready: Lab, answering: Any) -> None:
    handler = answering(echo)
    ready.simulator.fault("duplicate-delivery")
    event = written(ready, "Once")
    wait_until(lambda: ready.inbox.events("inbound", uuid=event.message_uuid)[0].deliveries == 2, 10, "the second")
    written(ready, "Then this")
    wait_until(lambda: handler.replies == 2, 10, "the next reply")
    assert replies(ready) == ["Once", "Then this"]


def test_what_came_before_is_not_answered_even_when_it_comes_again(ready: Lab, answering: Any) -> None:
    before = written(ready, "Before")
    handler = answering(echo)
    again = ready.inbox.delivery(before)
    ready.inbox.record(Delivery("POST", again.path, again.headers, again.body, 200)).result()
    written(ready, "After")
    wait_until(lambda: handler.replies == 1, 10, "the reply")
    assert replies(ready) == ["After"]


def test_a_replay_and_a_refused_message_are_not_answered_but_a_refused_one_is_when_it_comes_well(
    ready: Lab, answering: Any
) -> None:
    ready.replay(written(ready, "First"), text="An edited replay")
    handler = answering(echo)
    body = message(written(ready, "Second").psid, ready.facts["page_id"], "Refused at first", "uuid-refused")
    wait_until(lambda: handler.replies == 1, 10, "the reply")
    ready.inbox.record(Delivery("POST", "/webhooks/inbound", (), json.dumps(body).encode(), 401)).result()
    ready.replay(text="Another edited replay")
    written(ready, "Third")
    wait_until(lambda: handler.replies == 2, 10, "the second reply")
    assert replies(ready) == ["Second", "Third"]
    arrive(ready, body)
    wait_until(lambda: handler.replies == 3, 10, "the third reply")
    assert replies(ready)[-1] == "Refused at first"


def test_the_sixth_reply_in_ten_seconds_is_not_sent(
    ready: Lab, answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = answering(echo)
    for number in range(7):
        written(ready, f"{number}")
    wait_until(lambda: handler.braked == 2, 10, "seven messages")
    assert (handler.replies, handler.braked) == (5, 2)
    assert replies(ready) == ["0", "1", "2", "3", "4"]
    assert "7 messages, 5 replies. 2 replies not sent: 5 in 10 s are the most." in repr(handler)
    monkeypatch.setattr(message_handler, "_SPAN", 0.01)  # as if ten seconds had passed
    written(ready, "later")
    wait_until(lambda: handler.replies == 6, 10, "the reply after the brake")


def test_it_can_be_waited_for(ready: Lab, answering: Any) -> None:
    handler = answering(echo)
    with pytest.raises(InboxError, match=r"`echo` was not called often enough\. Waited 0\.1 s: 0 of 1\. Let somebody"):
        handler.wait(timeout=0.1)
    written(ready, "One")
    written(ready, "Two")
    assert handler.wait(2) is handler
    assert (handler.messages, replies(ready)) == (2, ["One", "Two"])


def test_an_error_of_the_function_is_kept_and_the_next_message_comes(ready: Lab, answering: Any) -> None:
    def fragile(event: Event) -> str:
        return str(100 / int(event.text or ""))

    handler = answering(fragile)
    written(ready, "0")
    wait_until(lambda: handler.error, 10, "the error")
    assert isinstance(handler.error, ZeroDivisionError)
    assert repr(handler).endswith("Newest error: ZeroDivisionError: division by zero")
    written(ready, "4")
    wait_until(lambda: handler.replies == 1, 10, "the reply")
    assert replies(ready) == ["25.0"]


def test_a_reply_that_is_no_text_or_that_the_service_refuses_is_told_in_words(ready: Lab, answering: Any) -> None:
    handler = answering(lambda event: 5)
    written(ready)
    wait_until(lambda: handler.error, 10, "the error")
    assert str(handler.error) == "This is no reply. `<lambda>` returned something of type int. Return a text."
    ready.simulator.fault("low-balance")
    try:
        handler = answering(echo)
        written(ready)
        wait_until(lambda: handler.error, 10, "the refusal")
    finally:
        ready.simulator.clear_faults()
    assert "The account has too little credit." in repr(handler)
    assert handler.replies == 0


def test_a_newer_function_takes_over_in_whichever_notebook(ready: Lab, answering: Any) -> None:
    first = answering(lambda event: "the first")
    other = Lab(state=ready.settings.state)
    try:
        second = other.on_message(lambda event: "the second")
        written(ready)
        wait_until(lambda: second.replies == 1, 10, "the reply")
        wait_until(lambda: "gets no more messages" in repr(first), 10, "the end of the first")
    finally:
        second.stop()
        other.inbox.close()
    assert replies(ready) == ["the second"]


def test_stopped_it_answers_no_more_and_says_so(ready: Lab, answering: Any) -> None:
    handler = answering(echo)
    handler.stop()
    written(ready)
    assert repr(handler) == "`echo` gets no more messages. So far: 0 messages, 0 replies."
    assert handler._repr_html_() == (
        '<p role="status"><code>echo</code> gets no more messages. So far: 0 messages, 0 replies.</p>'
    )
    assert replies(ready) == []


def test_it_may_be_stopped_by_its_own_function(ready: Lab, answering: Any) -> None:
    handlers: list[MessageHandler] = []

    def last(event: Event) -> str:
        handlers[0].stop()
        return "Good night!"

    handlers.append(answering(last))
    written(ready)
    wait_until(lambda: handlers[0].replies == 1, 10, "the reply")
    written(ready, "Still there?")
    assert replies(ready) == ["Good night!"]


async def soon(event: Event) -> str:
    return "too late"


@pytest.mark.parametrize(("fn", "seen"), [("hello", "type str"), (None, "type NoneType"), (soon, "`async def`")])
def test_what_cannot_be_called_is_refused_in_words(ready: Lab, fn: Any, seen: str) -> None:
    with pytest.raises(MessageError, match=seen) as refused:
        ready.on_message(fn)
    assert refused.value.next == "Give a function made with `def`: it takes the event."


def test_it_is_no_fact_of_the_learners(ready: Lab, answering: Any) -> None:
    answering(echo)
    assert "on_message" not in ready.facts
