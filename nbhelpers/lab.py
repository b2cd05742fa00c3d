"""`Lab`, the one object that a notebook opens: it hands out what the packages below it do."""

from __future__ import annotations

import copy
import dataclasses
import html
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nbhelpers.config.settings import Settings, load, spare_loopback
from nbhelpers.course.context import CourseContext, as_simulated
from nbhelpers.course.presenting import follow
from nbhelpers.course.short_errors import show_short_errors
from nbhelpers.diagnosis.state_folder import news
from nbhelpers.errors import KitError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from nbhelpers.storage.damage import set_aside_if_damaged

if TYPE_CHECKING:
    from nbhelpers.api.messages import MessagesClient
    from nbhelpers.auth.tokens import Token
    from nbhelpers.course.actions import ActionResult, Simulator, User, Webhooks
    from nbhelpers.course.configure import Configured
    from nbhelpers.course.dashboard import LiveWebhooks
    from nbhelpers.course.exercises import Exercise
    from nbhelpers.course.message_handler import MessageHandler
    from nbhelpers.course.outcome import Outcome
    from nbhelpers.course.presenting import Presented
    from nbhelpers.course.public_address import Tunnel
    from nbhelpers.course.questions import Question
    from nbhelpers.course.steps import Needed, Progress
    from nbhelpers.diagnosis.credentials_check import CredentialsCheck
    from nbhelpers.diagnosis.hop_map import HopMap
    from nbhelpers.diagnosis.preflight import Preflight
    from nbhelpers.errors.explain import Explained
    from nbhelpers.inbox.events import Delivery, Event
    from nbhelpers.webhooks.edits import Edit
    from nbhelpers.webhooks.replay import Replayed
    from nbhelpers.widgets.panels import Panels

# What a notebook may never ask for is imported where it is asked for: opening the lab is what everybody waits for.

__all__ = ["Lab", "Receiver"]


# Facts that the kit notes for itself.
_OWN = (
    *("filled", "reached", "exercises", "jwt", "saved", "receiver", "on_message"),
    *("public_url", "public_moved", "page_origin", "webhooks_before", "told", "addresses_right_since"),
)


