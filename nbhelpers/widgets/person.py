"""What panels about a person share: the pinned person, how many wrote since, how far an answer has come."""

from __future__ import annotations

from nbhelpers.course.context import CourseContext
from nbhelpers.inbox.events import Event, channel_name, one_line
from nbhelpers.messages.inbound import MESSENGER, MessageStatus

__all__ = ["NOBODY", "beside", "newer_words", "pinned", "ticks"]

NOBODY = "Nobody has written yet. A PSID appears here with the first message."
_STAGES = ("submitted", "delivered", "read")
_ENDINGS: tuple[str, ...] = ("rejected", "undeliverable")


def pinned(course: CourseContext, chosen: str | None, channel: str = MESSENGER) -> tuple[Event | None, int]:
    """Return the newest message of the chosen person (or of whoever wrote last) and how many people wrote since."""
    messages = [event for event in course.inbox.events("inbound", channel=channel) if event.trusted and event.psid]
    if not messages:
        return None, 0
    person = chosen or messages[-1].psid
    own = [event for event in messages if event.psid == person]
    if not own:
        return messages[-1], 0
    newer = {event.psid for event in messages[messages.index(own[-1]) + 1 :]}
    return own[-1], len(newer - {person})


def beside(course: CourseContext, event: Event | None, channel: str = MESSENGER) -> str:
    """Name the newest thing that has come since that message and is none of this channel: one line, or nothing."""
    since = event.delivery if event else 0
    for other in reversed(course.inbox.events()):
        if other.delivery <= since:
            break
        clock = f"{other.received.astimezone():%H:%M:%S}"
        if other.kind == "call" and other.origin == "wire":
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
    states = {event.status: event for event in events if event.kind == "status" and event.trusted}
    ended = next((state for state in _ENDINGS if state in states), None)
    last = ended or next((state for state in reversed(_STAGES) if state in states), None)
    if last is None:
        return "accepted, no receipt yet"
    shown = [last] if ended else [state for state in _STAGES if state in states]
    words = "  ".join(f"✓ {state} {states[state].received.astimezone():%H:%M:%S}" for state in shown)
    if ended:
        words = words.replace("✓", "✗")
    message = states[last].message
    if ended and isinstance(message, MessageStatus) and message.error_code:
        words += f": {one_line(message.error_code)} {one_line(message.error_text)}"
    return words
