"""The tunnel's own process: opens the way to the receiver, says so when a nonce came back, watches it, ends it."""

from __future__ import annotations

import os
import secrets
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbhelpers.config.private_files import make_private_folder
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError, SettingsError, cure_for
from nbhelpers.messages.addresses import webhook_urls
from nbhelpers.services.http_protocol import answer
from nbhelpers.services.record import Owner, Record, is_alive, read_record
from nbhelpers.services.service import Service
from nbhelpers.tunnel.configured import checked_token
from nbhelpers.tunnel.guard import Guard, clear
from nbhelpers.tunnel.ngrok_agent import Agent
from nbhelpers.tunnel.ngrok_program import binary_of
from nbhelpers.tunnel.reach import wait_until_reached
from nbhelpers.tunnel.target import receiver_of

__all__ = ["tunnel"]

NAME = "tunnel"
_BACK = 10.0  # seconds until the nonce must have come back
_LOOK = 0.5  # seconds between two looks at the agent


def tunnel(settings: Settings, owner: Owner | None = None) -> None:
    """Hold a public URL open for the receiver of this mode, until the end of this process.

    Its ready line has `public_url`, the two webhook URLs, `target` and `since`. Raises ServiceError or SettingsError
    in words when it cannot be opened; whatever happens, a kill included, nothing stays public after it.
    """
    if settings.mode == "simulator":
        raise SettingsError(
            "No tunnel is needed.",
            "The mode is simulator: the service runs on this computer.",
            "Use --mode live.",
        )
    own = Service(NAME, settings.folder, owner)
    token, path, receiver = checked_token(settings.ngrok_authtoken), binary_of(settings), receiver_of(settings)
    place = settings.folder / "ngrok"
    _reap(place)
    me = Owner.of(os.getpid())
    folder = make_private_folder(make_private_folder(place) / f"{me.pid}-{me.created:.0f}-{secrets.token_hex(4)}")
    guard = Guard(folder)
    try:
        agent = Agent(path, folder, token, settings.ngrok_connect_cas)
        public = agent.open(receiver.url, settings.ngrok_domain)
        try:
            _hold(own, agent, public, receiver)
        finally:
            agent.close()
    finally:
        guard.close()


def _reap(place: Path) -> None:
    """End the agents of tunnels of ours that were killed together with their guard; each folder says whose it is."""
    for folder in place.glob("*-*-*"):
        pid, created, _ = folder.name.split("-")
        if not is_alive(int(pid), float(created)):
            clear(folder)


def _hold(own: Service, agent: Agent, public: str, receiver: Record) -> None:
    met = wait_until_reached(public, receiver.nonce, _BACK)
    if not met.here:
        raise ServiceError("The tunnel is open, but does not lead here.", met.seen, met.next)
    facts = {
        "driver": "ngrok",
        "public_url": public,
        **webhook_urls(public),
        "target": receiver.url,
        "since": datetime.now(UTC).isoformat(timespec="microseconds"),
    }
    reasons: list[tuple[str, str]] = []
    threading.Thread(target=_watch, args=(agent, own, receiver, reasons), name="watches", daemon=True).start()
    own.run(_nothing, own.bind(0), lambda _: facts)
    if reasons:
        raise ServiceError("The tunnel has ended.", *reasons[0])


def _watch(agent: Agent, own: Service, receiver: Record, reasons: list[tuple[str, str]]) -> None:
    while not reasons:
        time.sleep(_LOOK)
        if not agent.alive:
            cure = cure_for("ngrok", "died")
            again = cure.next if cure else "Open the tunnel again."
            reasons.append((f"ngrok stopped; its last words: {agent.last_words()}.", again))
        elif not _is_open(own.folder, receiver):
            # Whatever takes its port next must not be public.
            agent.close()
            seen = "Your receiver ended, and nothing else of this computer may be public."
            reasons.append((seen, "Run `lab.tunnel` again: it opens both."))
    while True:  # the server may not have begun yet
        own.end()
        time.sleep(_LOOK)


def _is_open(folder: Path, receiver: Record) -> bool:
    now = read_record(folder, "receiver")
    return now is not None and now.nonce == receiver.nonce and is_alive(now.pid, now.created)


async def _nothing(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
    await answer(send, 404, {})
