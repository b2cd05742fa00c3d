"""What panels about a person share: the pinned person, their name, how many wrote since, how far an answer has come."""

from __future__ import annotations

import contextlib
import html
import time

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError, cure_for
from nbhelpers.inbox.events import Event, channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER, MessageStatus

__all__ = ["Names", "beside", "chips", "cure_of", "latest", "newcomers", "newer_words", "pinned", "ticks"]

_BESIDE = 200  # events among which something else is looked for: the newest
_STAGES = ("submitted", "delivered", "read")
_ENDINGS: tuple[str, ...] = ("rejected", "undeliverable")


class Names:
    """Who is behind a PSID, and when they last wrote: the simulator knows, nobody else tells.

    `of` never asks: `look` does, and is called where a moment more does not matter.
    """

    def __init__(self, course: CourseContext) -> None:
        self._course = course
        self._people: dict[str, tuple[str, float, str]] = {}  # by PSID: name, when they last wrote, to which Page
        self._met: set[str] = set()  # whoever was asked for
        self.asked = 0.0  # when that was (Unix seconds)

    def meet(self, *psids: str | None) -> bool:
        """Ask for people of whom nobody has asked before; say whether anything is new."""
        strangers = {psid for psid in psids if psid} - self._met
        self._met |= strangers
        return bool(strangers) and self.look()

    def look(self) -> bool:
        """Ask the simulator; say whether anything is new. What cannot be had is not needed."""
        with contextlib.suppress(KitError):
            return self.ask()
        return False

    def ask(self) -> bool:
        """Ask the simulator; say whether anything is new. Raises ServiceError when it does not answer."""
        if not self._course.simulated:
            return False
        asked = time.time()
        pages = self._course.control.pages()
        self.asked = asked
        people = {
            each["psid"]: (each["name"], each["wrote"], page["name"]) for page in pages for each in page["people"]
        }
        before, self._people = self._people, people
        return before != people

    def of(self, psid: str | None, otherwise: str = "the person") -> str:
        """Return the name of a person, or `otherwise`."""
        return one_line(self._people[psid][0], 40) if psid in self._people else otherwise

    def psid_of(self, name: str, page: str) -> str | None:
        """Return the PSID that a person of this name has on a Page of this name; None when they never wrote to it."""
        return next((psid for psid, known in self._people.items() if (known[0], known[2]) == (name, page)), None)

    def wrote(self, psid: str | None) -> float | None:
        """Return when the person last wrote (Unix seconds), aged as the simulator has aged it; None if not known."""
        return self._people[psid][1] if psid in self._people else None


def pinned(course: CourseContext, chosen: str | None, channel: str = MESSENGER) -> tuple[Event | None, int]:
    """Return the newest message of the chosen person (or of whoever wrote last) and how many people wrote since."""
    event, newer = newcomers(course, chosen, channel)
    return event, len(newer)


def newcomers(course: CourseContext, chosen: str | None, channel: str = MESSENGER) -> tuple[Event | None, list[str]]:
    """Return the newest message of the chosen person (or of whoever wrote last), and who has written since.

    However many messages have come since, the newest 200 of them are looked at.
    """
    own = course.inbox.newest_message(chosen, channel) if chosen else None
    if own is None:
        newest = reversed(course.inbox.events("inbound", channel=channel, limit=_BESIDE))
        return next((event for event in newest if event.trusted and event.psid), None), []
    event = own
    since = course.inbox.events("inbound", after=event.revision, channel=channel, limit=_BESIDE)
    later = [each for each in since if each.trusted and each.delivery > event.delivery]
    return event, list(dict.fromkeys(each.psid for each in later if each.psid and each.psid != chosen))


def beside(course: CourseContext, event: Event | None, channel: str = MESSENGER) -> str:
    """Name the newest thing that has come since that message and is none of this channel: one line, or nothing."""
    since = event.delivery if event else 0
    for other in reversed(course.inbox.events(after=event.revision if event else 0, limit=_BESIDE)):
        if other.delivery <= since:
            break
        clock = f"{other.received.astimezone():%H:%M:%S}"
        if other.kind == "call" and other.origin == "wire" and not course.is_corrected(other):
            return f"Beside it: {clock}, {one_line(other.message_type, 160)}. Next: {other.next}"
        if other.kind == "inbound" and other.trusted and other.channel != channel:
            where = channel_name(other.channel)
            return f"Beside it: {clock}, a message on {where}: {other.said} from {one_line(other.psid)}."
    return ""


def newer_words(count: int) -> str:
    """“2 newer people”, or nothing."""
    return f"{count} newer {'person' if count == 1 else 'people'}" if count else ""


def ticks(events: list[Event]) -> str:
    """How far an answer has come, a tick and a word for each receipt; of a refused one also why."""
    return "  ".join(f"{sign} {words}" for sign, words, _ in _receipts(events)) or "accepted, no receipt yet"


def latest(events: list[Event]) -> str:
    """How far an answer has come, in one sign and one word."""
    receipts = _receipts(events)
    return " ".join(receipts[-1][:2]) if receipts else "accepted, no receipt yet"


def chips(events: list[Event], waiting: bool = True) -> str:
    """Return the receipts as markup, a sign and a word each; with `waiting` also those that are to come."""
    receipts = _receipts(events)
    reply = next((event for event in events if event.kind == "reply"), None)
    shown = [("✓", f"accepted {reply.received.astimezone():%H:%M:%S}", "")] if reply else []
    shown += [(sign, words, "" if good else "nbh-no") for sign, words, good in receipts]
    if waiting and all(good for _, _, good in receipts):
        come = " ".join(words for _, words, _ in receipts)
        shown += [("…", status, "nbh-wait") for status in _STAGES if status not in come]
    items = "".join(f'<li class="nbh-tick {kind}">{sign} {html.escape(words)}</li>' for sign, words, kind in shown)
    return f'<ul class="nbh-ticks" aria-label="Receipts">{items}</ul>'


def cure_of(events: list[Event]) -> str:
    """Return what a refused answer means and what to do about it, nothing for one that was not refused."""
    for event in events:
        if event.kind == "status" and event.trusted and event.status in _ENDINGS:
            code = event.message.error_code if isinstance(event.message, MessageStatus) else None
            cure = cure_for("status", code)
            return f"{cure.what} Next: {cure.next}" if cure else ""
    return ""


def _receipts(events: list[Event]) -> list[tuple[str, str, bool]]:
    """Return sign, words, and whether it is a good one, of each receipt worth showing."""
    states = {event.status: event for event in events if event.kind == "status" and event.trusted}
    ended = next((state for state in _ENDINGS if state in states), None)
    if ended is None:
        return [
            ("✓", f"{state} {states[state].received.astimezone():%H:%M:%S}", True)
            for state in _STAGES
            if state in states
        ]
    words = f"{ended} {states[ended].received.astimezone():%H:%M:%S}"
    message = states[ended].message
    if isinstance(message, MessageStatus) and message.error_code:
        words += f": {one_line(message.error_code)} {one_line(message.error_text)}"
    return [("✗", words, False)]
