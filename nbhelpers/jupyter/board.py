"""The board of a room: a JupyterHub service with one page that shows who is at which step."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuthCallbackHandler, HubOAuthenticated
from jupyterhub.utils import url_path_join
from tornado import web

from nbhelpers.course.steps import STEPS
from nbhelpers.errors import SettingsError
from nbhelpers.jupyter.room import Room

__all__ = ["run_board"]

_HERE = Path(__file__).parent
_NEEDED = ("JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN")
_FILES = {"board.js": "text/javascript", "board.css": "text/css"}


def run_board(proxy: str) -> None:
    """Serve the board until the hub ends it. `proxy` is the address under which the hub's servers are reached.

    Raises SettingsError when no hub has started it.
    """
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        raise SettingsError(
            "The board is a service of a JupyterHub.",
            f"Nothing says which: {', '.join(missing)} not set.",
            "Let the hub start it: `deploy/README.md` has the lines for its configuration.",
        )
    asyncio.run(_serve(proxy))


async def _serve(proxy: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    url, prefix = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]), os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    room = Room(os.environ["JUPYTERHUB_API_URL"], proxy, os.environ["JUPYTERHUB_API_TOKEN"])
    handlers: list[tuple[Any, ...]] = [
        (url_path_join(prefix, "oauth_callback"), HubOAuthCallbackHandler),
        (prefix, _PageHandler),
        (url_path_join(prefix, "room"), _RoomHandler, {"room": room}),
        (url_path_join(prefix, r"(board\.(?:js|css))"), _FileHandler),
    ]
    application = web.Application(handlers, cookie_secret=os.urandom(32), xsrf_cookies=False)
    # Behind a name of the cluster, as on Kubernetes, it is every address of this machine.
    application.listen(url.port or 0, url.hostname if url.hostname in ("127.0.0.1", "localhost") else "")
    await room.run()


class _Handler(HubOAuthenticated, web.RequestHandler):
    """What every page has: whoever may not look at this service according to the hub's roles gets 403 there."""

    def set_default_headers(self) -> None:
        """Let nothing of it be fetched elsewhere, framed or kept."""
        self.set_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")


class _PageHandler(_Handler):
    """The page itself; the names of the steps come from their table."""

    @web.authenticated
    def get(self) -> None:
        titles = "|".join(step.title for step in STEPS)
        page = (_HERE / "board.html").read_text(encoding="utf-8")
        # Without it the hub's login takes no request of a script.
        self.finish(page.replace("{{titles}}", titles).replace("{{xsrf}}", self.xsrf_token.decode()))


class _RoomHandler(_Handler):
    """Who is at which step, as JSON."""

    def initialize(self, room: Room) -> None:
        self._room = room

    @web.authenticated
    def get(self) -> None:
        self.finish(self._room.look())


class _FileHandler(_Handler):
    """Script and style of the page."""

    @web.authenticated
    def get(self, name: str) -> None:
        self.set_header("Content-Type", f"{_FILES[name]}; charset=utf-8")
        self.finish((_HERE / name).read_bytes())
