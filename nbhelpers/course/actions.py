"""The actions that happen on screens and phones, for a notebook: Page, link page, settings form, person."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from typing import Any

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError, MessageError
from nbhelpers.inbox.events import Event
from nbhelpers.messages.inbound import shape_of_version
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.services import launcher

__all__ = ["ActionResult", "LinkPage", "Page", "Saved", "Simulator", "User", "Webhooks", "answer_to"]

# What a phone can send beside a text.
_THINGS = {
    "image": "a picture",
    "audio": "a sound",
    "video": "a film",
    "file": "a file",
    "sticker": "a sticker",
    "like": "a thumb",
}
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


def answer_to(course: CourseContext, event: Event, text: str) -> ActionResult:
    """Send a text to the person who wrote a message, from the Page that they wrote to, on the channel it came by.

    Raises MessageError when the event names no person or no Page, and what `MessagesClient.send` raises.
    """
    if event.psid is None or event.page_id is None:
        raise MessageError("This message cannot be answered.", f"It is: {event.line}", "It names no person or no Page.")
    client = course.identity(event.page_id).client(course.inbox, course.settings.api_version)
    try:
        accepted = client.send(OutboundMessage(event.page_id, event.psid, text, channel=event.channel))
    finally:
        client.close()
    words = f"Accepted for {event.psid}. The receipts of {accepted.message_uuid} tell the rest."
    return ActionResult(words, event.psid, accepted.message_uuid)


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
    """The page that links a Page to the service: `url` opens it with GET, and takes its form with POST."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __repr__(self) -> str:
        return f"Open the link page: {self.url}"

    def _repr_html_(self) -> str:
        url = html.escape(self.url)
        return f'<p><a href="{url}" target="_blank" rel="noopener">Open the link page</a> ({url})</p>'


class Simulator:
    """The simulator, from a notebook: makes Pages, has the link page, and everything that `Control` has."""

    def __init__(self, course: CourseContext) -> None:
        self._course, self._control = course, course.control

    def create_page(self, name: str) -> Page:
        """Make a Page that people can write to; the same name twice is the same Page."""
        made = self._control.create_page(name)
        self._course.inbox.note(page_name=made["name"])
        self._course.did("page")
        return Page(self._course, made["name"])

    @property
    def link_page(self) -> LinkPage:
        """The page where a JWT is pasted and a Page chosen."""
        return LinkPage(f"{self._control.base_url}/_simulator/link")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)

    def __repr__(self) -> str:
        return f"The simulator, at {self._control.base_url}"


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
        name = next(found["name"] for found in self._course.control.pages() if found["id"] == said["page_id"])
        words = f"{person or 'Ada'} {'wrote' if kind == 'text' else 'sent'} {what} to {name}."
        if not said["passed_on"]:
            words += " It was not passed on: this Page is linked to no application."
        else:
            self._give_it_a_moment(said["message_uuid"])
        return ActionResult(words, said["psid"], said["message_uuid"], said["passed_on"])

    def __repr__(self) -> str:
        return "The person at the phone: write(…), read()"

    def _give_it_a_moment(self, message_uuid: str) -> None:
        # The webhook is still on its way when the simulator answers. Without a moment for it, a cell that picks up “the
        # newest message” right after this one finds the one before. Without a receiver there is nothing to wait for.
        if launcher.find("receiver", self._course.settings) is None:
            return
        until = time.monotonic() + _MOMENT
        while time.monotonic() < until and not self._course.inbox.events("inbound", uuid=message_uuid):
            time.sleep(0.02)

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
        answers = {call["words"] for call in self.calls}
        return f"Saved. Test call: {self.method}, {', '.join(sorted(answers))}."

    def _repr_html_(self) -> str:
        return f'<p role="status">{html.escape(repr(self))}</p>'


class Webhooks:
    """The form for the two webhook URLs, as the dashboard's settings have it."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    def save(self, inbound: str | None = None, status: str | None = None, method: str = "GET") -> Saved:
        """Save both addresses (by default the receiver's) and the method, and show what the test call was answered.

        The method is GET unless you say otherwise, as on the guide's form.
        """
        control, receiver = self._course.control, self._course.receiver().ready
        control.change_settings(
            inbound_url=inbound or receiver["inbound_url"],
            status_url=status or receiver["status_url"],
            http_method=method,
            # Another switch of the account, which this form leaves as the notebook's shape has it.
            shape=shape_of_version(self._course.settings.api_version),
        )
        self._course.did("webhooks")
        calls = control.try_webhooks()
        # The inbox is written to, so that an open panel looks at the form again even when no call reached the receiver.
        self._course.inbox.note(saved=method)
        return Saved(method, calls)

    def __repr__(self) -> str:
        saved = self._course.control.settings()
        return (
            f"Webhook URL for Inbound Message: {saved['inbound_url'] or '(empty)'}\n"
            f"Webhook URL for Delivery Receipt: {saved['status_url'] or '(empty)'}\n"
            f"HTTP method: {saved['http_method']}"
        )
