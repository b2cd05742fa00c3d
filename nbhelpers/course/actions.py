"""The actions that happen on screens and phones, for a notebook: Page, link page, settings form, person."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.messages.inbound import TODAY, shape_of_version
from nbhelpers.messages.on_screen import Choice, OnScreen
from nbhelpers.services import launcher
from nbhelpers.simulator.control.client import Controls

__all__ = ["ActionResult", "LinkPage", "Page", "PhoneScreen", "Saved", "Simulator", "User", "Webhooks"]

# What a phone can send beside a text.
_THINGS = {
    "image": "a picture",
    "audio": "a sound",
    "video": "a film",
    "file": "a file",
    "sticker": "a sticker",
    "like": "a thumb",
}
_LABELS = ("Inbound Message", "Delivery Receipt")  # the form's two fields, in the order of their test calls
_AT_ONCE = 0.05  # seconds in which it is there as a rule
_MOMENT = 1.0  # seconds that a webhook may take on loopback before a cell goes on without it


@dataclass(frozen=True)
class ActionResult:
    """One line that a cell shows; `psid` is set when a person wrote, `message_uuid` where it is about a message.

    `passed_on` is False when the service never got the message. `after_revision` is the inbox's revision before a phone
    was asked to write, in the modes where nobody can tell which message that is.
    """

    words: str
    psid: str | None = None
    message_uuid: str | None = None
    passed_on: bool = True
    after_revision: int | None = None

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.words)}</p>"


@dataclass(frozen=True)
class PhoneScreen:
    """What a phone shows of a conversation: a line a message, what can be tapped in brackets."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f'<pre style="white-space:pre-wrap">{html.escape(repr(self))}</pre>'


class Page:
    """A Facebook Page, seen by whoever runs it. It shows no PSID before a person wrote, and no Page ID at all."""

    def __init__(self, course: CourseContext, name: str) -> None:
        self._course, self.name = course, name

    def people(self) -> list[str]:
        """Return the PSIDs of the people who wrote to this Page; a Page cannot look anybody else up."""
        return [person["psid"] for person in self._now()["people"]]

    def publish(self) -> Page:
        """Publish it: people can write to it."""
        self._course.control.publish(self.name, True)
        return self

    def _now(self) -> dict[str, Any]:
        found = next((page for page in self._course.control.pages() if page["name"] == self.name), None)
        if found is None:
            raise KitError("This Page is gone.", f"There is no “{self.name}”.", "Run *Make the Page* again.")
        return found

    def __repr__(self) -> str:
        now = self._now()
        people = len(now["people"])
        state = "published" if now["published"] else "not published"
        return f"{self.name}: {state}, {people} {'person' if people == 1 else 'people'}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


class LinkPage:
    """The page that links a Page to the service: `url` opens it with GET, and takes its form with POST.

    `shown` is where a browser opens it: on the Jupyter server, if there is one, since the browser of somebody on a hub
    is on another computer. There it asks for Jupyter's login, and code needs `url`.
    """

    def __init__(self, url: str, shown: str | None = None) -> None:
        self.url, self.shown = url, shown or url

    def __repr__(self) -> str:
        where = ", at the address of this Jupyter" if self.shown != self.url else ""
        return f"Open the link page: {self.shown}{where}"

    def _repr_html_(self) -> str:
        url = html.escape(self.shown)
        return f'<p><a href="{url}" target="_blank" rel="noopener">Open the link page</a> ({url})</p>'


class Simulator(Controls):
    """The simulator, from a notebook: Pages, the link page, people, lessons, time, switches.

    Raises SettingsError in the other modes: there is none.
    """

    def __init__(self, course: CourseContext) -> None:
        super().__init__(course.running.url, course.running.control)
        self._course = course

    def create_page(self, name: str) -> Page:
        """Make a Page that people can write to; the same name twice is the same Page."""
        made = self._course.control.create_page(name)
        self._course.inbox.note(page_name=made["name"])
        self._course.did("page")
        return Page(self._course, made["name"])

    @property
    def link_page(self) -> LinkPage:
        """The page where a JWT is pasted and a Page chosen."""
        settings, shown = self._course.settings, None
        if settings.jupyter_url and settings.jupyter_state == settings.state:
            shown = f"{urlsplit(settings.jupyter_url).path}nbhelpers/link"  # on whatever host the browser sees it
        return LinkPage(f"{self.base_url}/_simulator/link", shown)

    def __repr__(self) -> str:
        return f"The simulator, at {self.base_url}"


