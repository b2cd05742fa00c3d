"""The public address of the receiver as a notebook shows it: opened, since when, how often used, what has changed."""

from __future__ import annotations

import dataclasses
import html
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.config.settings import MODES, Settings
from nbhelpers.course.actions import ActionResult
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.messages.addresses import webhook_urls
from nbhelpers.services import launcher
from nbhelpers.tunnel.guard import clear
from nbhelpers.tunnel.webhook_secret import read_secret, take_back

__all__ = ["Tunnel", "left_open"]

NOT_NEEDED = "None needed: the service runs on this computer."


class Tunnel:
    """The public URL of the receiver, opened when it is shown; in simulator mode none is needed.

    `PUBLIC_URL` names a tunnel of your own; on a hub, the hub's address leads here by a secret path; without either,
    ngrok is started in a process of its own. `open()` says the same as showing it; errors say what to do.
    """

    def __init__(self, course: CourseContext) -> None:
        self._course = course

    def open(self) -> Tunnel:
        """Open it, or join the one that is open. Raises ServiceError, in words, when there is none to be had."""
        self._course.tunnel()
        return self

    @property
    def public_url(self) -> str | None:
        """The public address, opened if it is not; None when none is needed."""
        facts = self._course.tunnel()
        return facts["public_url"] if facts else None

    def close(self) -> ActionResult:
        """Take the receiver off the internet, in every mode; a tunnel of your own (`PUBLIC_URL`) stays as it is."""
        settings = self._course.settings
        was_open = bool(launcher.stop(settings, names=("tunnel",)))
        for mode in MODES:
            was_open = bool(clear(settings.state / mode / "ngrok")) or was_open
            was_open = take_back(settings.state / mode) or was_open
        words = ["Closed. Nothing of this computer is public any more."] if was_open else []
        if settings.tunnel == "url":
            words = ["Closed: the kit's own."] if was_open else []
            words.append("PUBLIC_URL is your own tunnel: close it where you opened it.")
        return ActionResult(" ".join(words) or (NOT_NEEDED if self._course.simulated else "No tunnel was open."))

    def download(self) -> ActionResult:
        """Fetch ngrok into the state directory, some 30 MB, with progress. Calling it is agreeing to it."""
        from nbhelpers.tunnel import ngrok_program

        settings = self._course.settings
        print(ngrok_program.ANNOUNCED.format(place=ngrok_program.own_place(settings)))  # noqa: T201 - before it begins, in the cell
        return ActionResult(f"ngrok is at {ngrok_program.download(settings)}. Run `lab.tunnel` now.")

    def update(self) -> ActionResult:
        """Let ngrok update itself."""
        from nbhelpers.tunnel import ngrok_program

        return ActionResult(f"ngrok is version {ngrok_program.update(self._course.settings)}. Run `lab.tunnel` now.")

    def _lines(self) -> list[str]:
        facts = self._course.tunnel()
        if facts is None:
            return [NOT_NEEDED, *left_open(self._course.settings)]
        public, target = facts["public_url"], facts["target"]
        lines = [f"Public: {public} leads to your receiver at {target}, and to nothing else of this computer."]
        if "since" in facts:
            since = datetime.fromisoformat(facts["since"])
            came = self._course.inbox.deliveries(1000)
            calls = sum(call.received >= since and call.origin == "wire" for call in came)
            lines.append(
                f"Open since {since.astimezone():%H:%M}, {calls} call{'' if calls == 1 else 's'} so far. "
                "`lab.tunnel.close()` closes it."
            )
            if facts["driver"] == "ngrok":
                lines.append("In a browser, ngrok shows a notice first; webhooks do not meet it.")
        lines.append(f"Inbound URL: {facts['inbound_url']}")
        lines.append(f"Status URL:  {facts['status_url']}")
        return lines + self._moved(public)

    def _moved(self, public: str) -> list[str]:
        moved = self._course.facts.get("public_moved")
        if not moved or not moved["from"] or self._comes_here(public, moved["delivery"]):
            return []
        before = webhook_urls(moved["from"])
        return [
            "The address has changed. If two fields on the dashboard, Inbound URL and Status URL of your application, "
            f"hold {before['inbound_url']} and {before['status_url']}, they are now wrong. Put in the two above."
        ]

    def _comes_here(self, public: str, delivery: int) -> bool:
        # Once the service has called the new address, the dashboard has it.
        host = urlsplit(public).netloc
        return any(
            call.origin == "wire"
            and (call.id or 0) > delivery
            and call.answer == 200
            and ("host", host) in call.headers
            for call in self._course.inbox.deliveries(1000)
        )

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        # Once for both forms: it opens the tunnel. An error is said here, or the front end would ask for the next form.
        try:
            lines = self._lines()
        except KitError as error:
            lines = [f"{type(error).__name__}: {error}"]
        return {"text/plain": "\n".join(lines), "text/html": _rich(lines)}


def left_open(settings: Settings) -> list[str]:
    """Say which tunnels of other modes are still open: this mode does not need them, and they are public."""
    lines = []
    for mode in MODES:
        found = launcher.find("tunnel", dataclasses.replace(settings, mode=mode)) if mode != settings.mode else None
        if found is not None:
            public = found.ready["public_url"]
            lines.append(f"But the tunnel of {mode} mode is open: {public}. `lab.tunnel.close()` closes it.")
        elif mode != settings.mode and read_secret(settings.state / mode) is not None:
            lines.append(
                f"But the hub's address leads to your receiver of {mode} mode. `lab.tunnel.close()` closes it."
            )
    return lines


def _rich(lines: list[str]) -> str:
    told = f'<p role="status" style="margin:0;overflow-wrap:anywhere">{html.escape(lines[0])}</p>'
    if not lines[1:]:
        return told
    # The front end's own style of <pre> has wide margins, and lets a long line run out of sight.
    rest = html.escape("\n".join(lines[1:]))
    return f'{told}<pre style="margin:0.3em 0;padding:0;white-space:pre-wrap;overflow-wrap:anywhere">{rest}</pre>'
