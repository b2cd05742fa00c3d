"""The context of every step: settings, inbox, the simulator if there is one, and what was noted."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbhelpers.config.presented import presented
from nbhelpers.config.settings import Settings
from nbhelpers.errors import CredentialsError, MessageError, SettingsError
from nbhelpers.inbox.events import Event
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.addresses import webhook_urls
from nbhelpers.messages.inbound import MESSENGER, shape_of_version
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from nbhelpers.simulator.control.client import ControlClient
from nbhelpers.tunnel.webhook_secret import read_secret

if TYPE_CHECKING:
    from nbhelpers.api.identity import Identity
    from nbhelpers.api.messages import Accepted
    from nbhelpers.auth.private_key import PrivateKey

__all__ = ["CourseContext", "as_simulated"]


def as_simulated(settings: Settings, simulator: Record) -> Settings:
    """Return the settings with the host and account that the simulator made, as a dashboard shows them elsewhere."""
    names = ("api_key", "api_secret", "signature_secret")
    return dataclasses.replace(settings, host=simulator.url, **{name: simulator.ready[name] for name in names})


class CourseContext:
    """The rooms below, opened once for one notebook.

    `settings` say where the service is and whose account it is, in every mode; `simulator` is the running simulator,
    None in the other modes.
    """

    def __init__(self, settings: Settings, inbox: Inbox, simulator: Record | None) -> None:
        self.settings, self.inbox, self.simulator = settings, inbox, simulator
        self._acting: tuple[Mapping[str, Any], Identity] | None = None
        self._started = [simulator] if simulator is not None and simulator.started else []

    def close(self) -> None:
        """Close what was opened: the inbox, the kept connection, and the services that were started from here.

        A service that ran before, or has another owner by now, goes on. In a notebook all of them do: the Jupyter
        server owns them, and other notebooks use them.
        """
        self.inbox.close()
        if "control" in vars(self):
            self.control.close()
        if not os.environ.get("JPY_PARENT_PID"):
            for running in self._started:
                launcher.release(self.settings, running)

    def _start(self, name: str) -> Record:
        running = launcher.start(name, self.settings)
        self._started += [running] if running.started else []
        return running

    @property
    def running(self) -> Record:
        """The simulator. Raises SettingsError in the other modes: there is none."""
        if self.simulator is None:
            raise SettingsError(
                "There is no simulator here.",
                f"The mode is {self.settings.mode}.",
                "What it would simulate, you do on the dashboard and a phone.",
            )
        return self.simulator

    @functools.cached_property
    def control(self) -> ControlClient:
        """The simulator's controls. Raises SettingsError in the other modes."""
        return ControlClient(self.running.url, self.running.control)

    @property
    def simulated(self) -> bool:
        """Whether the far side is the simulator."""
        return self.simulator is not None

    @property
    def host(self) -> str:
        """The base URL of the Messages API. Raises SettingsError when this mode has none."""
        if self.settings.host is None:
            raise SettingsError(
                "The service has no address.", f"The mode is {self.settings.mode}.", "Open `Lab()` anew."
            )
        return self.settings.host

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the steps noted, by name, to be read and not to be changed."""
        return self.inbox.facts()

    def is_corrected(self, event: Event) -> bool:
        """Whether an event tells of a mistyped webhook URL that was saved rightly, and answered, since."""
        since: int = self.facts.get("addresses_right_since", 0)
        return event.status == "near-miss" and event.delivery <= since

    @property
    def presented(self) -> int:
        """How often `lab.present()` was turned on or off."""
        return presented(self.settings.state)

    @property
    def presenting(self) -> bool:
        """Whether `lab.present()` is on: everything is then for a projector."""
        return self.presented % 2 == 1

    @property
    def application_id(self) -> str | None:
        """The application that was noted, or configured."""
        noted = self.facts.get("application_id") if self.simulated else self.settings.application_id
        return None if noted is None else str(noted)  # a learner may note a number

    @property
    def demo(self) -> dict[str, Any] | None:
        """What `simulator --demo` made, if we act for that: nothing is noted, or its Page was written to last."""
        made = self.simulator.ready if self.simulator else {}
        if "application_id" not in made:
            return None
        if self.application_id is None:
            return made
        newest = self.inbox.newest_message()
        if newest is None or newest.page_id != made["page_id"]:
            return None
        linked = {page["id"]: page["application_id"] for page in self.control.pages()}
        return made if linked.get(made["page_id"]) == made["application_id"] else None

    @property
    def page_id(self) -> str | None:
        """The Page ID that was noted, or configured."""
        noted = self.facts.get("page_id") or self.settings.sender_id
        return None if noted is None else str(noted)

    @property
    def _key_source(self) -> str:
        # A path, or in the other modes what was configured: that may be the key itself, so it is never shown.
        return str(self.settings.made_key_file) if self.simulated else self.settings.private_key or ""

    def key_path(self) -> Path:
        """Where the private key is. Raises CredentialsError when the key was configured as text and not as a file."""
        from nbhelpers.auth.private_key import key_path  # opening the lab needs no cryptography

        path = key_path(self._key_source)
        if path is None:
            seen = "It is set as text." if self._key_source else "None is set."
            raise CredentialsError(
                "The private key is in no file.", seen, "Set VONAGE_PRIVATE_KEY to the path of the file."
            )
        return path

    def key(self) -> PrivateKey:
        """Load the private key. Raises CredentialsError that says what was found, and never the key."""
        from nbhelpers.auth.private_key import load_key  # as above

        return load_key(self._key_source)

    def identity(self, page: str | None = None) -> Identity:
        """In whose name to act. Raises what `identify` raises."""
        facts = self.facts
        known, acting = self._acting or (None, None)
        # Each token asks: who it is stays so until something is noted, or the key's file is another.
        if page is None and acting and known is facts and (acting.key is None or acting.key.is_current):
            return acting
        from nbhelpers.api.identity import identify  # as above

        found = identify(self.settings, facts, self.simulator.ready if self.simulator else None, page)
        if page is None:
            self._acting = facts, found
        return found

    def answer(self, text: str, psid: str | None, page_id: str | None, channel: str = MESSENGER) -> Accepted:
        """Send a text from a Page to a person. Raises MessageError when there is none, else what `send` raises."""
        from nbhelpers.messages.outbound import OutboundMessage

        if psid is None or page_id is None:
            raise MessageError(
                "There is nobody to answer.", "Nobody has written to the Page yet.", "They write first: see step 6."
            )
        with contextlib.closing(self.identity(page_id).client(self.inbox, self.settings.api_version)) as client:
            return client.send(OutboundMessage(page_id, psid, text, channel=channel))

    def receiver(self) -> Record:
        """Return the webhook receiver, started if it does not run; URLs that have changed are saved anew.

        In simulator mode a new address is registered anew, since nobody could come back to the form for it.
        """
        known = self.facts.get("receiver")
        running = self._start("receiver")
        if known and known != running.ready and self.simulated:
            saved = self.control.settings()
            changed = {name: running.ready[name] for name in running.ready if saved[name] == known[name]}
            if changed:
                self.control.change_settings(**changed)
        if known != running.ready:
            self.inbox.note(receiver=running.ready)
        return running

    def save_webhooks(self, inbound: str, status: str, method: str) -> None:
        """Fill in the simulator's form: both URLs, the method, and the shape in which this notebook's version speaks.

        What is sent and what arrives are two switches at the service; here they are set alike.
        """
        shape = shape_of_version(self.settings.api_version)
        self.control.change_settings(inbound_url=inbound, status_url=status, http_method=method, shape=shape)

    def tunnel(self) -> dict[str, str] | None:
        """Return the public URL of the receiver, opened if it is not; None in simulator mode.

        The facts of a tunnel's ready line. Raises ServiceError, in words, when there is none to be had.
        """
        if self.simulated:
            return None
        receiver = self.receiver()
        # Row numbers and not moments: no clock can confuse what came to the address before with what comes to the next.
        newest = self.inbox.deliveries(limit=1)
        before = {"delivery": newest[0].id if newest else 0, "revision": self.inbox.revision()}
        if self.settings.tunnel in ("url", "jupyter"):
            # One of ours that is still open would stay public beside it, and nobody would know.
            launcher.stop(self.settings, (self.settings.mode,), ("tunnel",))
            facts: dict[str, str] = self._given_address()
        else:
            open_now = launcher.find("tunnel", self.settings)
            # The receiver may have moved, or be another at the same port: then this tunnel is about to end.
            if open_now is not None and (
                open_now.ready["target"] != receiver.url or open_now.created < receiver.created
            ):
                launcher.stop(self.settings, (self.settings.mode,), ("tunnel",))
            facts = self._start("tunnel").ready
        known = self.facts.get("public_url")
        if known != facts["public_url"]:
            self.inbox.note(public_url=facts["public_url"], public_moved=before | {"from": known} if known else None)
        return facts

    def _given_address(self) -> dict[str, str]:
        if self.settings.tunnel == "url":
            from nbhelpers.tunnel.target import own_address  # simulator mode never needs it

            return own_address(self.settings)
        from nbhelpers.tunnel.jupyter_address import jupyter_address

        return jupyter_address(self.settings, self.facts.get("page_origin"))

    def public_urls(self) -> dict[str, str] | None:
        """Return the two webhook URLs as the service must know them, None while no public address is known.

        Opens nothing: of a tunnel that is shut they are the last ones (see `is_public`). Raises ServiceError when
        PUBLIC_URL is no address.
        """
        if self.simulated:
            return None
        if self.settings.tunnel == "url":
            from nbhelpers.tunnel.configured import public_base

            return webhook_urls(public_base(self.settings.public_url or "", self.settings.host))
        if self.settings.tunnel == "jupyter":
            from nbhelpers.tunnel.jupyter_address import jupyter_base

            base = jupyter_base(self.settings, self.facts) or self.facts.get("public_url")
            return webhook_urls(base) if base else None
        open_now = launcher.find("tunnel", self.settings)
        known = open_now.ready["public_url"] if open_now else self.facts.get("public_url")
        return webhook_urls(known) if known else None

    @property
    def is_public(self) -> bool:
        """Whether a tunnel is open now, or one of somebody's own is named."""
        if self.settings.tunnel == "jupyter":
            return read_secret(self.settings.folder) is not None
        return self.settings.tunnel == "url" or launcher.find("tunnel", self.settings) is not None

    # Which steps were filled in, and with what: the rest was done by the learner.

    def filled(self) -> dict[str, str]:
        """Return the steps that were filled in with sample values."""
        return dict(self.facts.get("filled", {}))

    def fill(self, key: str, value: str) -> None:
        """Write down that a step was filled in."""
        self.inbox.note(filled=self.filled() | {key: value})

    def did(self, key: str) -> None:
        """Write down that the learner has done a step, whatever filled it in before."""
        filled = self.filled()
        if key in filled:
            self.inbox.note(filled={name: value for name, value in filled.items() if name != key})
