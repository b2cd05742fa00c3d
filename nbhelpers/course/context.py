"""The context of every step: settings, inbox, the simulator if there is one, and what was noted."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbhelpers.config.settings import Settings
from nbhelpers.errors import CredentialsError, SettingsError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.addresses import webhook_urls
from nbhelpers.services import launcher
from nbhelpers.services.launcher import Running
from nbhelpers.simulator.control.client import ControlClient

if TYPE_CHECKING:
    from nbhelpers.api.identity import Identity
    from nbhelpers.auth.private_key import PrivateKey

__all__ = ["CourseContext", "as_simulated"]


def as_simulated(settings: Settings, simulator: Running) -> Settings:
    """Return the settings with the host and account that the simulator made, as a dashboard shows them elsewhere."""
    names = ("api_key", "api_secret", "signature_secret")
    return dataclasses.replace(settings, host=simulator.url, **{name: simulator.ready[name] for name in names})


class CourseContext:
    """The rooms below, opened once for one notebook.

    `settings` say where the service is and whose account it is, in every mode; `simulator` is the running simulator,
    None in the other modes.
    """

    def __init__(self, settings: Settings, inbox: Inbox, simulator: Running | None) -> None:
        self.settings, self.inbox, self.simulator = settings, inbox, simulator

    @functools.cached_property
    def control(self) -> ControlClient:
        """The simulator's controls. Raises SettingsError in the other modes: there is none."""
        if self.simulator is None:
            raise SettingsError(
                "There is no simulator here.",
                f"The mode is {self.settings.mode}.",
                "What it would simulate, you do on the dashboard and a phone.",
            )
        return ControlClient(self.simulator.url, self.simulator.control)

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
    def facts(self) -> dict[str, Any]:
        """What the steps noted, by name."""
        return self.inbox.facts()

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
        return str(self.settings.folder / "private.key") if self.simulated else self.settings.private_key or ""

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
        from nbhelpers.api.identity import identify  # as above

        return identify(self.settings, self.facts, self.simulator.ready if self.simulator else None, page)

    def receiver(self) -> Running:
        """Return the webhook receiver, started if it does not run; URLs that have changed are saved anew.

        In simulator mode a new address is registered anew, since nobody could come back to the form for it.
        """
        known = self.facts.get("receiver")
        running = launcher.start("receiver", self.settings)
        if known and known != running.ready and self.simulated:
            saved = self.control.settings()
            changed = {name: running.ready[name] for name in running.ready if saved[name] == known[name]}
            if changed:
                self.control.change_settings(**changed)
        if known != running.ready:
            self.inbox.note(receiver=running.ready)
        return running

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
        if self.settings.public_url:
            # One of ours that is still open would stay public beside it, and nobody would know.
            launcher.stop(self.settings, (self.settings.mode,), ("tunnel",))
            from nbhelpers.tunnel.target import own_address  # simulator mode never needs it

            facts: dict[str, str] = own_address(self.settings)
        else:
            open_now = launcher.find("tunnel", self.settings)
            # The receiver may have moved to another port.
            if open_now is not None and open_now.ready["target"] != receiver.url:
                launcher.stop(self.settings, (self.settings.mode,), ("tunnel",))
            facts = launcher.start("tunnel", self.settings).ready
        known = self.facts.get("public_url")
        if known != facts["public_url"]:
            self.inbox.note(public_url=facts["public_url"], public_moved=before | {"from": known} if known else None)
        return facts

    def public_urls(self) -> dict[str, str] | None:
        """Return the two webhook URLs as the service must know them, None while no public address is known.

        Opens nothing: of a tunnel that is shut they are the last ones (see `is_public`). Raises ServiceError when
        PUBLIC_URL is no address.
        """
        if self.simulated:
            return None
        if self.settings.public_url:
            from nbhelpers.tunnel.configured import public_base

            return webhook_urls(public_base(self.settings.public_url, self.settings.host))
        open_now = launcher.find("tunnel", self.settings)
        known = open_now.ready["public_url"] if open_now else self.facts.get("public_url")
        return webhook_urls(known) if known else None

    @property
    def is_public(self) -> bool:
        """Whether a tunnel is open now, or one of somebody's own is named."""
        return bool(self.settings.public_url) or launcher.find("tunnel", self.settings) is not None

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
