"""The Jupyter server extension: webhooks by a secret path, and behind the login the link page and the progress."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from jupyter_server.utils import url_path_join

from nbhelpers.config.settings import JUPYTER_STATE, JUPYTER_URL, state_directory
from nbhelpers.errors import SettingsError
from nbhelpers.jupyter.link import LinkHandler, NowhereHandler
from nbhelpers.jupyter.progress import ProgressHandler
from nbhelpers.jupyter.webhooks import WebhookHandler

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

__all__: list[str] = []  # Jupyter asks for the functions by their names

_EVERY_ADDRESS = ("", "*", "0.0.0.0", "::", "localhost")  # noqa: S104 - not bound: what a server may be told to listen on


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "nbhelpers.jupyter.extension"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    def path(*parts: str) -> str:
        return url_path_join(server.base_url, "nbhelpers", *parts)

    handlers: list[tuple[Any, ...]] = [
        (path("webhooks", "(.*)"), WebhookHandler),
        (path("link"), LinkHandler),
        (path("progress"), ProgressHandler, {"server": server}),
        (path("(.*)"), NowhereHandler),
    ]
    application: Any = server.web_app  # it has no types
    application.add_handlers(".*$", handlers)


async def _start_jupyter_server_extension(server: ServerApp) -> None:
    # Now the port is certain. Kernels inherit it, and know by it that this extension is there.
    host = "127.0.0.1" if server.ip in _EVERY_ADDRESS else server.ip
    scheme = "https" if server.certfile else "http"
    os.environ[JUPYTER_URL] = f"{scheme}://{host}:{server.port}{server.base_url}"
    with contextlib.suppress(SettingsError):  # a `.env` that cannot be read: the kernel says so
        os.environ[JUPYTER_STATE] = str(state_directory())
