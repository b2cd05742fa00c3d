"""Finds the identity we act with: the application, its private key and the Page of this mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbhelpers.api.messages import MessagesClient
from nbhelpers.auth.private_key import PrivateKey, load_key
from nbhelpers.auth.tokens import TTL, Minter, Token
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.inbox.inbox import Inbox

__all__ = ["Identity", "identify"]

# Seconds: the hosted sandbox takes one message a second (source: its page on the developer site; not tried).
_SANDBOX_INTERVAL = 1.0


@dataclass(frozen=True)
class Identity:
    """The application we act for, its key, the Page we answer as, and where the Messages API is.

    In the hosted sandbox there may be no application: then `account`, the API key and secret, speaks for us.
    `interval` is the time in seconds that must lie between two messages.
    """

    application_id: str | None
    key: PrivateKey | None = field(repr=False)
    page_id: str | None
    host: str
    api_version: str
    account: tuple[str, str] | None = field(default=None, repr=False)
    interval: float = 0.0

    def client(self, inbox: Inbox | None = None, version: str | None = None) -> MessagesClient:
        """Return a client that speaks for this application, with a fresh token for each request."""
        auth = self.account if self.account and self.key is None else self.token
        return MessagesClient(self.host, auth, version or self.api_version, inbox, interval=self.interval)

    def token(self, ttl: int = TTL) -> Token:
        """Mint a JWT for the application, good for `ttl` seconds. Raises SettingsError when there is no application."""
        if self.application_id is None or self.key is None:
            raise SettingsError(
                "There is no application, so there is no token.",
                "Here API key and secret speak for you.",
                "For a token, make an application and set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY.",
            )
        return Minter(self.application_id, self.key, ttl)()


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
    is_demo = "application_id" in simulator and (page == simulator["page_id"] or not facts.get("application_id"))
    if is_demo:
        application_id, source = simulator["application_id"], simulator["private_key"]
        page_id, version = page or simulator["page_id"], simulator["api_version"]
    elif facts.get("application_id"):
        application_id, source = facts["application_id"], settings.made_key_file
        page_id, version = page or facts.get("page_id"), settings.api_version
    else:
        raise SettingsError(
            "There is no application yet.",
            f"None is noted in {settings.folder}.",
            "Do step 2, or run `nbhelpers simulator --demo`, which makes one.",
        )
    return Identity(application_id, load_key(source), page_id, simulator["base_url"], version)


def _configured(settings: Settings, page: str | None) -> Identity:
    interval = _SANDBOX_INTERVAL if settings.mode == "sandbox" else 0.0
    if settings.mode == "sandbox" and not settings.application_id and settings.api_key and settings.api_secret:
        account = (settings.api_key, settings.api_secret)
        return Identity(
            None, None, page or settings.sender_id, settings.host or "", settings.api_version, account, interval
        )
    names = {"VONAGE_APPLICATION_ID": settings.application_id, "VONAGE_PRIVATE_KEY": settings.private_key}
    if settings.mode == "sandbox" and not settings.application_id:  # then these two would do
        names = {"VONAGE_API_KEY": settings.api_key, "VONAGE_API_SECRET": settings.api_secret} | names
    missing = [name for name, value in names.items() if not value]
    if missing or settings.application_id is None or settings.host is None:
        needed = "API key and secret, or your application" if settings.mode == "sandbox" else "your application"
        raise SettingsError(
            f"{settings.mode} mode needs {needed}.",
            f"Not set: {', '.join(missing)}.",
            "Run `lab.configure()`, which asks for them, or write them into .env (see .env.example).",
        )
    key = load_key(settings.private_key)
    page_id = page or settings.sender_id
    return Identity(settings.application_id, key, page_id, settings.host, settings.api_version, interval=interval)
