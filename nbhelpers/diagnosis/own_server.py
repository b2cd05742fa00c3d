"""The doctor's hops to a server of your own: whether it is there, what the simulator called, and what was answered."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.course.context import CourseContext
from nbhelpers.course.destinations import Destination, Destinations, destinations
from nbhelpers.errors import cure_for
from nbhelpers.inbox.events import one_line
from nbhelpers.messages.inbound import InboundMessage, MessageStatus, read
from nbhelpers.simulator.control.call_lines import answer_of, was_taken

__all__ = ["Found", "hops", "nobody_wrote", "receipts"]

Found = tuple[str, ...]  #: state, what was seen, and the next action where there is one

_CONNECT = 3.0  # seconds
_ENDED = ("rejected", "undeliverable")
_AGAIN = "What waits is tried again by itself; `lab.simulator.pace(60)` lets a minute of that pass in a second."


def hops(course: CourseContext, found: Destinations) -> list[tuple[str, Callable[[], Found]]]:
    """Return each hop of that way: its name, and what looks at it. No test call is made: a server may act on one."""
    return [
        ("both webhook URLs", functools.partial(_urls, found)),
        ("your server", functools.partial(_listens, found)),
        ("a call from Vonage", functools.partial(_called, course)),
        ("its signature", functools.partial(_signature, course)),
        ("your answer", functools.partial(_answer, course)),
        ("its receipts", functools.partial(_receipts_of_newest, course)),
    ]


def nobody_wrote(course: CourseContext) -> Found:
    """Say why no message has come where all else is well: no Page is linked, it is not published, nobody wrote."""
    pages = course.control.pages()
    linked = [page for page in pages if page["application_id"]]
    if not linked:
        seen = "No Page is linked to an application." if pages else "There is no Page."
        return "broken", seen, "Link one: step 4 does, and `nbhelpers simulator --demo` has one that is."
    page = linked[-1]
    if not page["published"]:
        return "broken", f"“{one_line(page['name'])}” is not published.", "Publish it, then let somebody write."
    return "not yet", "Nobody has written to the Page.", 'Run `lab.user.write("Hello")`.'


def receipts(course: CourseContext, message_uuid: str) -> Found:
    """Say which receipts of a message your server took, by the simulator's own log."""
    called = [call for call in course.control.calls(1000, message_uuid=message_uuid) if call["kind"] != "inbound"]
    if not called:
        return "not yet", "No receipt was sent so far.", "Look again in a moment."
    newest = called[-1]
    if not was_taken(newest):
        return "broken", f"{_when(newest)} {newest['kind']}: {answer_of(newest)}.", _read_log(newest)
    ended = next((call for call in called if call["kind"] in _ENDED and was_taken(call)), None)
    if ended is None:
        return "well", ", ".join(dict.fromkeys(call["kind"] for call in called if was_taken(call)))
    message = read(course.control.call(ended["id"])["body"].encode())
    code, text = (message.error_code, message.error_text) if isinstance(message, MessageStatus) else (None, None)
    cure = cure_for("status", code)
    seen = f"Refused: {one_line(code)} {one_line(text)}. {cure.what if cure else ''}".strip()
    return "broken", seen, cure.next if cure else "Mend that, then send again."


def _urls(found: Destinations) -> Found:
    def to(each: Destination) -> str:
        by = f" by {each.method}" if each.method != "POST" else ""
        return f"go to {each.shown}{by} ({each.source})" if each.url else "have no URL, and wait"

    return "well", f"messages {to(found.inbound)}, receipts {to(found.status)}"


def _listens(found: Destinations) -> Found:
    origins = {urlsplit(each.url)[:2]: each.url for each in found.both if each.leads == "server"}
    for (scheme, place), url in origins.items():
        parts = urlsplit(url)
        try:
            socket.create_connection(
                (parts.hostname, parts.port or (443 if scheme == "https" else 80)), _CONNECT
            ).close()
        except ConnectionRefusedError:
            return "broken", f"Nobody listens at {scheme}://{place}.", f"Start your server. {_AGAIN}"
        except OSError as error:
            seen = f"{scheme}://{place} cannot be reached: {error.strerror or type(error).__name__}."
            return "broken", seen, "Correct the address, or start what stands there."
    return "well", f"somebody listens at {' and '.join(f'{scheme}://{place}' for scheme, place in origins)}"


def _called(course: CourseContext) -> Found:
    called = _newest_inbound(course)
    if called is None:
        return nobody_wrote(course)
    if called["status"] == 0 and called["outcome"] == "again" and "nobody listens" in called["words"]:
        return "not yet", f"Your server was not there yet {_when(called)}.", _AGAIN
    if not was_taken(called):
        return (
            "broken",
            f"{_when(called).capitalize()} {called['method']} {_path(called)}: {answer_of(called)}.",
            _read_log(called),
        )
    message = read(course.control.call(called["id"])["body"].encode())
    said = f"“{one_line(message.text, 60)}”" if isinstance(message, InboundMessage) and message.text else "a message"
    return "well", f"{said} {_when(called)}: {answer_of(called)}"


def _signature(course: CourseContext) -> Found:
    called = _newest_inbound(course)
    headers = dict(course.control.call(called["id"])["headers"]) if called else {}
    if "Authorization" not in headers:
        return "not verified", "The newest webhook had no signature."
    return "not verified", "It is signed; whether your server looked, only your server knows."


def _answer(course: CourseContext) -> Found:
    newest = _newest_sent(course)
    if newest is None:
        return "not yet", "No answer was sent.", f"Let your server POST one to {course.host}/v1/messages."
    accepted = f"{datetime.fromtimestamp(newest['at'], UTC).astimezone():%H:%M:%S}"
    return "well", f"accepted at {accepted}"


def _receipts_of_newest(course: CourseContext) -> Found:
    newest = _newest_sent(course)
    assert newest is not None  # noqa: S101 - the hop before would have stopped
    status = destinations(course, newest["application_id"], newest["webhook_url"]).status
    if status.leads == "nowhere":
        return "not yet", "No URL is set for receipts, so they wait.", "Start the simulator with --status URL too."
    if status.leads != "receiver":
        return receipts(course, newest["uuid"])
    came = course.inbox.receipts(newest["uuid"])
    return ("well", ", ".join(came.states)) if came else ("not yet", "No receipt so far.", "Look again in a moment.")


def _newest_inbound(course: CourseContext) -> dict[str, Any] | None:
    return next((call for call in reversed(course.control.calls(1000)) if call["kind"] == "inbound"), None)


def _newest_sent(course: CourseContext) -> dict[str, Any] | None:
    return next(iter(course.control.accepted(1)), None)


def _read_log(call: dict[str, Any]) -> str:
    return f"Read what your server logged; `lab.simulator.call({call['id']})` shows what was sent and answered."


def _path(call: dict[str, Any]) -> str:
    return one_line(urlsplit(call["url"]).path or "/", 60)


def _when(call: dict[str, Any]) -> str:
    return f"at {datetime.fromtimestamp(call['at'], UTC).astimezone():%H:%M:%S}"
