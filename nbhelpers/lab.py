"""`Lab`: the one object a notebook opens. It holds no logic of its own: it hands out the rooms below."""

from __future__ import annotations

import dataclasses
import functools
import html
import os
from typing import Any

from nbhelpers import background
from nbhelpers import settings as configuration
from nbhelpers.api import Accepted, MessagesClient
from nbhelpers.background import Running
from nbhelpers.errors import MessageError, SettingsError
from nbhelpers.identity import Identity, identify
from nbhelpers.inbox import Inbox
from nbhelpers.outbound import OutboundMessage
from nbhelpers.settings import Settings
from nbhelpers.simulator import Control
from nbhelpers.tokens import Minter, Token

__all__ = ["Lab", "User"]


class Lab:
    """Opens the course: settings, inbox and, in simulator mode, the simulator, which it starts.

    `mode` is `simulator`, `sandbox` or `live`, `state` the state directory, `api_version` beta, v0.1 or v1; each
    defaults to its setting (see `settings.load`). Open it as often as you like: what runs is joined, not started twice.
    """

    def __init__(
        self, state: str | os.PathLike[str] | None = None, mode: str | None = None, api_version: str | None = None
    ) -> None:
        configuration.spare_loopback()
        self.settings: Settings = configuration.load(mode, state, api_version)
        self._simulator = background.start("simulator", self.settings) if self.settings.mode == "simulator" else None
        if self._simulator:
            # What a dashboard shows in the other modes: the simulator made these for its own account.
            names = ("api_key", "api_secret", "signature_secret")
            shown = {name: self._simulator.ready[name] for name in names}
            self.settings = dataclasses.replace(self.settings, host=self._simulator.url, **shown)
        self.inbox = Inbox(self.settings.folder / "lab.sqlite3")

    @property
    def simulator(self) -> Control:
        """The simulator's controls. Raises SettingsError in the other modes: there is none."""
        return self._control

    @property
    def user(self) -> User:
        """The person at the phone, played by the simulator."""
        return User(self._control)

    @property
    def receiver(self) -> Running:
        """The webhook receiver, started if it does not run."""
        return background.start("receiver", self.settings)

    @property
    def client(self) -> MessagesClient:
        """A client that speaks for your application, with a fresh token for each request."""
        return self._identity().client(self.inbox)

    def token(self) -> Token:
        """Mint a JWT for your application: a `str` when used, masked when shown."""
        identity = self._identity()
        return Minter(identity.application_id, identity.key)()

    def note(self, **facts: Any) -> None:
        """Keep what a step made, by name: `lab.note(page_id="…")`."""
        self.inbox.note(**facts)

    def reply(self, text: str) -> Accepted:
        """Answer the person who wrote last. Raises MessageError when nobody has written."""
        event = self.inbox.newest_message()
        if event is None or event.psid is None or event.page_id is None:
            raise MessageError("There is nobody to answer.", "Nobody has written to the Page yet.", "They write first.")
        return self._identity(event.page_id).client(self.inbox).send(OutboundMessage(event.page_id, event.psid, text))

    def stop(self) -> None:
        """End the simulator and the receiver of this state directory, and close the inbox."""
        background.stop(self.settings)
        self.inbox.close()

    @functools.cached_property
    def _control(self) -> Control:
        if self._simulator is None:
            raise SettingsError(
                "There is no simulator here.", f"The mode is {self.settings.mode}.", "A person writes from a phone."
            )
        return Control(self._simulator.url, self._simulator.control)

    def _identity(self, page: str | None = None) -> Identity:
        ready = self._simulator.ready if self._simulator else None
        return identify(self.settings, self.inbox.facts(), ready, page)

    def __repr__(self) -> str:
        if self._simulator:
            return "Ready. A simulator plays the service. Nothing leaves this computer."
        return f"Ready. {self.settings.mode.upper()}: messages go to {self.settings.host} and reach real people."

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


class User:
    """The person at the phone: writes to the Page, and reads what came back."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def write(self, text: str, page: str | None = None, person: str | None = None) -> str:
        """Write to a Page (ID or name, by default the newest) as a person (by default Ada); return the PSID."""
        return self._control.write(text=text, page=page, person=person)["psid"]

    def read(self, page: str | None = None, person: str | None = None) -> int:
        """Read what was delivered; return how many messages that were."""
        return self._control.read(page=page, person=person)
