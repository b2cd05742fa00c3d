"""A service from inside its own process: its socket, its ready line, its owners watched, and a clean end."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

import uvicorn
from filelock import Timeout

from nbhelpers.config.private_files import make_private_folder, write_private
from nbhelpers.errors import ServiceError
from nbhelpers.services.http_protocol import LimitedProtocol, answer
from nbhelpers.services.record import (
    LOOPBACK,
    Owner,
    Record,
    is_alive,
    lock_of,
    read_record,
    record_path,
    remembered_port,
    write_record,
)

__all__ = ["Service", "listening", "refusal", "server_config"]

_NEXT_PORTS = 50  # how many ports after the wished one are tried before any free one is taken
_LOOK = 1.0  # seconds between two looks at the state file
_GRACE = 10.0  # seconds that a service stays when its last owner has gone
_HARD_END = 1.6  # seconds from the signal to the end, whatever clients do: what was answered is on the disk


def refusal(headers: dict[str, str], *, any_host: bool = False) -> str | None:
    """Say in words why a request must be refused that a web page could have sent from the learner's browser, else None.

    A foreign `Host` means a name was pointed at this computer; a foreign `Origin`, that a page elsewhere sent it.
    """
    host = headers.get("host", "")
    if not any_host and not _is_loopback(host):
        return f"The Host is “{host[:80]}”, not this computer. Use http://127.0.0.1 with the port."
    origin = headers.get("origin")
    if origin is not None and not _is_loopback(origin.partition("://")[2]):
        return f"The Origin is “{origin[:80]}”: a web page elsewhere sent this. Send it from your own code."
    return None


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return name in (LOOPBACK, "localhost", "[::1]")


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of loopback, 0 for any free one. Raises OSError when it is taken."""
    # With the protocol named, asyncio sends small answers at once; without, one of two writes waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # on Windows this option would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        # Listening here already makes a second binder of the same port fail now, and not later.
        listener.listen(1024)
    except OSError:
        listener.close()
        raise
    return listener


def server_config(
    app: Callable[..., Any], lifespan: Literal["on", "off"], protocol: type[LimitedProtocol] = LimitedProtocol
) -> uvicorn.Config:
    """Return how every server of the kit runs; with `lifespan` the application is told of its beginning and end."""
    return uvicorn.Config(
        app,
        http=protocol,
        loop="asyncio",
        ws="none",
        lifespan=lifespan,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # there is none in front of loopback
        timeout_graceful_shutdown=1,
        backlog=1024,
    )


