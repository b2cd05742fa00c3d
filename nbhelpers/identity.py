"""In whose name we act: the application, its private key and the Page of this mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbhelpers import credentials
from nbhelpers.api import MessagesClient
from nbhelpers.credentials import PrivateKey
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.inbox import Inbox
from nbhelpers.settings import Settings
from nbhelpers.tokens import Minter

__all__ = ["Identity", "identify"]


@dataclass(frozen=True)
class Identity:
    """The application we act for, its key, the Page we answer as, and where the Messages API is."""

    application_id: str
    key: PrivateKey = field(repr=False)
    page_id: str | None
    host: str
    api_version: str

    def client(self, inbox: Inbox | None = None, version: str | None = None) -> MessagesClient:
        """Return a client that speaks for this application, with a fresh token for each request."""
        return MessagesClient(self.host, Minter(self.application_id, self.key), version or self.api_version, inbox)


def identify(
    settings: Settings, facts: Mapping[str, Any], simulator: Mapping[str, Any] | None, page: str | None = None
) -> Identity:
    """Find out in whose name to act.

    In simulator mode: the application that the course made and noted in `facts`, with `private.key` beside it; else
    the one that `simulator --demo` made, told by the simulator's ready line (`simulator`). A `page` of the demo's means
    the demo. In sandbox and live mode: what the settings say. Raises SettingsError or ServiceError that says what is
    missing, and CredentialsError for a key that cannot be used.
    """
    if settings.mode != "simulator":
        return _configured(settings, page)
    if simulator is None:
        raise ServiceError(
            "The simulator does not run.", f"Nothing is recorded in {settings.folder}.", "Run `nbhelpers simulator`."
        )
    own = settings.folder / "private.key"
    is_demo = "application_id" in simulator and (page == simulator["page_id"] or not facts.get("application_id"))
    if is_demo:
        application_id, source = simulator["application_id"], simulator["private_key"]
        page_id, version = page or simulator["page_id"], simulator["api_version"]
    elif facts.get("application_id"):
        application_id, source = facts["application_id"], own
        page_id, version = page or facts.get("page_id"), settings.api_version
    else:
        raise SettingsError(
            "There is no application yet.",
            f"None is noted in {settings.folder}.",
            "Do step 2, or run `nbhelpers simulator --demo`, which makes one.",
        )
    return Identity(application_id, credentials.load(source), page_id, simulator["base_url"], version)


def _configured(settings: Settings, page: str | None) -> Identity:
    missing = [
        name
        for name, value in (
            ("VONAGE_APPLICATION_ID", settings.application_id),
            ("VONAGE_PRIVATE_KEY", settings.private_key),
        )
        if not value
    ]
    if missing or settings.application_id is None or settings.host is None:
        raise SettingsError(
            f"{settings.mode} mode needs your application.",
            f"Not set: {', '.join(missing)}.",
            "Set them in the environment or in .env (see .env.example).",
        )
    key = credentials.load(settings.private_key)
    return Identity(settings.application_id, key, page or settings.sender_id, settings.host, settings.api_version)
