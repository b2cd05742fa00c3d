"""What the tests of the simulator share: a simulator in its own process, and little servers that take its webhooks."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import psutil
import pytest
import requests

from nbhelpers.auth.private_key import PrivateKey
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from nbhelpers.services.record import read_record
from nbhelpers.simulator.control.client import ControlClient
from tests.conftest import Shell, wait_until

FORGED = "eyJhbGciOiJSUzI1NiJ9.eyJhcHBsaWNhdGlvbl9pZCI6IngifQ.c2lnbmF0dXJl"


@dataclass(frozen=True)
class Program:
    """An application that was registered, and the key that speaks for it."""

    id: str
    key: PrivateKey

    def token(self, **claims: Any) -> str:
        """A token by hand; a claim of None is left out."""
        now = int(time.time())
        whole = {"application_id": self.id, "iat": now, "jti": str(uuid.uuid4()), "exp": now + 900} | claims
        return jwt.encode({k: v for k, v in whole.items() if v is not None}, self.key.key, algorithm="RS256")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token()}"}


class World:
    """A running simulator and what is needed to act on it."""

    def __init__(self, state: Path, base_url: str, ready: dict[str, Any], control: str) -> None:
        self.folder = state / "simulator"
        self.http = requests.Session()
        self.http.trust_env = False
        self._use(base_url, ready, control)

    def _use(self, base_url: str, ready: dict[str, Any], control: str) -> None:
        self.base_url, self.ready = base_url, ready
        self.control = ControlClient(base_url, control)
        self.basic = (ready["api_key"], ready["api_secret"])

    @property
    def secret(self) -> str:
        return self.ready["signature_secret"]

    def application(self, key: PrivateKey, **capabilities: Any) -> Program:
        """Register an application with our own key: making one there takes a tenth of a second."""
        form = {"name": "a program", "capabilities": capabilities, "keys": {"public_key": key.public_pem}}
        answer = self.http.post(f"{self.base_url}/v2/applications", json=form, auth=self.basic, timeout=10)
        assert answer.status_code == 201, answer.text
        return Program(answer.json()["id"], key)

    def page(self, program: Program | None = None) -> str:
        """Make a Page of its own name, linked if a program is given; return its ID."""
        page = self.control.create_page(f"Page {uuid.uuid4().hex[:12]}")["id"]
        if program is not None:
            self.control.link(program.token(), page)
        return page

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(self.base_url + path, data=data, timeout=20, **options)

    def send(self, program: Program | None, body: dict[str, Any], version: str = "v1") -> str:
        """Send, with the program's JWT or with Basic, and return the message_uuid; it must be accepted."""
        options: dict[str, Any] = {"headers": program.headers} if program else {"auth": self.basic}
        answer = self.post(f"/{version}/messages", body, **options)
        assert answer.status_code == 202, answer.text
        return answer.json()["message_uuid"]

    def queued(self, message_uuid: str) -> list[dict[str, Any]]:
        """The webhooks of one message, oldest first."""
        return [row for row in self.control.webhooks() if row["uuid"] == message_uuid][::-1]

    def settled(self, message_uuid: str, count: int) -> list[dict[str, Any]]:
        """The webhooks of one message when so many have an answer."""

        def look() -> list[dict[str, Any]] | None:
            rows = [row for row in self.queued(message_uuid) if row["answer"]]
            return rows if len(rows) >= count else None

        return wait_until(look, what=f"{count} webhooks of {message_uuid}")

    def table(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the simulator's own file."""
        with contextlib.closing(sqlite3.connect(self.folder / "simulator.sqlite3")) as file, file:
            return file.execute(sql, values).fetchall()

    def close(self) -> None:
        self.http.close()
        self.control.close()


class Detached(World):
    """A simulator in the background that can be killed and started again."""

    def __init__(self, state: Path) -> None:
        self.settings = configuration.load("simulator", state, environ={}, folder=state.parent)
        running = launcher.start("simulator", self.settings)
        self.pid = running.pid
        super().__init__(state, running.url, running.ready, running.control)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(self.pid), what="the end of the simulator")

    def restart(self) -> None:
        running = launcher.start("simulator", self.settings)
        assert running.pid != self.pid
        self.pid = running.pid
        self.control.close()
        self._use(running.url, running.ready, running.control)

    def close(self) -> None:
        super().close()
        self.kill()  # a clean end is tested elsewhere, and takes longer
        launcher.stop(self.settings)