class Lab:
    """The course, opened: settings, inbox and, in simulator mode, the simulator, which it starts.

    `mode` is `simulator`, `sandbox` or `live`, `state` the state directory, `api_version` beta, v0.1 or v1; each
    defaults to its setting (see `settings.load`). Open it as often as you like: what runs is joined, not started twice.
    In a program, `with Lab() as lab:` closes at its end what it opened.
    """

    def __init__(
        self, state: str | os.PathLike[str] | None = None, mode: str | None = None, api_version: str | None = None
    ) -> None:
        spare_loopback()
        show_short_errors()
        self._open(load(mode, state, api_version))

    def _open(self, settings: Settings) -> None:
        simulator = launcher.start("simulator", settings) if settings.mode == "simulator" else None
        settings = as_simulated(settings, simulator) if simulator else settings
        path = settings.folder / "lab.sqlite3"
        # A receiver that has it open would go on storing into what was set aside.
        set_aside_if_damaged(path, lambda: launcher.stop(settings, (settings.mode,), ("receiver",)))
        self._course = CourseContext(settings, Inbox(path), simulator)
        follow(self._course)
        self._news = news(settings, self._course.inbox)

    @property
    def settings(self) -> Settings:
        """What was configured for this mode, secrets masked when shown. IDs that the steps made are in `facts`."""
        return self._course.settings

    @property
    def inbox(self) -> Inbox:
        """What has come and what was sent: events, deliveries, receipts."""
        return self._course.inbox

    # The way through the course

    def need(self, key: str | int | None = None) -> Needed:
        """Bring every step up to this one about, and show where you are; see `steps.need`."""
        from nbhelpers.course.steps import need

        return need(self._course, key)

    def check(self, key: str | int, *given: Any) -> Outcome:
        """Say how a step stands: done, not yet, wrong, or why that cannot be told."""
        from nbhelpers.course.steps import check

        return check(self._course, key, *given)

    def progress(self) -> Progress:
        """Show for each of the seven steps whether it is done, filled in or open."""
        from nbhelpers.course.steps import progress

        return progress(self._course)

    def catch_up(self, key: str | int) -> Needed:
        """Fill in every step up to this one with sample values."""
        from nbhelpers.course.steps import catch_up

        return catch_up(self._course, key)

    def exercise(self, number: str) -> Exercise:
        """Open an exercise of a notebook: `lab.exercise("3.1")` has a check, hints and a solution."""
        from nbhelpers.course.exercises import exercise

        return exercise(self._course, number)

    def question(self, key: str) -> Question:
        """Ask the question at the end of a notebook as text: `lab.question("jwt").answer("b")`."""
        from nbhelpers.course.questions import question

        return question(key)

    def preflight(self) -> Preflight:
        """Check whether this computer is ready for the course."""
        from nbhelpers.diagnosis.preflight import preflight

        return preflight(self._course)

    def check_credentials(self) -> CredentialsCheck:
        """Check whether ID, key, token, clock and account fit together; no message is sent."""
        from nbhelpers.diagnosis.credentials_check import examine_credentials

        return examine_credentials(self._course)

    def explain(self, error: Any) -> Explained:
        """Say what an error means and what to do: `lab.explain("1340")`, `lab.explain(answer)`, a pasted line."""
        from nbhelpers.errors.explain import explain

        return explain(error)

    def configure(self, mode: str | None = None, again: bool = False) -> Configured:
        """Ask for what a mode needs and write it into `.env`; then run `Lab()` again."""
        from nbhelpers.course.configure import configure

        return configure(self.settings, mode, again)

    def doctor(self) -> HopMap:
        """Find out why nothing arrives: walk the way of a message, up to the first hop that is broken."""
        from nbhelpers.diagnosis.doctor import examine

        return examine(self._course)

    def reset(self, forget: bool = False) -> ActionResult:
        """Set the state of this mode aside (or delete it), and open an empty one."""
        from nbhelpers.course.actions import ActionResult
        from nbhelpers.services.reset import set_aside

        self.inbox.close()
        place = set_aside(self.settings, forget)
        self._open(load(self.settings.mode, self.settings.state, self.settings.api_version))
        return ActionResult(
            f"You start again. What was here is in {place}." if place else "You start again, with nothing kept."
        )

    def stop(self) -> ActionResult:
        """End the services of this state directory; `Lab()` starts them again."""
        from nbhelpers.course.actions import ActionResult

        self.inbox.close()
        launcher.stop(self.settings)
        return ActionResult("Stopped. Nothing that came is lost: `lab = Lab()` opens it again.")

    def close(self) -> None:
        """Close the inbox and, in a program, end the services that this lab started and nobody else has joined.

        In a notebook they go on: the Jupyter server owns them.
        """
        self._course.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def export(self, path: str | os.PathLike[str]) -> ActionResult:
        """Write what came and went into a file, by its ending .json, .csv, .har or .postman_collection.json.

        No credentials are in it, but what people wrote, and their PSIDs.
        """
        from nbhelpers.course.actions import ActionResult
        from nbhelpers.inbox.export import write_export

        place = Path(path).absolute()
        form = write_export(self.inbox, place, self._course.host)
        return ActionResult(f"What came and went is in {place}, as {form}. People's messages are in it.")

    def note(self, **facts: Any) -> None:
        """Keep what a step made, by name: `lab.note(page_id="…")`."""
        self.inbox.note(**facts)
        for name, key in (("application_id", "application"), ("page_id", "link")):
            if name in facts:
                self._course.did(key)

    @property
    def facts(self) -> dict[str, Any]:
        """What the steps noted, by name; in the other modes the settings say which application and Page are yours."""
        noted = {name: copy.deepcopy(value) for name, value in self._course.facts.items() if name not in _OWN}
        known = {"application_id": self._course.application_id, "page_id": self._course.page_id}
        return noted | {name: value for name, value in known.items() if value}

    @property
    def key_file(self) -> Path:
        """The file of your private key. Raises CredentialsError when it was configured as text and not as a file."""
        return self._course.key_path()

    # The parts

    @property
    def simulator(self) -> Simulator:
        """The simulator's controls: Pages, the link page, lessons, time. Raises SettingsError in the other modes."""
        from nbhelpers.course.actions import Simulator

        return Simulator(self._course)

    @property
    def user(self) -> User:
        """The person at the phone, who writes to the Page and reads what came back."""
        from nbhelpers.course.actions import User

        return User(self._course)

    @property
    def receiver(self) -> Receiver:
        """The webhook receiver with its two URLs, started if it does not run."""
        return Receiver(**self._course.receiver().ready)

    @property
    def webhooks(self) -> Webhooks | LiveWebhooks:
        """The form for the two webhook URLs; in live mode the application's own, shown and set with key and secret."""
        from nbhelpers.course.actions import Webhooks

        if self._course.simulated:
            return Webhooks(self._course)
        from nbhelpers.course.dashboard import LiveWebhooks

        return LiveWebhooks(self._course)

    @property
    def tunnel(self) -> Tunnel:
        """The public URL of the receiver, opened when it is shown. Simulator mode needs none."""
        from nbhelpers.course.public_address import Tunnel

        return Tunnel(self._course)

    @property
    def panels(self) -> Panels:
        """The panels of the course, one method each. Raises KitError where the extra `course` is not installed."""
        try:
            from nbhelpers.widgets.panels import Panels
        except ModuleNotFoundError as error:
            seen = f"{error.name} is not installed in {sys.prefix}."
            raise KitError("There are no panels here.", seen, "Run start.py, or install `nbhelpers[course]`.") from None
        return Panels(self._course)

    def present(self, on: bool = True) -> Presented:
        """Show everything for a projector from now on: large type, PSIDs and URLs masked; with False, end that."""
        from nbhelpers.course.presenting import present

        return present(self._course, on)

    @property
    def client(self) -> MessagesClient:
        """A client that speaks for your application, with a fresh token for each request."""
        return self._course.identity().client(self.inbox, self.settings.api_version)

    def token(self) -> Token:
        """Mint a JWT for your application: a `str` when used, masked when shown."""
        return self._course.identity().token()

    def reply(self, text: str, channel: str = "messenger") -> ActionResult:
        """Answer the person who wrote last on Messenger, or on another channel. Raises MessageError when nobody has."""
        from nbhelpers.course.actions import ActionResult

        event = self.inbox.newest_message(channel=channel)
        psid, page_id = (event.psid, event.page_id) if event else (None, None)
        accepted = self._course.answer(text, psid, page_id, channel)
        words = f"Accepted for {psid}. The receipts of {accepted.message_uuid} tell the rest."
        return ActionResult(words, psid, accepted.message_uuid)

    def on_message(self, fn: Callable[[Event], str | None]) -> MessageHandler:
        """Call your function with each new message on Messenger, and send what it returns; see `MessageHandler`."""
        from nbhelpers.course.message_handler import MessageHandler

        return MessageHandler(self._course, fn)

    def replay(self, event: Event | Delivery | int | None = None, edits: Edit | None = None, **fields: Any) -> Replayed:
        """Send what came to the receiver again, by default the newest message: `lab.replay(text="…")` edits it.

        `edits` are dotted paths with values, or a function of the body; see `webhooks.replay`.
        """
        from nbhelpers.webhooks.replay import replay

        settings, receiver = self.settings, self._course.receiver()
        signing = {"secret": settings.signature_secret, "api_key": settings.api_key}
        return replay(self.inbox, event, receiver.url, [edits, fields], **signing)

    def __repr__(self) -> str:
        if self.inbox.closed:
            return "This lab is closed. Run `lab = Lab()` again."
        if self._course.simulated:
            from nbhelpers.course.public_address import left_open

            words = "Ready. A simulator plays the service. Nothing leaves this computer."
            return " ".join([words, *left_open(self.settings), *self._news])
        words = f"Ready. {self.settings.mode.upper()}: messages go to {self.settings.host} and reach real people."
        return " ".join([words, *self._news])

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


@dataclasses.dataclass(frozen=True)
class Receiver:
    """The webhook receiver that runs, with the URLs of inbound messages and of message statuses."""

    inbound_url: str
    status_url: str

    def __repr__(self) -> str:
        return f"The receiver runs.\nInbound Message:  {self.inbound_url}\nDelivery Receipt: {self.status_url}"
