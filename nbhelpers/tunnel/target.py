"""Finds what a tunnel may lead to: the receiver of this mode, when it answers, and no other port of this computer."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from jupyter_core.paths import jupyter_runtime_dir

from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError
from nbhelpers.messages.addresses import webhook_urls
from nbhelpers.services import launcher
from nbhelpers.services.record import Record
from nbhelpers.tunnel.configured import public_base
from nbhelpers.tunnel.reach import wait_until_reached

__all__ = ["own_address", "receiver_of", "refuse_target"]

_BACK = 10.0  # seconds until the nonce must have come back

_JUPYTERS = range(8888, 8900)  # where Jupyter listens unless told otherwise: whoever reaches it can run code here


def receiver_of(settings: Settings) -> Record:
    """Return the running receiver of this mode. Raises ServiceError when there is none, or nobody else may see it."""
    receiver = launcher.find("receiver", settings)
    if receiver is None:
        raise ServiceError(
            "There is no receiver that a tunnel could lead to.",
            f"No receiver of {settings.mode} mode runs.",
            "Run `lab.receiver`, or `nbhelpers receiver`, first.",
        )
    try:
        refuse_target(receiver.url)
    except ServiceError:
        # Else the next receiver would wish for the same port again, whatever the settings say.
        (settings.folder / "receiver.port").unlink(missing_ok=True)
        raise
    return receiver


def refuse_target(url: str, runtime: Path | None = None) -> None:
    """Raise ServiceError unless this address may be made public: http on this computer, and no port of Jupyter's.

    `runtime` is where Jupyter writes down its ports (default: where it does).
    """
    asked = urlsplit(url)
    try:
        host, port = asked.hostname, asked.port
    except ValueError:
        host = port = None
    if asked.scheme != "http" or host not in ("127.0.0.1", "localhost") or port is None:
        # ngrok would publish a folder of this computer for file://
        raise ServiceError(
            "This cannot be made public.", f"It is “{url[:80]}”.", "Only the receiver can: an http address here."
        )
    if port in _JUPYTERS or port in _recorded_ports(Path(jupyter_runtime_dir()) if runtime is None else runtime):
        raise ServiceError(
            "This port is never made public.",
            f"{port} is Jupyter's: whoever reaches it can run code on this computer.",
            "Set NBHELPERS_RECEIVER_PORT to another in .env, run `nbhelpers stop`, and begin again.",
        )


def own_address(settings: Settings) -> dict[str, str]:
    """Return the facts of the tunnel that PUBLIC_URL names, as a ready line has them, once a nonce came back.

    Raises ServiceError when it is no address, or does not lead to the receiver of this mode.
    """
    receiver, public = receiver_of(settings), public_base(settings.public_url or "", settings.host)
    met = wait_until_reached(public, receiver.nonce, _BACK)
    if not met.here:
        raise ServiceError(f"PUBLIC_URL does not lead to your receiver at {receiver.url}.", met.seen, met.next)
    return {"driver": "url", "public_url": public, **webhook_urls(public), "target": receiver.url}


def _recorded_ports(runtime: Path) -> set[int]:
    # Of servers alone: the ports of a kernel are not for HTTP, and files of dead ones lie about for ever.
    found = set()
    for path in [*runtime.glob("jpserver-*.json"), *runtime.glob("nbserver-*.json")]:
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            if psutil.pid_exists(int(facts["pid"])):
                found.add(int(facts["port"]))
        except (OSError, ValueError, TypeError, KeyError):  # gone in this moment, or half written
            continue
    return found
