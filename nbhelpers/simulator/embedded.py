"""Runs the simulator inside this process, on a thread of its own: for tests and scripts that need no service."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn

from nbhelpers.config.private_files import make_private_folder
from nbhelpers.errors import KitError, ServiceError
from nbhelpers.services.http_protocol import LimitedProtocol
from nbhelpers.services.record import LOOPBACK
from nbhelpers.services.service import listening, server_config
from nbhelpers.simulator import demo
from nbhelpers.simulator.app import Options, assemble
from nbhelpers.simulator.server import STORE, facts
from nbhelpers.simulator.storage.store import Store

__all__ = ["Embedded"]

_GRACE, _ABORT = 0.5, 0.1  # seconds at the end: for a call that is being answered, and for one that was broken off
_LOOK = 0.002  # seconds between two looks whether all connections have gone
_START, _END = 10.0, 5.0  # seconds; both take hundredths


class Embedded:
    """A simulator in this process, over the store in `folder`: `with Embedded(folder) as it:`, or start and stop.

    It has a free port of 127.0.0.1, no signal handler, no record in a state directory and no owner; `stop` leaves no
    thread and no socket behind, and ends within a second whatever its callers do. What the folder holds stays, and the
    next one over it goes on with it; of one folder run one at a time. `options` are the command's, but for
    `find_receiver`: there is no state directory in which to find one.

    While it runs, `ready` is what the command's ready line says, `control` the token for `/_simulator/…`.
    """

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        self.folder = folder
        self.ready: dict[str, Any] = {}
        self.control = ""
        self._options = options or Options()
        self._opened = threading.Event()
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self._server: _Server | None = None
        self._failure: BaseException | None = None

    @property
    def base_url(self) -> str:
        """Its address."""
        return str(self.ready["base_url"])

    def start(self) -> Embedded:
        """Start it, and return when it answers. Raises ServiceError when it cannot start, or runs already."""
        if self._thread is not None:
            raise ServiceError(
                "This simulator runs already.", f"It is at {self.base_url}.", "Use that one, or stop it."
            )
        self._opened.clear()
        self._failure = self._server = None
        self.control = secrets.token_urlsafe(24)
        # A daemon: whoever forgets to stop it can still end.
        self._thread = threading.Thread(target=self._run, name="messenger simulator", daemon=True)
        self._thread.start()
        opened = self._opened.wait(_START)
        if opened and self._failure is None:
            return self
        failure = self._failure
        with contextlib.suppress(ServiceError):  # what went wrong first is what is told
            self.stop()
        if isinstance(failure, KitError):
            raise failure
        seen = _seen(failure) if failure else f"It has not answered within {_START:g} seconds."
        raise ServiceError("The simulator cannot start.", seen, f"Look at {self.folder}, or give another folder.")

    def stop(self) -> None:
        """End it and wait for its end; one that does not run is left alone. Raises ServiceError when it broke."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._server is not None:
            self._server.end()
        thread.join(_END)
        if thread.is_alive():
            raise ServiceError(
                "The simulator does not end.",
                f"Its thread still runs after {_END:g} seconds.",
                "Look whether a webhook URL has a name that is slow to be found; 127.0.0.1 needs no look.",
            )
        if self._failure is not None:
            raise ServiceError("The simulator broke while it ran.", _seen(self._failure), "Its log may say more.")

    def undelivered(self) -> list[dict[str, Any]]:
        """Return every webhook that was queued and not taken, the oldest first.

        `uuid` (the message), `kind` (`inbound` or the status), `attempts`, `due` (Unix seconds), `held` (there is no
        URL for it), `outcome` (`dropped` or None), the last `answer` and what was `called`.
        """
        return self._rows(
            "SELECT uuid, kind, attempts, due, held, outcome, answer, called FROM webhooks"
            " WHERE outcome IS NOT 'delivered' ORDER BY id"
        )

    def sent(self) -> list[dict[str, Any]]:
        """Return every message that was accepted, the oldest first.

        `uuid`, `application_id`, `page_id`, `psid`, `version`, `state` and the `body` as JSON text.
        """
        return self._rows(
            "SELECT uuid, application_id, page_id, psid, version, state, body FROM messages WHERE way = 'out'"
            " ORDER BY rowid"
        )

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        if self._store is None or self._thread is None:
            raise ServiceError("The simulator does not run.", f"Its folder is {self.folder}.", "Start it first.")
        return [dict(row) for row in self._store.rows(sql)]

    def __enter__(self) -> Embedded:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Embedded simulator at {self.base_url}" if self._thread else "Embedded simulator, not running"

    def _run(self) -> None:
        try:
            make_private_folder(self.folder)
            with contextlib.closing(listening(0)) as listener, contextlib.closing(Store(self.folder / STORE)) as store:
                url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
                app, people, _ = assemble(store, self._options, self.control)
                made: dict[str, Any] = {}
                if self._options.demo:
                    made = demo.prepare(store, people, self.folder, self._options.guide)
                self.ready, self._store = facts(store, url) | made, store
                # A list of connections of its own: another simulator has another thread.
                protocol = type("_Protocol", (LimitedProtocol,), {"_open": {}})
                self._server = _Server(server_config(app, "on", protocol), self._opened)
                self._server.run(sockets=[listener])
        except BaseException as error:  # noqa: BLE001 - told by whoever waits in start, or calls stop
            self._failure = error
        finally:
            self._store = None
            self._opened.set()


def _seen(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}."


class _Server(uvicorn.Server):
    """uvicorn, but it says when it is open, and ends at once: its own looks every tenth of a second cost every test."""

    def __init__(self, config: uvicorn.Config, opened: threading.Event) -> None:
        super().__init__(config)
        self._opened = opened
        self._ending: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        self.should_exit = True
        if self._loop is not None and self._ending is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._ending.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets=sockets)
        if self.started:
            self._opened.set()

    async def main_loop(self) -> None:
        assert self._ending is not None  # noqa: S101 - startup came first
        ticking = asyncio.ensure_future(super().main_loop())
        await self._ending.wait()
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()  # an idle one closes now, a busy one after its answer
        await self._wait_for_all_to_go(_GRACE)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # whoever still waits for a body sees that nobody is there, and ends
        await self._wait_for_all_to_go(_ABORT)
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._wait_for_all_to_go(_ABORT)
        await self.lifespan.shutdown()

    async def _wait_for_all_to_go(self, longest: float) -> None:
        until = time.monotonic() + longest
        while (self.server_state.connections or self.server_state.tasks) and time.monotonic() < until:
            await asyncio.sleep(_LOOK)
