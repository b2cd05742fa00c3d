"""The hop that is there only where a hub's address leads to the receiver: through the learner's Jupyter server."""

from __future__ import annotations

from datetime import UTC, datetime

import psutil

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.tunnel.hub_answers import AGAIN
from nbhelpers.tunnel.jupyter_address import reach_own_server
from nbhelpers.tunnel.webhook_secret import made_at

__all__ = ["ENDS_WITH_SERVER", "jupyter_server", "open_base"]

#: What is said of an address that is a Jupyter server's own.
ENDS_WITH_SERVER = f" It ends with your server, as when a hub stops one that was idle. {AGAIN}"


def jupyter_server(settings: Settings) -> tuple[str, ...]:
    """Say whether the server passes webhooks on to the receiver, and whether it was stopped since that was opened."""
    opened = made_at(settings.folder)
    if opened is None:
        raise _shut()
    met = reach_own_server(settings)
    if not met.here:
        return "broken", met.seen, met.next
    words = f"{settings.jupyter_url} passes webhooks on to your receiver"
    started = datetime.fromtimestamp(psutil.Process(launcher.asker().pid).create_time(), UTC)
    if started > opened:
        words += f"; it was started anew at {started.astimezone():%H:%M}. What came before met the hub alone. {AGAIN}"
    return "well", words


def open_base(base: str | None) -> str:
    """Return the public base. Raises ServiceError when nothing is open."""
    if base is None:
        raise _shut()
    return base


def _shut() -> ServiceError:
    return ServiceError("The hub's address does not lead to your receiver yet.", "", "Run `lab.tunnel`.")
