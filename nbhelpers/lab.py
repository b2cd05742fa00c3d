"""`Lab`: the one object a notebook opens. It holds no logic of its own: it hands out the rooms below."""

from __future__ import annotations

import dataclasses
import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbhelpers.api.messages import MessagesClient
from nbhelpers.auth.tokens import Token
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.course import configure, steps
from nbhelpers.course.actions import ActionResult, Simulator, User, Webhooks
from nbhelpers.course.context import CourseContext, as_simulated
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.course.outcome import Outcome
from nbhelpers.course.public_address import Tunnel, left_open
from nbhelpers.course.short_errors import show_short_errors
from nbhelpers.diagnosis import doctor as examining
from nbhelpers.diagnosis import preflight as checking
from nbhelpers.diagnosis.credentials_check import CredentialsCheck, examine_credentials
from nbhelpers.diagnosis.hop_map import HopMap
from nbhelpers.errors import MessageError
from nbhelpers.errors import explain as explaining
from nbhelpers.inbox.events import Delivery, Event
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.outbound import OutboundMessage
from nbhelpers.services import launcher
from nbhelpers.services import reset as resetting
from nbhelpers.webhooks import replay as replaying
from nbhelpers.webhooks.edits import Edit

if TYPE_CHECKING:
    from nbhelpers.widgets.panels import Panels

__all__ = ["Lab", "Receiver"]


# Facts that the kit notes for itself.
_OWN = ("filled", "receiver", "jwt", "saved", "public_url", "public_moved", "webhooks_before")