class User:
    """The person at the phone: writes to the Page, and reads what came back. On a real phone that is you."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    def write(
        self, text: str | None = None, page: str | None = None, person: str | None = None, kind: str = "text"
    ) -> ActionResult:
        """Write to a Page (by default yours) as a person (by default Ada). In the other modes it says what to do.

        `kind` is text, image, audio, video, file, sticker or like: without a text, something of that kind is sent.
        """
        what = f"“{text}”" if kind == "text" else _THINGS.get(kind, f"a message of type {kind}")
        if not self._course.simulated:
            asked = f"write to your Page: {what}" if kind == "text" else f"send your Page {what}."
            return ActionResult(
                f"On your phone, open Messenger and {asked}", after_revision=self._course.inbox.revision()
            )
        page = page or self._course.facts.get("page_name")
        said = self._course.control.write(kind, text=text, page=page, person=person)
        words = f"{person or 'Ada'} {'wrote' if kind == 'text' else 'sent'} {what} to {said['page_name']}."
        if not said["passed_on"]:
            words += " It was not passed on: this Page is linked to no application."
        else:
            self._give_it_a_moment(said["message_uuid"])
        return ActionResult(words, said["psid"], said["message_uuid"], said["passed_on"])

    def tap(self, choice: str, page: str | None = None, person: str | None = None) -> ActionResult:
        """Tap a quick reply or a button of an answer, by its title or payload: `phone()` shows what there is."""
        return self._do("tap", f"tapped “{choice}”", f"tap “{choice}”", page, person, choice)

    def send_location(
        self, latitude: float, longitude: float, page: str | None = None, person: str | None = None
    ) -> ActionResult:
        """Send a place; latitude and longitude in degrees."""
        place = f"{latitude:g}, {longitude:g}"
        return self._do(
            "send_location", f"sent a place: {place}", "send your location", page, person, latitude, longitude
        )

    def react(
        self, emoji: str = "👍", page: str | None = None, person: str | None = None, message_uuid: str | None = None
    ) -> ActionResult:
        """React to a message of the Page, by default to the newest."""
        return self._do(
            "react",
            f"reacted with {emoji}",
            f"react to your Page's message with {emoji}",
            page,
            person,
            emoji,
            message_uuid,
        )

    def phone(self, page: str | None = None, person: str | None = None) -> PhoneScreen:
        """Show the conversation as the person's phone shows it, with the quick replies and buttons to tap."""
        if not self._course.simulated:
            return PhoneScreen(("Your phone shows it: open the conversation with your Page.",))
        page = page or self._course.facts.get("page_name")
        lines = []
        for each in self._course.control.phone(page=page, person=person):
            shown = OnScreen(each["text"], tuple(Choice(**choice) for choice in each["choices"]))
            who = page if each["from_page"] else person or "Ada"
            lines.append(f"{who}: {shown}")
        return PhoneScreen(tuple(lines))

    def _do(self, act: str, done: str, asked: str, page: str | None, person: str | None, *details: Any) -> ActionResult:
        if not self._course.simulated:
            return ActionResult(f"On your phone, {asked}.", after_revision=self._course.inbox.revision())
        page = page or self._course.facts.get("page_name")
        said = getattr(self._course.control, act)(*details, page=page, person=person)
        if said["passed_on"]:
            self._give_it_a_moment(said["message_uuid"])
        return ActionResult(f"{person or 'Ada'} {done}.", said["psid"], said["message_uuid"], said["passed_on"])

    def __repr__(self) -> str:
        return "The person at the phone: write(…), read(), phone(), tap(…), send_location(…), react(…)"

    def _give_it_a_moment(self, message_uuid: str) -> None:
        # The webhook is still on its way when the simulator answers. Without a moment for it, a cell that picks up “the
        # newest message” right after this one finds the one before. Without a receiver there is nothing to wait for:
        # whether there is one takes a request, so it is asked only when the webhook is not there at once.
        began, asked = time.monotonic(), False
        while (passed := time.monotonic() - began) < _MOMENT:
            if self._course.inbox.events("inbound", uuid=message_uuid):
                return
            if passed > _AT_ONCE and not asked:
                asked = True
                if launcher.find("receiver", self._course.settings) is None:
                    return
            time.sleep(0.002)

    def read(self, page: str | None = None, person: str | None = None) -> ActionResult:
        """Look at the phone: what was delivered is read. In the other modes it says what to do.

        `message_uuid` is the newest that was read, None when there was nothing to read.
        """
        if not self._course.simulated:
            return ActionResult("On your phone, open the conversation with your Page: that is reading.")
        count = self._course.control.read(page=page, person=person)
        words = f"{person or 'Ada'} has read {count} message{'' if count == 1 else 's'}."
        return ActionResult(words, message_uuid=count.message_uuid)


