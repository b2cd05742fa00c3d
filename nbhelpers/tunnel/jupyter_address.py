"""The public address that a Jupyter server has by itself, as on a hub: where it is, and whether it leads here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.messages.addresses import JUPYTER_PATH, webhook_urls
from nbhelpers.services.record import read_record
from nbhelpers.tunnel.configured import public_base
from nbhelpers.tunnel.reach import Reached, reach, wait_until_reached
from nbhelpers.tunnel.target import receiver_of
from nbhelpers.tunnel.webhook_secret import made_at, make_secret, read_secret

__all__ = ["jupyter_address", "jupyter_base", "reach_own_server"]

_BACK = 10.0  # seconds until the nonce must have come back


def jupyter_address(settings: Settings, page_origin: str | None = None) -> dict[str, str]:
    """Return the facts of the way through the Jupyter server, as a ready line has them, once a nonce came back.

    `page_origin` is where a page of this server was seen, such as `https://hub.example.org`. Raises ServiceError, in
    words, when no public address is known, the server lacks the kit's extension, or the address does not lead here.
    """
    receiver = receiver_of(settings)
    _place(settings, page_origin)  # nothing is made public before it is known that something can be
    secret = make_secret(settings.folder)
    own = reach_own_server(settings)
    if not own.here:
        raise ServiceError("Your Jupyter server does not lead to your receiver.", own.seen, own.next)
    public = f"{_place(settings, page_origin)}{JUPYTER_PATH}/{secret}"
    record = read_record(settings.folder, "receiver")
    met = wait_until_reached(public, record.nonce if record else "", _BACK)
    if not met.here:
        raise ServiceError("The hub's address does not lead to your receiver.", met.seen, met.next)
    since = made_at(settings.folder) or datetime.now(UTC)
    return {
        "driver": "jupyter",
        "public_url": public,
        **webhook_urls(public),
        "target": receiver.url,
        "since": since.isoformat(timespec="microseconds"),
    }


def jupyter_base(settings: Settings, facts: Mapping[str, str]) -> str | None:
    """Return the public base of the two webhook URLs as far as it is known, None while it is shut. Opens nothing."""
    secret = read_secret(settings.folder)
    if secret is None:
        return None
    try:
        return f"{_place(settings, facts.get('page_origin'))}{JUPYTER_PATH}/{secret}"
    except ServiceError:  # asked for where it is opened
        return None


def reach_own_server(settings: Settings) -> Reached:
    """Send a nonce through the Jupyter server from here, not through its public address."""
    if settings.jupyter_url is None:
        return Reached(
            False,
            "The Jupyter server does not have the kit's extension: it was installed elsewhere, or since.",
            "Install the kit where the server runs, stop the server and start it again.",
        )
    if settings.jupyter_state != settings.state:
        return Reached(
            False,
            f"The Jupyter server looks into {settings.jupyter_state}; this lab's state is in {settings.state}.",
            "Open `Lab()` without `state=`, or set NBHELPERS_STATE for the whole server.",
        )
    record, secret = read_record(settings.folder, "receiver"), read_secret(settings.folder)
    return reach(f"{settings.jupyter_url}{JUPYTER_PATH}/{secret}", record.nonce if record else "")


def _place(settings: Settings, page_origin: str | None) -> str:
    """Return the public URL of the Jupyter server, with its path and a slash at the end."""
    path = urlsplit(settings.jupyter_url or "").path or settings.hub_prefix or "/"
    if settings.public_url:
        return public_base(settings.public_url, settings.host) + path
    if settings.hub_public_url:
        return settings.hub_public_url.rstrip("/") + "/"
    if page_origin:
        try:
            return public_base(page_origin, settings.host) + path
        except ServiceError:  # a page on this very computer, or in an editor: no address for anybody else
            pass
    seen = f"The page was seen at {page_origin}, which is none." if page_origin else "The hub does not say it."
    raise ServiceError(
        "The public address of this Jupyter server is not known.",
        seen,
        "Run `lab.panels.webhooks()`: it reads the address from your browser; then `lab.tunnel` again. Or put "
        "NBHELPERS_TUNNEL=jupyter and PUBLIC_URL=https://… (the hub's address) into .env.",
    )
