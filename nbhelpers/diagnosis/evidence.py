"""What the doctor's hops look at: what has come and was sent since the last public address, and test calls."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator

import requests

from nbhelpers.auth.signatures import sign
from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.jupyter_server import open_base
from nbhelpers.errors import ServiceError, cure_for
from nbhelpers.errors.connection import no_answer
from nbhelpers.inbox.events import Delivery, Event, event_of, one_line
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from nbhelpers.tunnel.configured import public_base
from nbhelpers.tunnel.hub_answers import hub_answer
from nbhelpers.tunnel.jupyter_address import jupyter_base
from nbhelpers.tunnel.reach import HEADERS, ngrok_code, passes_a_hub, to_reach

__all__ = ["Evidence"]

_TIMEOUT = (3.05, 10.0)
_TEST = json.dumps({"nbhelpers": "a test call of the doctor"}, separators=(",", ":")).encode()


class Evidence:
    """What the hops share: the course, and what was looked up once for all of them."""

    def __init__(self, course: CourseContext) -> None:
        self.course = course
        self.receiver: Record | None = launcher.find("receiver", course.settings)
        # What came to another address says nothing about this one.
        moved = None if course.simulated else course.facts.get("public_moved")
        delivery: int = moved["delivery"] if moved else 0
        self._after: int = moved["revision"] if moved else 0
        calls = (call for call in _newest_first(course.inbox) if (call.id or 0) > delivery)
        self.newest_webhook = next((call for call in calls if call.origin == "wire" and _is_messengers(call)), None)
        self.newest = [
            event
            for kind in ("inbound", "status")
            if (event := course.inbox.newest_call(kind, self._after)) is not None
        ]
        told = [each for each in course.inbox.beside() if each.revision > self._after and not course.is_corrected(each)]
        self.packed = [each for each in told if each.channel == MESSENGER and each.kind != "call"]
        self.others = [each for each in told if each not in self.packed and each.origin == "wire"]
        self.urls_are_right = False  # whether what the far side holds was read, and is ours

    @functools.cached_property
    def answered(self) -> list[Event]:
        """The newest answer with its receipts, oldest first; empty when there is none."""
        return self.course.inbox.last_answer(MESSENGER, self._after)

    @property
    def base(self) -> str:
        """The public address without its paths. Raises ServiceError when there is none."""
        settings = self.course.settings
        if settings.tunnel == "url":
            return public_base(settings.public_url or "", settings.host)
        if settings.tunnel == "jupyter":
            return open_base(jupyter_base(settings, self.course.facts))
        open_now = launcher.find("tunnel", self.course.settings)
        if open_now is not None:
            return str(open_now.ready["public_url"])
        words = launcher.last_words("tunnel", self.course.settings)
        said = words.removeprefix(launcher.SAID) if words.startswith(launcher.SAID) else ""
        raise ServiceError("No tunnel is open.", said, "Run `lab.tunnel`, or `nbhelpers tunnel`.")

    def post(self, url: str) -> tuple[int | None, str, str]:
        """Make a test call, signed where a secret is set; return the status, what was seen, and the next action."""
        settings = self.course.settings
        headers = {"Content-Type": "application/json", "x-nbhelpers-origin": "doctor", **HEADERS}
        if settings.signature_secret:
            headers["Authorization"] = sign(_TEST, settings.signature_secret, settings.api_key or "")
        try:
            answer = requests.post(url, data=_TEST, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            silent = no_answer(error, url)
            return None, f"{silent.what} {silent.seen}", to_reach(silent)
        code = ngrok_code(answer.headers.get("ngrok-error-code", "") + answer.text[:20_000])
        if code:
            cure = cure_for("ngrok", code, "other")
            words = f"ngrok answered {answer.status_code} (ERR_NGROK_{code}) to a POST. {cure.what if cure else ''}"
            return answer.status_code, words.strip(), cure.next if cure else ""
        own = _own_words(answer)
        if passes_a_hub(url) and answer.status_code != 200 and not own:
            return answer.status_code, *hub_answer(url, answer.status_code, answer.headers)
        return answer.status_code, f"A POST to {url} was answered {answer.status_code}.{own}", ""


def _newest_first(inbox: Inbox) -> Iterator[Delivery]:
    """Yield the newest thousand deliveries; no more of them are read than are looked at."""
    before: int | None = None
    for _ in range(50):
        calls = inbox.deliveries(20, before)
        yield from reversed(calls)
        if not calls:
            return
        before = calls[0].id


def _is_messengers(call: Delivery) -> bool:
    told = event_of(call)
    return told is not None and told["kind"] != "call" and told["channel"] == MESSENGER


def _own_words(answer: requests.Response) -> str:
    try:
        words = answer.json()
        return f" It says: “{one_line(str(words['seen']), 200)}”"
    except (ValueError, TypeError, KeyError):
        return ""
