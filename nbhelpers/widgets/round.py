"""The round as a panel: a sequence diagram that draws itself while a message goes its way."""

from __future__ import annotations

import time
from typing import Any

import anywidget
import traitlets

from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.round import RoundReader
from nbhelpers.diagnosis.sequence import Round
from nbhelpers.inbox.events import Event, one_line
from nbhelpers.inbox.said import Said, uuid_of
from nbhelpers.messages.masking import masked
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import script

__all__ = ["RoundPanel"]

_ALL = "all"
_FRESH = 5.0  # seconds
_TELLING = ("host", "forwarded", "x-forwarded-host", "x-forwarded-for", "x-original-host", "x-real-ip", "referer")
_CHOICES = 8  # messages that one can choose from: the newest


class Sequence(anywidget.AnyWidget):
    """The diagram. What is to be followed comes as a message: `follow` is a uuid, or `all`; `open` names an arrow."""

    _esm = script("round")
    lifelines: Any = traitlets.List().tag(sync=True)
    arrows: Any = traitlets.List().tag(sync=True)
    summary = traitlets.Unicode("").tag(sync=True)
    mermaid = traitlets.Unicode("").tag(sync=True)
    choices: Any = traitlets.List().tag(sync=True)
    following = traitlets.Unicode(_ALL).tag(sync=True)


class RoundPanel(Panel):
    """The way of one message, hop by hop, or of all of the last minute. Click an arrow: its request and its answer.

    `message` is an event, what `write` or `reply` returned, or a message_uuid; without one, all of the last minute.
    """

    heading = "The round, live"
    pulse, lag = 0.5, 0.04

    def __init__(self, course: CourseContext, message: Said | None = None) -> None:
        self._uuid = uuid_of(message) if message is not None else None
        self._reader = RoundReader(course)
        self._found: Round | None = None
        self._mark: object = None
        self._until = 0.0  # when what is of the last minute is looked at again, though nothing is new
        self._diagram = Sequence()
        self._diagram.on_msg(self._asked)
        super().__init__(course, [self._diagram])
        self.show()
        self.follow()

    def refresh(self) -> None:
        self._mark, self._until = self._reader.mark(), time.monotonic() + _FRESH
        self._found = found = self._reader.read(self._uuid)
        facts = _masked(found.facts) if self.projector else found.facts
        choices = [[_ALL, "all of the last minute"], *self._messages()]
        if self._uuid and self._uuid not in [value for value, _ in choices]:
            choices.append([self._uuid, f"message {self._uuid[:8]}…"])
        wanted = {
            "lifelines": facts["lifelines"],
            "arrows": facts["arrows"],
            "summary": self.masked(found.summary),
            "mermaid": self.masked(found.mermaid()),
            "choices": choices,
            "following": self._uuid or _ALL,
        }
        with self._diagram.hold_sync():
            for name, value in wanted.items():
                if getattr(self._diagram, name) != value:
                    setattr(self._diagram, name, value)

    def beat(self) -> None:
        grows_old = self._uuid is None and self._diagram.arrows and time.monotonic() > self._until
        if grows_old or self._reader.mark() != self._mark:
            self.refresh()

    def as_text(self) -> str:
        return str(self._round())

    def _round(self) -> Round:
        return self._reader.read(self._uuid)

    def mermaid(self) -> str:
        """Return the diagram as Mermaid."""
        return self.masked(self._round().mermaid())

    def _messages(self) -> list[list[str]]:
        newest = [each for each in self.course.inbox.events(limit=40) if each.message_uuid and each.kind != "status"]
        return [[each.message_uuid or "", self.masked(_named(each))] for each in newest[::-1][:_CHOICES]]

    def _asked(self, _widget: Any, message: Any, _buffers: Any) -> None:
        wanted, key = message.get("follow"), message.get("open")
        with self._lock:
            if isinstance(wanted, str):
                self._uuid = None if wanted == _ALL else wanted
                self.show()
            elif isinstance(key, str) and self._found is not None:
                opened = self._found.opened(key)
                self._diagram.send({"opened": key, "exchanged": _masked(opened) if self.projector else opened})


def _named(event: Event) -> str:
    way = "came in" if event.kind == "inbound" else "your answer"
    return f"{event.received.astimezone():%H:%M:%S} {way}: {one_line(event.said, 40)}"


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: each if name in ("key", "source", "target") else _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple) and len(value) == 2 and str(value[0]).lower() in _TELLING:
        return [value[0], "••••"]  # a header
    return [_masked(each) for each in value] if isinstance(value, list | tuple) else value
