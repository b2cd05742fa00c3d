"""A stand-in for the ngrok agent: what pyngrok starts, its local API, and an edge on loopback that really proxies.

`install(folder, mode)` writes an executable `ngrok`, `calls(folder)` tells what became of it. All of it is loopback.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

MODES = {
    "ok": "works, if it finds a token; the public port stays the same from one start to the next",
    "new-url": "works, and takes a new public port for every endpoint",
    "silent": "prints nothing and stays alive",
    "no-token": "exits 1 with ERR_NGROK_4018, whatever token there is",
    "bad-token": "exits 1 with ERR_NGROK_105, and the token in the log and on stderr",
    "revoked": "exits 1 with ERR_NGROK_107, and the token in the log and on stderr",
    "limit": "exits 1 with ERR_NGROK_108, too many agents",
    "code:NNN": "exits 1 with ERR_NGROK_NNN",
    "no-network": "exits 1: the service's name cannot be looked up",
    "x509": "exits 1: somebody between us and the service reads TLS",
    "offline": "stays alive and tries again for ever: the service's name cannot be looked up",
    "inspected": "the same: somebody between us and the service reads TLS",
    "late": "cannot reach the service at first, and half a second later it can",
    "online": "starts, but opening an endpoint answers 502 with ERR_NGROK_334 in its details",
    "slow": "the local API is there at once, the session only after a minute",
    "slow-api": "opens the endpoint at once, but says so only after a minute",
    "old-agent": "is 3.18.0 and knows no /api/endpoints, until `ngrok update`",
    "dies-later": "works, and exits 1 two seconds after an endpoint was opened",
    "dead-edge": "opens, but the public URL answers 404 with ERR_NGROK_3200",
    "stderr-token": "works, but prints the token on stderr",
    "stubborn": "works, and only SIGKILL ends it",
}

REFUSED = "authentication failed: {}\n\r\n\r\nERR_NGROK_{}\r\n".format
FAILURES = {
    "no-token": REFUSED("Usage of ngrok requires a verified account and authtoken.", 4018),
    "bad-token": REFUSED("The authtoken you specified is not properly formed.\nYour authtoken: {token}", 105),
    "revoked": REFUSED("The authtoken you specified is invalid.\nYour authtoken: {token}", 107),
    "limit": REFUSED("Your account is limited to 3 simultaneous ngrok agent sessions.", 108),
    "no-network": "failed to dial ngrok server: dial tcp: lookup connect.ngrok-agent.com: no such host",
    "x509": "tls: failed to verify certificate: x509: certificate signed by unknown authority",
}
RETRIES = {"offline": "no-network", "inspected": "x509", "late": "no-network"}  # like whom it fails each time
WAITS = (0.5, 0.8, 1.1, 1.6)  # seconds between its tries, then the last of these, as the real 2.3.41 does
OPTIONS = {"bindings", "description", "inspect", "metadata", "name", "traffic_policy", "upstream", "url"}  # no pooling
TOKEN = re.compile(r"""(?s)\bagent["']?:.*?\bauthtoken["']?: *["']?([^\s"',}]+)""")  # of a config in YAML or JSON
LONG = 60  # seconds: beyond the patience of every test and of the tunnel itself


def install(folder: Path, mode: str = "ok") -> Path:
    """Write an executable `ngrok` that behaves as the mode says; to write it again with another mode is fine."""
    if mode not in MODES and not re.fullmatch(r"code:\d+", mode):
        raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
    launcher = folder.absolute() / "ngrok"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ngrok-updated").unlink(missing_ok=True)
    # Imported, not executed, so that the process is called ngrok; isolated and without site, so that it starts fast.
    launcher.write_text(
        f"#!{sys.executable} -IS\nimport sys\n\nsys.path.append({str(Path(__file__).absolute().parent)!r})\n"
        f"import fake_ngrok\n\nsys.exit(fake_ngrok.main({str(launcher.parent)!r}, {mode!r}, sys.argv[1:]))\n"
    )
    launcher.chmod(0o755)
    return launcher


def calls(folder: Path, call: str | None = None) -> list[dict[str, Any]]:
    """What the `ngrok` of this folder was asked, oldest first: its commands, and open and close for endpoints."""
    file = folder / "ngrok-calls.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [row for row in rows if call in (None, row["call"])]


def log(msg: str, level: str = "info", **fields: str) -> None:
    """A line as the agent writes it; quoting as JSON does leaves a line end as two characters, as the real one has."""
    more = "".join(f" {name}={json.dumps(text)}" for name, text in fields.items())
    # Unbuffered: a pipe that nobody reads blocks us. A broken one does not end us: the tunnel has to cope with orphans.
    with suppress(OSError):
        os.write(1, f'{time.strftime("t=%Y-%m-%dT%H:%M:%S%z")} lvl={level} msg="{msg}"{more}\n'.encode())


def refusal(status: int, code: int, msg: str, err: str) -> tuple[int, Any]:
    return status, {"error_code": code, "status_code": status, "msg": msg, "details": {"err": err}}


class Server(socketserver.ThreadingTCPServer):
    """A loopback port with a thread per connection; http.server's own class would look its name up in DNS."""

    allow_reuse_address, daemon_threads, block_on_close, request_queue_size = True, True, False, 128

    def __init__(self, agent: Agent, handler: type[socketserver.BaseRequestHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.agent, self.address = agent, f"127.0.0.1:{self.server_address[1]}"
        self.endpoint: dict[str, Any] | None = None  # what the edge at this port serves; None is offline
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Agent:
    """One run of `ngrok`: what is open, and what the local API answers."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder, self.mode, self.session = folder, mode, False
        self.edges: list[Server] = []
        self.requests: list[dict[str, Any]] = []

    def record(self, call: str, **what: Any) -> None:
        with (self.folder / "ngrok-calls.jsonl").open("a") as file:
            file.write(json.dumps({"call": call, "pid": os.getpid()} | what) + "\n")

    def api(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """The status and the JSON of an answer."""
        if self.mode == "old-agent" and path.startswith("/api/endpoints"):
            return 404, "404 page not found"
        match method, path:
            case "GET", "/api/endpoints":
                return 200, {"endpoints": [edge.endpoint for edge in self.edges if edge.endpoint], "uri": path}
            case "POST", "/api/endpoints":
                return self.open(json.loads(body))
            case "GET", "/api/status":
                return 200, {"status": "online" if self.session else "reconnecting", "uri": path, "session": {}}
            case "GET", "/api/requests/http":
                return 200, {"requests": self.requests, "uri": path}
        name = path.removeprefix("/api/endpoints/")
        edge = next((edge for edge in self.edges if edge.endpoint and edge.endpoint["name"] == name), None)
        if edge is None or method == "POST":
            return refusal(404, 100, "tunnel not found", f"no endpoint {name!r}")
        if method == "GET":
            return 200, edge.endpoint
        edge.endpoint = None  # the port stays open: its visitors are to be told that nobody is there
        self.record("close", name=name)
        return 204, None

    def open(self, wish: dict[str, Any]) -> tuple[int, Any]:
        """Open an endpoint, or say why not."""
        self.record("open", **wish)
        unknown = "".join(f"\n  line 1: field {name} not found in type Endpoint" for name in wish.keys() - OPTIONS)
        upstream = urlsplit((wish.get("upstream") or {}).get("url", ""))
        if not self.session:
            return refusal(503, 104, "ngrok is not yet ready to start tunnels", "no session has been established yet")
        if unknown or upstream.scheme != "http" or upstream.hostname not in ("127.0.0.1", "localhost", "::1"):
            why = f"yaml: unmarshal errors:{unknown}" if unknown else f"not http on loopback: {wish.get('upstream')}"
            return refusal(400, 102, "invalid tunnel configuration", why)
        if self.mode == "online":
            return refusal(502, 103, "failed to start tunnel", "URL is already online.\r\n\r\nERR_NGROK_334\r\n")
        edge = self._edge()
        edge.endpoint = {"inspect": True} | wish | {"url": f"http://{edge.address}"}
        signal.alarm(2 if self.mode == "dies-later" else 0)
        time.sleep(LONG if self.mode == "slow-api" else 0)
        return 201, edge.endpoint

    def _edge(self) -> Server:
        """A public port: one that is free again, or the one of last time (as dev domains stay), or a new one."""
        file, stays = self.folder / "ngrok-port", self.mode != "new-url"
        edge = next((edge for edge in self.edges if stays and not edge.endpoint), None)
        if not self.edges and stays and file.exists():
            with suppress(OSError):  # somebody else is there now
                edge = Server(self, Visit, int(file.read_text()))
        while edge is None:
            # Below the ports that systems hand out by themselves: nobody takes it between one start and the next.
            with suppress(OSError):
                edge = Server(self, Visit, random.randrange(20_000, 30_000))
        if edge not in self.edges:
            self.edges.append(edge)
        file.write_text(str(self.edges[0].server_address[1]))
        return edge


class Api(BaseHTTPRequestHandler):
    """The agent's API at its local address."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self.server.agent.api(self.command, unquote(self.path.partition("?")[0]), body)
        with suppress(OSError):  # whoever gave up waiting is not told
            self.send_response_only(status)  # which logs nothing
            self.end_headers()
            self.wfile.write(b"" if answer is None else json.dumps(answer).encode())

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - the names are http.server's


def carry(read: Any, sink: socket.socket) -> None:
    """Carry bytes until there are no more, and hang up; what a sink does not take is thrown away: nobody is blocked."""
    with suppress(OSError):
        while piece := read(65536):
            with suppress(OSError):
                sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Visit(socketserver.StreamRequestHandler):
    """One request at the edge. Its bytes go through as they came, only with headers added: no path is made nicer."""

    timeout = LONG

    def handle(self) -> None:
        lines: list[bytes] = []
        with suppress(OSError):  # a visitor who leaves is no news
            for line in iter(self.rfile.readline, b""):
                if line.strip(b"\r\n"):
                    lines.append(line)
                elif lines:
                    self._serve(lines, b"".join(lines), self.server.endpoint)
                    return

    def _serve(self, lines: list[bytes], head: bytes, endpoint: dict[str, Any] | None) -> None:
        """Answer in the edge's own name, or put the visitor through: one connection for one request."""
        if endpoint is None or self.server.agent.mode == "dead-edge":
            return self._page("404 Not Found", 3200, f"The endpoint {self.server.address} is offline.")
        browser = re.match(rb"(?is)GET .*\nuser-agent:[ \t]*mozilla", head)
        if browser and not re.search(rb"(?i)\n(ngrok-skip-browser-warning:|cookie:.*abuse_interstitial=)", head):
            return self._page("200 OK", 6024, f"You are about to visit {self.server.address}.")
        if endpoint["inspect"]:
            self.server.agent.requests.append({"tunnel_name": endpoint["name"], "request": {"raw": repr(head)}})
        url = urlsplit(endpoint["upstream"]["url"])
        log("join connections", obj="join", l=url.netloc, r=f"{self.client_address[0]}:{self.client_address[1]}")
        try:
            upstream = socket.create_connection((url.hostname, url.port), timeout=LONG)
        except OSError:
            return self._page("502 Bad Gateway", 8012, f"Failed to connect to {url.geturl()}.")
        kept = [line for line in lines[1:] if not line.lower().startswith((b"connection:", b"keep-alive:"))]
        host = re.search(rb"(?i)\nhost:[ \t]*([^\r\n]*)", head)
        added = b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\nX-Forwarded-Host: "
        with upstream:
            with suppress(OSError):  # it may have answered before it heard everything
                upstream.sendall(b"".join([lines[0], *kept, added, host[1] if host else b"", b"\r\n\r\n"]))
            forth = threading.Thread(target=carry, args=[self.rfile.read1, upstream], daemon=True)
            forth.start()
            carry(upstream.recv, self.request)
            forth.join(1)  # to close on bytes that are still coming would take the answer from the visitor
            self.request.shutdown(socket.SHUT_RDWR)
        return None

    def _page(self, status: str, code: int, text: str) -> None:
        body = f"<!DOCTYPE html><html><body><p>{text}</p><p>ERR_NGROK_{code}</p></body></html>\n"
        head = f"Content-Type: text/html\r\nContent-Length: {len(body)}\r\nngrok-error-code: ERR_NGROK_{code}"
        self.request.sendall(f"HTTP/1.1 {status}\r\n{head}\r\nConnection: close\r\n\r\n{body}".encode())
        self.request.shutdown(socket.SHUT_WR)
        self.request.settimeout(1)
        while self.request.recv(65536):  # as above: an early end would take the answer away
            pass


def start(agent: Agent, argv: list[str], options: dict[str, str]) -> int:
    """`ngrok start`: fail as the mode says, or serve until a signal comes."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN if agent.mode == "stubborn" else lambda *_: sys.exit(0))
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))  # `dies-later` sets the clock
    config = Path(options.get("--config", agent.folder / "ngrok.yml"))
    bits = f"{config.stat().st_mode & 0o777:o}" if config.exists() else None
    written = TOKEN.search(config.read_text()) if bits else None
    token = options.get("--authtoken") or os.environ.get("NGROK_AUTHTOKEN") or (written and written[1])
    names = [name for name in sorted(os.environ) if name.startswith("NGROK_")]
    agent.record("start", argv=argv, config_mode=bits, env=names)
    if agent.mode != "silent":
        log("starting web service", obj="web", addr=Server(agent, Api).address)
        mode = agent.mode if token else "no-token"
        said = REFUSED("The service said no.", mode[5:]) if mode.startswith("code:") else FAILURES.get(mode, "")
        if why := said.format(token=token):
            log("failed to reconnect session", "eror", obj="tunnels.session", err=why)
            log("command failed", "crit", err=why)
            os.write(2, "".join(f"ERROR:  {line}\n" for line in why.splitlines()).encode())
            time.sleep(0.2)  # pyngrok stops reading at the line after which it finds us dead, and would miss the reason
            return 1
        if mode in RETRIES:
            for wait in WAITS[:1] if mode == "late" else chain(WAITS, repeat(WAITS[-1])):
                log("failed to reconnect session", "eror", obj="tunnels.session", err=FAILURES[RETRIES[mode]])
                time.sleep(wait)
        if mode == "stderr-token":
            os.write(2, f"WARN:  using the authtoken {token}\n".encode())
        time.sleep(LONG if mode == "slow" else 0)
        agent.session = True
        log("tunnel session started", obj="tunnels.session")
        log("client session established", obj="csess")
    while True:
        signal.pause()


def main(where: str, mode: str, argv: list[str]) -> int:
    """The command itself; the launcher says where it lives and how it is to behave."""
    folder, options = Path(where), dict(pairwise(argv))
    agent = Agent(folder, "ok" if mode == "old-agent" and (folder / "ngrok-updated").exists() else mode)
    if argv[:1] == ["start"]:
        return start(agent, argv, options)
    agent.record("".join(argv[:1]), argv=argv)
    match argv:
        case ["--version" | "version", *_]:
            print(f"ngrok version {'3.18.0' if agent.mode == 'old-agent' else '3.39.1'}")
        case ["update", *_]:
            (folder / "ngrok-updated").touch()
            print("Updated to version 3.39.1.")
        case ["config", "add-authtoken", token, *_]:
            file = Path(options.get("--config", folder / "ngrok.yml"))
            file.write_text(f"version: '3'\nagent:\n  authtoken: {token}\n")
            print(f"Authtoken saved to configuration file: {file}")
        case _:
            sys.exit(f"ERROR:  unknown command {argv}")
    return 0