class Service:
    """A long-running part of the kit, as seen from inside its own process.

    `folder` is the mode's folder of the state directory. `owner` is set when another process started it and holds the
    lock: the service then ends ten seconds after its last owner. Without, it runs in the foreground until a signal, and
    ServiceError is raised when one runs already.
    """

    def __init__(self, name: str, folder: Path, owner: Owner | None = None) -> None:
        self.name, self.folder = name, make_private_folder(folder)
        self.nonce, self.control = secrets.token_urlsafe(18), secrets.token_urlsafe(24)
        self._owner = owner
        self._server: _Server | None = None
        if owner is None:
            # Looked at again under the lock before it says that it is ready. But a second one in the foreground must
            # not even open the store: it would do the first one's work once more.
            self._refuse_a_second()

    def bind(self, port: int | None, usual: int = 0) -> socket.socket:
        """Open the socket on loopback, at this `port` (0: any free one). Raises ServiceError when it is taken.

        Without a port it is the last one of this service, the `usual` one when none is known, else the next free one.
        """
        first = remembered_port(self.folder, self.name) or usual
        wishes = [*range(first, min(first + _NEXT_PORTS, 65536)), 0] if port is None else [port]
        for wished in wishes:
            with contextlib.suppress(OSError):
                return listening(wished)
        raise ServiceError(
            f"The {self.name} cannot start.", f"Port {port} is taken.", "Give another with --port, or none at all."
        )

    def run(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        ready: Callable[[str], dict[str, Any]],
        lifespan: Literal["on", "off"] = "off",
    ) -> None:
        """Serve until a signal, or until no owner is left; print the ready line when it can be called.

        `/healthz` with this service's nonce is answered here, every other call by `app`. `ready(url)` gives what the
        ready line says. Raises ServiceError when this service runs already.
        """
        port = listener.getsockname()[1]
        url = f"http://{LOOPBACK}:{port}"
        # A stranger's malformed request is no news; a fault of ours, logged as an error, is.
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        announce = functools.partial(self._announce, port, url, ready)
        self._server = _Server(server_config(self._with_health(app), lifespan), announce, self._forget)
        try:
            self._server.run(sockets=[listener])
        finally:
            self._forget()

    def end(self) -> None:
        """End it from within, as a signal would."""
        if self._server is not None:
            self._server.end()

    def _with_health(self, app: Callable[..., Any]) -> Callable[..., Any]:
        async def outer(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope.get("path") == "/healthz":
                asked = parse_qs(scope["query_string"].decode("latin-1"))
                if asked.get("nonce") == [self.nonce]:
                    await answer(send, 200, {"service": self.name, "nonce": self.nonce})
                    return
            await app(scope, receive, send)

        return outer

    def _announce(self, port: int, url: str, ready: Callable[[str], dict[str, Any]]) -> None:
        with self._claim():
            facts = ready(url)
            me = Owner.of(os.getpid())
            owners = None if self._owner is None else (self._owner,)
            record = Record(self.name, me.pid, me.created, self.nonce, port, url, self.control, owners, facts)
            write_record(self.folder, record)
            write_private(self.folder / f"{self.name}.port", str(port).encode())
        # One write, so that the line is whole for whoever reads it.
        os.write(1, (json.dumps({"service": self.name, "url": url, **facts}) + "\n").encode())
        threading.Thread(target=self._guard, name="guard", daemon=True).start()

    @contextlib.contextmanager
    def _claim(self) -> Iterator[None]:
        if self._owner is not None:  # whoever started us holds the lock and has looked
            yield
            return
        with lock_of(self.folder, self.name).acquire(timeout=20):
            self._refuse_a_second()
            yield

    def _refuse_a_second(self) -> None:
        other = read_record(self.folder, self.name)
        if other is not None and other.pid != os.getpid() and is_alive(other.pid, other.created):
            raise ServiceError(
                f"The {self.name} runs already.",
                f"It is process {other.pid} at {other.url}.",
                "Use that one, or end it with `nbhelpers stop`.",
            )

    def _forget(self) -> None:
        record = read_record(self.folder, self.name)
        if record is not None and record.nonce == self.nonce:
            record_path(self.folder, self.name).unlink(missing_ok=True)

    def _guard(self) -> None:
        alone_since: float | None = None
        while self._server is not None and not self._server.should_exit:
            time.sleep(_LOOK)
            record = read_record(self.folder, self.name)
            if record is None or record.nonce != self.nonce:
                self._server.end()
                return
            if record.owners is None or any(is_alive(owner.pid, owner.created) for owner in record.owners):
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since >= _GRACE and self._still_alone():
                self._server.end()
                return

    def _still_alone(self) -> bool:
        # Under the lock, so that nobody can join a service that has just decided to end.
        try:
            with lock_of(self.folder, self.name).acquire(timeout=0.5):
                record = read_record(self.folder, self.name)
                alone = record is None or not any(is_alive(o.pid, o.created) for o in record.owners or ())
                if alone:
                    self._forget()
                return alone
        except Timeout:
            return False


class _Server(uvicorn.Server):
    """uvicorn, but it says when it is open, and ends in time with exit code 0 whatever its clients do."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], forget: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce, self._forget = announce, forget
        self._ending = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again at the end, which would skip our own clean-up.
        signals = [signal.SIGINT, signal.SIGTERM, *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else [])]
        before = [signal.signal(number, lambda *_: self.end()) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)

    def end(self) -> None:
        """End now, cleanly if clients allow it, and in any case in time."""
        self.should_exit = True
        if not self._ending:
            self._ending = True
            timer = threading.Timer(_HARD_END, self._end_hard)
            timer.daemon = True
            timer.start()

    def _end_hard(self) -> None:
        self._forget()
        os._exit(0)
