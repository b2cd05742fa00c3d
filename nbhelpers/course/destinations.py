"""Decides which webhook URLs count now, what says so, and whether they lead to the receiver or to another server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from nbhelpers.api.applications import FIELDS, Application, webhook
from nbhelpers.course.context import CourseContext
from nbhelpers.inbox.events import one_line
from nbhelpers.services import launcher
from nbhelpers.simulator.control.call_lines import was_taken

__all__ = ["LEADS", "Destination", "Destinations", "destinations", "held_by"]

#: To whom a URL may lead: your receiver; its other path; a server of your own; to nobody that is known here; nowhere,
#: since none is set; and unknown, since there is no receiver's address to compare it with.
LEADS = ("receiver", "swapped", "server", "elsewhere", "nowhere", "unknown")
_SHOWN = 150  # characters of a URL
_SAYS = {
    "message": "the message names it",
    "application": "the application has it",
    "command line": "the simulator was started with it",
    "account": "the account's form has it",
    "receiver": "no URL is set, and the simulator has found the receiver",
}


@dataclass(frozen=True)
class Destination:
    """Where the webhooks of one kind go: `which` is one of FIELDS, `source` what says so, `leads` one of LEADS.

    `url` is empty for nowhere; `wanted` is your receiver's URL of this kind, None when none is known.
    """

    which: str
    url: str
    method: str
    source: str
    leads: str
    wanted: str | None

    @property
    def shown(self) -> str:
        """The URL, fit for one line."""
        return one_line(self.url, _SHOWN) if self.url else "(empty)"

    @property
    def right(self) -> bool | None:
        """Whether it leads to your receiver, by POST; None when there is none to compare it with."""
        if self.wanted is None:
            return None
        # Documented: the messages webhooks are POST only, so where no method is named there is no wrong one.
        return self.leads == "receiver" and self.method in ("POST", "")

    def __str__(self) -> str:
        if not self.url:
            return f"{FIELDS[self.which]}: (empty)."
        to = {"receiver": "your receiver", "swapped": "your receiver's other path", "server": "a server of your own"}
        leads = f", leads to {to[self.leads]}" if self.leads in to else ""
        return f"{FIELDS[self.which]}: {self.shown} ({self.method or 'no method'}){leads}; {_SAYS[self.source]}."


@dataclass(frozen=True)
class Destinations:
    """Where `both` kinds go, inbound messages first. `holder` keeps the two URLs: `application` or `account`.

    With `finds_receiver` what has nowhere to go waits for a receiver, and goes there as soon as one runs.
    """

    both: tuple[Destination, Destination]
    holder: str
    application_id: str | None
    finds_receiver: bool = False

    @property
    def inbound(self) -> Destination:
        """Where inbound messages go."""
        return self.both[0]

    @property
    def status(self) -> Destination:
        """Where message statuses go."""
        return self.both[1]

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a program."""
        found = {each.which: vars(each) | {"right": each.right} for each in self.both}
        return {"application_id": self.application_id, "holder": self.holder, **found}

    def __str__(self) -> str:
        return "\n".join(map(str, self.both))


def destinations(
    course: CourseContext, application_id: str | None = None, message_url: str | None = None
) -> Destinations:
    """Ask the simulator where webhooks go now, of the application for which we act unless another is given.

    `message_url` is the `webhook_url` that a message itself names for its statuses. Raises ServiceError when the
    simulator cannot be asked; in the other modes the account holds the URLs (see `held_by`).
    """
    application_id = application_id or (course.demo["application_id"] if course.demo else course.application_id)
    found = course.control.routes(application_id, message_url)
    wanted = _wanted(course)

    def of(which: str, kind: str) -> Destination:
        route = found[kind] or {"url": "", "method": "", "source": found["held_by"]}
        leads = _leads(which, route["url"], wanted)
        if leads in ("elsewhere", "unknown") and _is_a_server(course, route, wanted):
            leads = "server"
        return Destination(which, **route, leads=leads, wanted=wanted.get(which))

    both = of("inbound_url", "inbound"), of("status_url", "status")
    return Destinations(both, found["held_by"], found["application_id"], found["finds_receiver"])


def held_by(course: CourseContext, application: Application) -> Destinations:
    """Compare the two URLs that an application holds, as the account shows it, with your receiver's public ones."""
    wanted = course.public_urls() or {}

    def of(which: str) -> Destination:
        url, method = webhook(application.messages, which)
        return Destination(which, url, method, "application", _leads(which, url, wanted), wanted.get(which))

    return Destinations((of("inbound_url"), of("status_url")), "application", application.id)


def _wanted(course: CourseContext) -> dict[str, str]:
    running = launcher.find("receiver", course.settings)
    known: dict[str, str] = running.ready if running else course.facts.get("receiver") or {}
    return {which: known[which] for which in FIELDS if which in known}


def _leads(which: str, url: str, wanted: dict[str, str]) -> str:
    if not url:
        return "nowhere"
    if not wanted:
        return "unknown"
    other = next(each for each in FIELDS if each != which)
    if _plain(url) == _plain(wanted[which]):
        return "receiver"
    return "swapped" if _plain(url) == _plain(wanted[other]) else "elsewhere"


def _plain(url: str) -> str:
    # Both names of this computer are the same address.
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("localhost", "127.0.0.1", 1)))


def _is_a_server(course: CourseContext, route: dict[str, Any], wanted: dict[str, str]) -> bool:
    # Somebody's own server, and no slip in a form: it was named when the simulator was started, there is no receiver
    # with which it could have been confused, or what was called there was taken.
    if route["source"] == "command line" or not wanted:
        return True
    return any(
        call["kind"] != "test" and call["url"].partition("?")[0] == route["url"].partition("?")[0] and was_taken(call)
        for call in course.control.calls(limit=1000)
    )