class Lab:
    """Opens the course: settings, inbox and, in simulator mode, the simulator, which it starts.

    `mode` is `simulator`, `sandbox` or `live`, `state` the state directory, `api_version` beta, v0.1 or v1; each
    defaults to its setting (see `settings.load`). Open it as often as you like: what runs is joined, not started twice.
    """

    def __init__(
        self, state: str | os.PathLike[str] | None = None, mode: str | None = None, api_version: str | None = None
    ) -> None:
        configuration.spare_loopback()
        show_short_errors()
        self._open(configuration.load(mode, state, api_version))

    def _open(self, settings: Settings) -> None:
        simulator = launcher.start("simulator", settings) if settings.mode == "simulator" else None
        settings = as_simulated(settings, simulator) if simulator else settings
        self.settings = settings
        self.inbox = Inbox(settings.folder / "lab.sqlite3")
        self._course = CourseContext(settings, self.inbox, simulator)

    # The way through the course

    def need(self, key: str | int | None = None) -> steps.Needed:
        """Bring every step up to this one about, and show where you are; see `steps.need`."""
        return steps.need(self._course, key)

    def check(self, key: str | int, *given: Any) -> Outcome:
        """Say how a step stands: done, not yet, wrong, or why that cannot be told."""
        return steps.check(self._course, key, *given)

    def progress(self) -> steps.Progress:
        """Where am I? Each of the seven steps is done, filled in or open."""
        return steps.progress(self._course)

    def catch_up(self, key: str | int) -> steps.Needed:
        """Take me there: every step up to this one is filled in."""
        return steps.catch_up(self._course, key)

    def preflight(self) -> checking.Preflight:
        """Is all well with this computer?"""
        return checking.preflight(self._course)

    def check_credentials(self) -> CredentialsCheck:
        """Do ID, key, token, clock and account fit together? No message is sent."""
        return examine_credentials(self._course)

    def explain(self, code: str | int) -> explaining.Explained:
        """What does this code mean, what do you do, and how do you meet it? `lab.explain("1340")`."""
        return explaining.explain(code)

    def configure(self, mode: str | None = None, again: bool = False) -> configure.Configured:
        """Ask for what a mode needs and write it into `.env`; then run `Lab()` again. See `configuring.configure`."""
        return configure.configure(self.settings, mode, again)

    def doctor(self) -> HopMap:
        """Why does nothing arrive? The way of a message, hop by hop, up to the first that is broken."""
        return examining.examine(self._course)

    def reset(self, forget: bool = False) -> ActionResult:
        """Start again: set the state of this mode aside (or delete it), and open an empty one."""
        self.inbox.close()
        place = resetting.set_aside(self.settings, forget)
        self._open(configuration.load(self.settings.mode, self.settings.state, self.settings.api_version))
        return ActionResult(
            f"You start again. What was here is in {place}." if place else "You start again, with nothing kept."
        )

    def stop(self) -> ActionResult:
        """Close the door and end the simulator of this state directory; `Lab()` opens them again."""
        self.inbox.close()
        launcher.stop(self.settings)
        return ActionResult("Stopped. Nothing that came is lost: `lab = Lab()` opens it again.")

    def note(self, **facts: Any) -> None:
        """Keep what a step made, by name: `lab.note(page_id="…")`."""
        self.inbox.note(**facts)
        for name, key in (("application_id", "application"), ("page_id", "link")):
            if name in facts:
                self._course.did(key)

    @property
    def facts(self) -> dict[str, Any]:
        """What the steps noted, by name; in the other modes the settings say which application and Page are yours."""
        noted = {name: value for name, value in self._course.facts.items() if name not in _OWN}
        known = {"application_id": self._course.application_id, "page_id": self._course.page_id}
        return noted | {name: value for name, value in known.items() if value}

    @property
    def key_file(self) -> Path:
        """Where your private key is. Raises CredentialsError when it was configured as text and not as a file."""
        return self._course.key_path()

    # The parts

    @property
    def simulator(self) -> Simulator:
        """The simulator's controls. Raises SettingsError in the other modes: there is none."""
        return Simulator(self._course)

    @property
    def user(self) -> User:
        """The person at the phone."""
        return User(self._course)

    @property
    def receiver(self) -> Receiver:
        """The webhook receiver, your door: started if it does not run."""
        return Receiver(**self._course.receiver().ready)

    @property
    def webhooks(self) -> Webhooks | LiveWebhooks:
        """The form for the two webhook URLs; in live mode the application's own, shown and set with key and secret."""
        return Webhooks(self._course) if self._course.simulated else LiveWebhooks(self._course)

    @property
    def tunnel(self) -> Tunnel:
        """The public address of your door."""
        return Tunnel(self._course)

    @property
    def panels(self) -> Panels:
        """The panels of the course: one line each."""
        from nbhelpers.widgets.panels import Panels

        return Panels(self._course)

    @property
    def client(self) -> MessagesClient:
        """A client that speaks for your application, with a fresh token for each request."""
        return self._course.identity().client(self.inbox, self.settings.api_version)

    def token(self) -> Token:
        """Mint a JWT for your application: a `str` when used, masked when shown."""
        return self._course.identity().token()

    def reply(self, text: str) -> ActionResult:
        """Answer the person who wrote last. Raises MessageError when nobody has written."""
        event = self.inbox.newest_message()
        if event is None or event.psid is None or event.page_id is None:
            raise MessageError(
                "There is nobody to answer.", "Nobody has written to the Page yet.", "They write first: see step 6."
            )
        client = self._course.identity(event.page_id).client(self.inbox, self.settings.api_version)
        accepted = client.send(OutboundMessage(event.page_id, event.psid, text))
        return ActionResult(
            f"Accepted for {event.psid}. The receipts of {accepted.message_uuid} tell the rest.", event.psid
        )

    def replay(
        self, event: Event | Delivery | int | None = None, edits: Edit | None = None, **fields: Any
    ) -> replaying.Replayed:
        """Send what came to your door again, by default the newest message: `lab.replay(text="…")` edits it.

        `edits` are dotted paths with values, or a function of the body; see `replay.replay`.
        """
        settings, receiver = self.settings, self._course.receiver()
        signing = {"secret": settings.signature_secret, "api_key": settings.api_key}
        return replaying.replay(self.inbox, event, receiver.url, [edits, fields], **signing)

    def __repr__(self) -> str:
        if self.inbox.closed:
            return "This lab is closed. Run `lab = Lab()` again."
        if self._course.simulated:
            words = ["Ready. A simulator plays the service. Nothing leaves this computer."]
            return " ".join(words + left_open(self.settings))
        return f"Ready. {self.settings.mode.upper()}: messages go to {self.settings.host} and reach real people."

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


@dataclasses.dataclass(frozen=True)
class Receiver:
    """The open door: its two addresses."""

    inbound_url: str
    status_url: str

    def __repr__(self) -> str:
        return f"The door is open.\nInbound Message:  {self.inbound_url}\nDelivery Receipt: {self.status_url}"