@contextmanager
def simulator(folder: Path) -> Iterator[Detached]:
    """A simulator in the background, for as many tests as share it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("NBHELPERS_", "JPY_")):
                patch.delenv(name)
        patch.setenv("NBHELPERS_SIMULATOR_PORT", "0")
        configuration.spare_loopback()
        world = Detached(folder / "lab")
        try:
            yield world
        finally:
            world.close()


def start(shell: Shell, *arguments: str) -> tuple[subprocess.Popen[str], World]:
    """Start `nbhelpers simulator` in the foreground; its process, and what is needed to act on it."""
    process, ready = shell.start("simulator", *arguments)
    record = read_record(shell.folder / ".lab" / "simulator", "simulator")
    assert record is not None
    return process, World(shell.folder / ".lab", ready["base_url"], ready, record.control)


@dataclass(frozen=True)
class Call:
    """A request that reached a target."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str:
        scheme, _, token = self.headers["authorization"].partition(" ")
        assert scheme == "Bearer"
        return token

    @property
    def claims(self) -> dict[str, Any]:
        return jwt.decode(self.token, options={"verify_signature": False})

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))


@dataclass
class Target:
    """A real little web server that writes down what it is sent. `answer(call)` gives the status."""

    url: str
    answer: Callable[[Call], int]
    calls: list[Call] = field(default_factory=list)

    def wait(self, count: int = 1, timeout: float = 10) -> list[Call]:
        """The calls, as soon as there are so many."""
        wait_until(lambda: len(self.calls) >= count, timeout, f"{count} webhooks at {self.url}; {self.calls}")
        return list(self.calls)

    def of(self, message_uuid: str) -> list[Call]:
        return [call for call in self.calls if call.method == "POST" and call.json["message_uuid"] == message_uuid]

    def statuses(self, message_uuid: str, count: int) -> list[str]:
        """What the status webhooks of one message said, in the order in which so many came."""
        wait_until(lambda: len(self.of(message_uuid)) >= count, what=f"{count} webhooks of {message_uuid}")
        return [call.json["status"] for call in self.of(message_uuid)]


class _Server(http.server.ThreadingHTTPServer):
    # The usual 5 are a few senders; what comes beyond them is tried again by TCP, after 0.2, 0.4, 0.8 … seconds.
    request_queue_size = 128


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler], port: int = 0) -> Iterator[str]:
    """A web server on loopback for as long as the block lasts: its base URL."""
    server = _Server(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def target(answer: Callable[[Call], int] | int = 200, path: str = "/hook", port: int = 0) -> Iterator[Target]:
    """Open a target on loopback; `answer` is a status, or says one for each call."""
    made = Target("", answer if callable(answer) else lambda call: answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, body, time.time())
            made.calls.append(call)
            status = made.answer(call)
            with contextlib.suppress(OSError):  # whoever gave up waiting is not told
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

        do_GET = do_POST = _take  # noqa: N815 - the names are http.server's

        def log_message(self, *_: Any) -> None:
            return

    with serving(Handler, port) as base:
        made.url = base + path
        yield made


def refused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def flat(page: str, psid: str, **more: Any) -> dict[str, Any]:
    """A text in today's shape."""
    return {"to": psid, "from": page, "channel": "messenger", "message_type": "text", "text": "hello", **more}


def nested(page: str, psid: str, **more: Any) -> dict[str, Any]:
    """A text in the guide's shape."""
    return {
        "from": {"type": "messenger", "id": page},
        "to": {"type": "messenger", "id": psid},
        "message": {"content": {"type": "text", "text": "hello"}},
        **more,
    }


def webhooks(inbound: str | None = None, status: str | None = None, version: str = "v1") -> dict[str, Any]:
    """A messages capability with these URLs."""
    urls = {"inbound_url": inbound, "status_url": status}
    return {"version": version, "webhooks": {name: {"address": url} for name, url in urls.items() if url}}


GUIDES_VOICE = {
    "webhooks": {
        "answer_url": {"address": "http://example.com/answer", "http_method": "GET"},
        "event_url": {"address": "http://example.com/event", "http_method": "POST"},
    }
}
