"""The whole conversation with one person as a panel; in simulator mode with the phone on the other side."""

from __future__ import annotations

import functools
import threading
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.course.demonstration import demonstrate
from nbhelpers.errors import KitError, MessageError
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.faults import FaultPicker
from nbhelpers.widgets.parts import Note, button, guarded, row
from nbhelpers.widgets.person import Names, newcomers, newer_words
from nbhelpers.widgets.psid import Newcomers
from nbhelpers.widgets.talk import KINDS, Bubble, SentByHand, Talk, business_side, phone_side

__all__ = ["ConversationPanel"]

_NOBODY = "Nobody has written yet. The talk begins with the person's first message."
_NOT_PASSED_ON = "It was not passed on: see step 4."
_SHOWN = 60  # bubbles on each side, the newest: all of them go to the page with every change
_PEOPLE = ("Ada", "Ben")  # who is played when nobody has written


class ConversationPanel(Panel):
    """The whole talk with one person: what they wrote, what you answered, and how far each answer has come.

    In simulator mode the phone of one or two `people` stands beside it, for you to play: write, see the answer land,
    read it. With `plays` it begins to play by itself.
    """

    heading = "The whole talk"
    pulse, lag = 1.0, 0.02

    def __init__(self, course: CourseContext, channel: str = MESSENGER, people: int = 1, plays: bool = False) -> None:
        self._channel = channel
        self._person: str | None = None
        self._page: str | None = None
        self._newer: list[str] = []
        self._names, self._by_hand = Names(course), SentByHand(course)
        self._playing: threading.Event | None = None
        self._said, self._newcomers = Note(), Newcomers()
        self._newcomers.on_msg(self._pin)
        self._talk = Talk(empty=_NOBODY, name="Your side", write="Answer the person" if course.simulated else "")
        self._talk.on_msg(functools.partial(self._asked, self._answer))
        self._phones: list[Talk] = []
        children: list[ipywidgets.Widget] = [self._newcomers, self._said]
        sides = [self._talk]
        if course.simulated:
            self._phones = [self._phone(at) for at in range(2)]
            sides += self._phones
            self._show_second(people > 1)
            children += self._controls(course, people > 1)
        both = ipywidgets.HBox(sides)
        both.add_class("nbh-two")
        super().__init__(course, [both, *children])
        self.show()
        self.follow()
        if plays and course.simulated:
            self._play(None)

    def _phone(self, at: int) -> Talk:
        made = Talk(empty="Nothing yet.", write=f"Write as {_PEOPLE[at]}", reads=_PEOPLE[at], kinds=list(KINDS))
        made.add_class("nbh-phone")
        made.on_msg(functools.partial(self._asked, functools.partial(self._write, at)))
        return made

    def _controls(self, course: CourseContext, two: bool) -> list[ipywidgets.Widget]:
        self._second = ipywidgets.ToggleButton(description="A second person", value=two, tooltip="A second phone")
        self._second.observe(lambda change: self._show_second(change["new"]), "value")
        self._faults = ipywidgets.ToggleButton(description="Faults", tooltip="Let something go wrong on purpose")
        self._faults.observe(lambda change: self._show_faults(change["new"]), "value")
        self._run = button("Play by itself", self._play, tooltip="Let the conversation play by itself")
        self._picker = FaultPicker(course, self._say)
        self._picker.layout.display = "none"
        return [row(self._second, self._faults, self._run), self._picker]

    def refresh(self) -> None:
        event, self._newer = newcomers(self.course, self._person, self._channel)
        if event is not None and event.psid is not None:
            self._names.meet(event.psid, *self._newer)
            self._person, self._page = event.psid, event.page_id
            name = self._names.of(event.psid)
            self._talk.name = f"You, with {name}"
            self._talk.write = f"Answer {name}" if self._phones else ""
            self._show_bubbles(self._talk, self._business_side(event.psid))
        with self._newcomers.hold_sync():
            self._newcomers.words = newer_words(len(self._newer))
            self._newcomers.names = [self._names.of(each, f"…{each[-4:]}") for each in self._newer[:5]]
        if self._phones:
            self.beat()

    def beat(self) -> None:
        if not self._phones:
            return
        self._names.look()
        page = self.course.facts.get("page_name") or ""
        for phone, name in zip(self._phones, self._played(), strict=True):
            with phone.hold_sync():
                phone.name, phone.write, phone.reads = f"{name}'s phone · {page}", f"Write as {name}", name
            psid = self._names.psid_of(name, page)
            if psid is not None and phone.layout.display != "none":
                self._show_bubbles(phone, phone_side(self.course, psid, page))
        if self._picker.layout.display != "none":
            self._picker.look()

    def _played(self) -> tuple[str, str]:
        first = self._names.of(self._person, _PEOPLE[0])
        return first, _PEOPLE[1] if first != _PEOPLE[1] else _PEOPLE[0]

    def _show_bubbles(self, talk: Talk, bubbles: list[dict[str, Any]]) -> None:
        newest = bubbles[-_SHOWN:]
        shown = [each | {"text": self.masked(each["text"]), "below": self.masked(each["below"])} for each in newest]
        if talk.bubbles != shown:
            with talk.hold_sync():
                talk.bubbles, talk.earlier = shown, len(bubbles) - len(newest)

    def as_text(self) -> str:
        event, _ = newcomers(self.course, self._person, self._channel)
        if event is None or event.psid is None:
            return _NOBODY
        bubbles = self._business_side(event.psid)
        return "\n".join(f"{each['who']}: {each['text']} ({each['below'].partition(' · ')[2]})" for each in bubbles)

    def _business_side(self, person: str) -> list[Bubble]:
        return business_side(self.course, person, self._names, self._by_hand, self._channel)

    # What is pressed

    def _asked(self, act: Any, talk: Talk, message: dict[str, Any], _buffers: Any) -> None:
        def say(words: str) -> None:
            talk.send({"words": self.masked(words)})

        def do() -> None:
            with self._lock:
                words = act(message)
            talk.send({"words": words, "sent": message.get("ask") == "send"})

        if message.get("ask") in (("send",) if talk is self._talk else ("send", "read", "tap")):
            guarded(say, do)(None)

    def _write(self, at: int, message: dict[str, Any]) -> str:
        name, page = self._played()[at], self.course.facts.get("page_name")
        if message["ask"] == "read":
            count = int(self.course.control.read(page=page, person=name))
            words = f"{count} message{'' if count == 1 else 's'} read."
        elif message["ask"] == "tap":
            said = self.course.control.tap(str(message.get("choice")), page=page, person=name)
            words = "" if said["passed_on"] else _NOT_PASSED_ON
        else:
            kind, text = str(message.get("kind")), str(message.get("text"))
            said = self.course.control.write(kind, text=text if kind == "text" else None, page=page, person=name)
            words = "" if said["passed_on"] else _NOT_PASSED_ON
        self.show()
        return words

    def _answer(self, message: dict[str, Any]) -> str:
        if self._person is None or self._page is None:
            raise MessageError("There is nobody to answer.", "Nobody has written yet.", "They write first.")
        client = self.course.identity(self._page).client(self.course.inbox, self.course.settings.api_version)
        client.send(OutboundMessage(self._page, self._person, str(message.get("text")), channel=self._channel))
        self.show()
        return "Accepted."

    def _pin(self, _widget: Any, message: Any, _buffers: Any) -> None:
        at = message.get("pin")
        with self._lock:
            if isinstance(at, int) and 0 <= at < len(self._newer):
                self._person = self._newer[at]
                self.show()

    def _show_second(self, shown: bool) -> None:
        self._phones[1].layout.display = "" if shown else "none"

    def _show_faults(self, shown: bool) -> None:
        self._picker.layout.display = "" if shown else "none"
        guarded(self._say, self._picker.look)(None)

    def _say(self, words: str) -> None:
        self._said.say(self.masked(words))

    # By itself

    def _play(self, _: Any) -> None:
        if self._playing is not None:
            self._playing.set()
            self._playing = None
            self._run.description = "Play by itself"
            return
        self._playing = threading.Event()
        self._run.description = "Pause"
        threading.Thread(
            target=self._demonstrate, args=(self._playing,), name="Conversation plays", daemon=True
        ).start()

    def _demonstrate(self, ended: threading.Event) -> None:
        try:
            demonstrate(self.course, ended)
        except KitError as error:
            self._say(str(error))
            self._playing = None
            self._run.description = "Play by itself"

    def stop(self) -> None:
        if self._playing is not None:
            self._playing.set()
        super().stop()