@dataclass(frozen=True)
class Saved:
    """What the settings form says when it was saved: `calls` has the answer of each test call."""

    method: str
    calls: list[dict[str, Any]] = field(repr=False)

    def __repr__(self) -> str:
        words = [call["words"] for call in self.calls]
        if len(set(words)) == 1:
            return f"Saved. Test call: {self.method}, {words[0]}."
        told = (f"{label}: {each}." for label, each in zip(_LABELS, words, strict=True))
        return f"Saved. Test calls by {self.method}. {' '.join(told)}"

    def _repr_html_(self) -> str:
        return f'<p role="status">{html.escape(repr(self))}</p>'


class Webhooks:
    """The form for the two webhook URLs, as the dashboard's settings have it."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    def save(
        self, inbound: str | None = None, status: str | None = None, method: str | None = None, *, yes: bool = False
    ) -> Saved:
        """Save both addresses (by default the receiver's) and the method, and show what the test call was answered.

        Unless you say otherwise the method is GET, as on the guide's form; in a lab that speaks v1 it is POST, the only
        one there is today. Raises SettingsError for `yes`, which is for the application's form in live mode.
        """
        if yes:
            next_action = '`lab.webhooks.save(method="POST")` saves it.'
            raise SettingsError("`yes=True` is not needed here.", "The simulator's form asks nothing.", next_action)
        method = method or ("POST" if shape_of_version(self._course.settings.api_version) == TODAY else "GET")
        receiver = self._course.receiver().ready
        self._course.save_webhooks(inbound or receiver["inbound_url"], status or receiver["status_url"], method)
        self._course.did("webhooks")
        calls = self._course.control.try_webhooks()
        # The inbox is written to, so that an open panel looks at the form again even when no call reached the receiver.
        inbox = self._course.inbox
        inbox.note(saved=method)
        if all(call["status"] == 200 for call in calls):  # what came to a mistyped URL before is mended
            inbox.note(addresses_right_since=max((each.id or 0 for each in inbox.deliveries(limit=1)), default=0))
        return Saved(method, calls)

    def put_back(self, yes: bool = False, force: bool = False) -> NoReturn:  # noqa: ARG002 - as in live mode
        """Raise a SettingsError: there is nothing to put back. That is for the form of live mode."""
        raise SettingsError(
            "This is not needed here.",
            "The simulator's form has no old addresses to put back.",
            '`lab.webhooks.save(method="POST")` sets both to your receiver.',
        )

    def __repr__(self) -> str:
        saved = self._course.control.settings()
        return (
            f"Webhook URL for Inbound Message: {saved['inbound_url'] or '(empty)'}\n"
            f"Webhook URL for Delivery Receipt: {saved['status_url'] or '(empty)'}\n"
            f"HTTP method: {saved['http_method']}"
        )
