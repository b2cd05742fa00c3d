"""Answers inbound messages with a function of the learner's, on the thread that watches the inbox."""

from __future__ import annotations

import inspect
import time
import uuid
from collections import deque
from collections.abc import Callable

from nbhelpers.course.context import CourseContext
from nbhelpers.course.look import marked
from nbhelpers.errors import InboxError, KitError, MessageError
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.inbox.watcher import Watcher
from nbhelpers.messages.inbound import MESSENGER

__all__ = ["MessageHandler"]

_LOOK = 0.02  # seconds between two looks while somebody waits
_MOST, _SPAN = 5, 10.0  # replies, and the seconds in which no more than these go out


class MessageHandler:
    """Calls a function with each new message on Messenger and sends the text that it returns, until `stop()`.

    The function gets an Event, on the watcher's thread, after the receiver has answered 200: once for each message,
    however often that is delivered, and never for one that came before, that was refused or that is a replay. A `str`
    that it returns goes to the person as one reply, None sends nothing. No more than 5 replies go out in 10 s; `braked`
    counts those beyond, which are not sent. Whatever raises ends nothing: `error` is the newest exception. One function
    at a time answers, in whichever notebook: a newer one takes over. Raises MessageError for what cannot be called.
    """

    def __init__(self, course: CourseContext, fn: Callable[[Event], str | None]) -> None:
        if not callable(fn) or inspect.iscoroutinefunction(fn):
            kind = "a function made with `async def`" if callable(fn) else f"something of type {type(fn).__name__}"
            raise MessageError(
                "This cannot answer messages.",
                f"You gave {kind}.",
                "Give a function made with `def`: it takes the event.",
            )
        self.messages = self.replies = self.braked = 0
        self.error: Exception | None = None
        self._course, self._fn, self._name = course, fn, getattr(fn, "__name__", type(fn).__name__)
        self._sent: deque[float] = deque(maxlen=_MOST)
        newest = course.inbox.deliveries(limit=1)
        self._mark = newest[-1].id or 0 if newest else 0
        self._seen, self._running = set[int](), True
        # Whoever noted this last answers: two notebooks must not answer the same message.
        self._turn = uuid.uuid4().hex
        after = course.inbox.revision()
        course.inbox.note(on_message=self._turn)
        self._watcher = Watcher(course.inbox, self._take, after=after)

    def stop(self) -> None:
        """Answer no more messages; returns when the one at hand is done."""
        self._running = False
        self._watcher.stop()

    def wait(self, messages: int = 1, timeout: float = 10) -> MessageHandler:
        """Wait until so many messages were handled, for `timeout` seconds at most, and return this handler.

        Raises InboxError with the next step when there were fewer.
        """
        until = time.monotonic() + timeout
        while self.messages < messages:
            if time.monotonic() > until:
                raise InboxError(
                    f"`{self._name}` was not called often enough.",
                    f"Waited {timeout:g} s: {self.messages} of {messages}.",
                    "Let somebody write; if they did, `lab.doctor()` finds where it stopped.",
                )
            time.sleep(_LOOK)
        return self

    def _take(self, events: list[Event]) -> None:
        for event in events:
            if event.kind != "inbound" or not event.trusted or event.channel != MESSENGER:
                continue
            # By what tells it: a message from before that is delivered again is still one from before.
            if event.delivery <= self._mark or event.id in self._seen:
                continue
            if self._course.facts.get("on_message") != self._turn:
                self._running = False
                self._watcher.stop()
                return
            self._seen.add(event.id)
            try:
                self._answer(event, self._fn(event))
            except Exception as error:  # noqa: BLE001 - whatever the learner's function raises, the next message comes
                self.error = error
            self.messages += 1

    def _answer(self, event: Event, text: str | None) -> None:
        if text is None:
            return
        if not isinstance(text, str):
            kind = type(text).__name__
            raise MessageError(
                "This is no reply.", f"`{self._name}` returned something of type {kind}.", "Return a text."
            )
        now = time.monotonic()
        if len(self._sent) == _MOST and now - self._sent[0] < _SPAN:
            self.braked += 1
            return
        self._sent.append(now)
        self._course.answer(text, event.psid, event.page_id)
        self.replies += 1

    def __repr__(self) -> str:
        running = self._running and not self._course.inbox.closed
        words = f"`{self._name}` gets every new message." if running else f"`{self._name}` gets no more messages."
        words += f" So far: {_count(self.messages, 'message')}, {_count(self.replies, 'reply')}."
        if self.braked:
            words += f" {_count(self.braked, 'reply')} not sent: {_MOST} in {_SPAN:g} s are the most."
        if isinstance(self.error, KitError):
            words += f" Newest error: {self.error}"
        elif self.error is not None:
            words += f" Newest error: {type(self.error).__name__}: {one_line(str(self.error), 200)}"
        return words

    def _repr_html_(self) -> str:
        return f'<p role="status">{marked(repr(self))}</p>'


def _count(number: int, word: str) -> str:
    return f"{number} {word if number == 1 else word.removesuffix('y') + 'ies' if word.endswith('y') else word + 's'}"
