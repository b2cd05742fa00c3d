"""What the internet sends to a public address: hundreds of odd requests, and nothing answers but what is meant to."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from nbhelpers import Lab
from nbhelpers.services import launcher
from nbhelpers.services.record import read_record
from tests.support.labs import message
from tests.support.tunnels import live_lab

ALLOWED = {400, 404, 405, 408, 413, 431}
PATIENCE = 14.0  # seconds: the receiver's own is 10
BODY = json.dumps(message()).encode()
ELSEWHERE = b"ada.ngrok-free.dev"  # what the Host is behind a real tunnel
HERE = b"@here@"  # stands for the Host


def ask(method: str, target: str | bytes, *headers: str, body: bytes = b"", version: str = "HTTP/1.1") -> bytes:
    """A request as bytes, with a Host, and with a Content-Length if it has a body."""
    path = target if isinstance(target, bytes) else target.encode("latin-1")
    lines = [method.encode() + b" " + path + b" " + version.encode(), b"Host: " + HERE, b"Connection: close"]
    lines += [header.encode("latin-1") for header in headers]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body


def raw(head: str, body: bytes = b"") -> bytes:
    """A request to the inbound path with these header lines, and nothing added."""
    lines = [
        "POST /webhooks/inbound HTTP/1.1",
        f"Host: {HERE.decode()}",
        "Connection: close",
        *head.split("\n"),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body


FILES = """
/ /index.html /index.php /robots.txt /sitemap.xml /favicon.ico /.well-known/security.txt /.well-known/acme-challenge/x
/.env /.env.local /.env.production /.env.bak /app/.env /api/.env /.envrc /.git/config /.git/HEAD /.git/index
/.gitignore /.svn/entries /.hg/store /.DS_Store /.aws/credentials /.ssh/id_rsa /.npmrc /.pypirc /.netrc /.bash_history
/.htpasswd /.htaccess /.vscode/settings.json /.idea/workspace.xml /.lab/live/tunnel.json /.lab/live/ngrok/ngrok.yml
/private.key /lab.sqlite3 /receiver.json /tunnel.json /config.json /config.yml /secrets.json /id_rsa /backup.zip
/backup.tar.gz /db.sql /dump.sql /docker-compose.yml /Dockerfile /package.json /composer.json /server.key
/wp-login.php /wp-admin/ /wp-json/ /wp-content/debug.log /wp-config.php.bak /xmlrpc.php /phpmyadmin/
/phpMyAdmin/index.php /pma/ /phpinfo.php /info.php /shell.php /cgi-bin/test.cgi /cgi-bin/luci /boaform/admin/formLogin
/HNAP1/ /actuator /actuator/health /actuator/env /actuator/heapdump /metrics /debug/pprof/ /debug/vars /_profiler
/console /manager/html /solr/admin/cores /jenkins/login /v2/_catalog /_cat/indices /_all/_search /api/v1/pods /version
/healthcheck /status /server-status /login /admin /owa/ /autodiscover/autodiscover.xml /ecp/Current/exporttool
/remote/login /vpn/index.html /geoserver/web/ /hudson /telescope /graphql /swagger.json /openapi.json /docs /redoc
/api /api/users /v1/messages /v0.1/messages /beta/messages /v2/applications /_simulator/settings /_simulator/webhooks
/_simulator/write /_simulator/ /simulator /control /demo /api/contents /api/contents/.env /api/kernels /api/sessions
/api/terminals /api/status /api/config /lab /lab/tree /tree /tree/notebooks /notebooks/00_start_here.ipynb /files/.env
/edit/.env /nbextensions/x /terminals/1 /voila/render /kernelspecs/python3/logo.png /hub/login /user/ada/api/kernels
/api/endpoints /api/tunnels /api/requests/http /inspect/http /healthz /healthz/ /healthz?nonce= /healthz?nonce=wrong
/healthz?nonce=../x /healthz?nonce[]=a /healthz?NONCE=a /HEALTHZ /health /webhooks /webhooks/ /webhooks/answer
/webhooks/event /webhooks/inbound.php /webhooks/..%2f..%2f.env
"""
WORDS = "test old new dev staging backup site www web upload uploads files data tmp temp log logs user users auth"
ENDS = ["", ".php", ".bak", ".zip", "/", "/.git/config"]

TRAVERSALS = r"""
/../../../../etc/passwd /..%2f..%2f..%2fetc/passwd /%2e%2e/%2e%2e/etc/passwd /%2e%2e%2f%2e%2e%2fetc%2fpasswd
/..%252f..%252fetc/passwd /%252e%252e/etc/passwd /..%c0%af..%c0%afetc/passwd /..%e0%80%af../etc/passwd
/....//....//etc/passwd /..\..\..\windows\win.ini /..%5c..%5cwindows%5cwin.ini /..%255c..%255cboot.ini /.%2e/.%2e/.env
/%u002e%u002e/.env /static/../../../.env /lab/../.env //etc/passwd ///etc/passwd /./.env /;/../.env
/..;/..;/manager/html /%00/.env /.env%00.html file:///etc/passwd /proc/self/environ /proc/self/cmdline /@fs/etc/passwd
/?file=../../.env /?page=php://filter/x=/etc/passwd /%%32%65%%32%65/.env /%ff%fe /%zz /% /%2 /~root/.ssh/id_rsa
/\\127.0.0.1\share /C:/windows/win.ini /${jndi:ldap://127.0.0.1/a} /?x={{7*7}} /?x=<script>alert(1)</script>
/?x='%20OR%201=1-- /$(id) /`id` /|id /*~1*/.aspx /?%00 /?%0d%0aSet-Cookie:a=b /%0d%0aSet-Cookie:%20a=b /%0aX:1
/?__proto__[x]=1 /cgi-bin/.%2e/.%2e/bin/sh /index.php?s=/Index/think%07app/invoke
"""

# A webhook as it should be, beside the two paths by a hair.
NEAR_MISSES = r"""
/webhooks/inbound/ /webhooks/status/ /WEBHOOKS/INBOUND /Webhooks/Inbound /webhooks/Status //webhooks/inbound
/webhooks//inbound /./webhooks/inbound /webhooks/./inbound /x/../webhooks/inbound /webhooks/inbound/../status
/webhooks/inbound/../../healthz /webhooks/inbound/.. /webhooks/inbound%00 /webhooks/inbound%20 /webhooks/inbound%0a
/webhooks/inbound%2f /webhooks/inbound;x=1 /webhooks/inbound.json /webhooks/inbound\ /webhooks%252finbound
/webhooks%5cinbound /webhooks\inbound /webhooks/inbound%23 /webhooks/inbound%3fx=1 /api/webhooks/inbound
/webhooks/inbounds /webhooks/inboun /webhooks/inbound,/webhooks/status /webhooks/%2569nbound /inbound /status
/webhooks/inbound/healthz /webhooks/inbound+ /webhooks/%ef%bc%a9nbound /webhooks/inbo%C5%ABnd
/webhooks/inbound%e2%80%8b /webhooks%00/inbound
"""

# Nothing but POST, and each of these at a webhook path and elsewhere.
METHODS = """
GET HEAD PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT MERGE
LINK UNLINK PURGE SUBSCRIBE NOTIFY QUERY DEBUG TRACK post Post pOST get PosT POSTS POS X FOO-BAR POST/ <script>
"""

HUGE = "x" * 70_000
VALID = f"Content-Length: {len(BODY)}"


def odd_requests() -> Iterator[tuple[str, bytes]]:
    """Every request with a name of its own."""
    words = [f"/{word}{end}" for word in WORDS.split() for end in ENDS]
    for path in dict.fromkeys([*FILES.split(), *TRAVERSALS.split(), *words]):
        yield f"GET {path}", ask("GET", path)
    for path in NEAR_MISSES.split():
        yield f"POST {path}", ask("POST", path, "Content-Type: application/json", body=BODY)
    for method in METHODS.split():
        yield f"{method} at a webhook path", ask(method, "/webhooks/inbound", body=BODY)
        yield f"{method} elsewhere", ask(method, "/nbconvert")
    yield "CONNECT to a host", ask("CONNECT", "169.254.169.254:80")
    yield "OPTIONS of everything", ask("OPTIONS", "*")
    yield "POST of everything", ask("POST", "*", body=BODY)
    yield "no slash", ask("POST", "webhooks/inbound", body=BODY)
    yield "absolute, elsewhere", ask("GET", "http://169.254.169.254/latest/meta-data/")
    yield "absolute, here", ask("GET", "http://127.0.0.1:8888/api/contents")
    yield "absolute, with a user", ask("GET", "http://a:b@127.0.0.1/lab")
    yield "absolute, by TLS", ask("GET", "https://127.0.0.1/lab")
    yield "a control byte in the path", ask("GET", b"/\x01\x02.env")
    yield "a NUL in the path", ask("GET", b"/.env\x00.html")
    yield "bytes in the path that are no text", ask("GET", b"/\xff\xfe\xc0\xaf")
    yield "UTF-8 in the path", ask("GET", "/Zoë".encode())
    yield "a space in the path", ask("GET", "/a b")
    yield "a path of 9 kB", ask("GET", "/" + "a" * 9000)
    yield "a path of 70 kB", ask("GET", "/" + HUGE)
    yield "a query of 70 kB", ask("POST", "/webhooks/inbound?" + HUGE, body=BODY)
    yield "70 kB in one header", raw(f"X-Long: {HUGE}\n{VALID}", BODY)
    yield "70 kB in 700 headers", raw("\n".join(f"X-{n}: {'x' * 95}" for n in range(700)) + f"\n{VALID}", BODY)
    yield "a name of 70 kB", raw(f"X-{HUGE}: 1\n{VALID}", BODY)
    yield "a name of 9 kB elsewhere", ask("GET", "/lab", f"X-{'x' * 9000}: 1")
    yield "500 headers elsewhere", ask("GET", "/lab", *(f"X-{n}: 1" for n in range(500)))
    yield "500 cookies", ask("GET", "/lab", *("Cookie: a=b" for _ in range(500)))
    yield "a header with a NUL", raw(f"X-A: a\x00b\n{VALID}", BODY)
    yield "a header with control bytes in its name", raw(f"X\x01A: b\n{VALID}", BODY)
    yield "a header without a colon", raw(f"nothing\n{VALID}", BODY)
    yield "a header without a name", raw(f": nothing\n{VALID}", BODY)
    yield "a space before the colon", raw(f"X-A : b\n{VALID}", BODY)
    yield "a folded header", raw(f"X-A: b\n c\n{VALID}x", BODY)
    yield "two lengths", raw(f"{VALID}\nContent-Length: 5", BODY)
    yield "two lengths in one", raw(f"{VALID}, 5", BODY)
    yield "a negative length", raw("Content-Length: -1", BODY)
    yield "a signed length", raw(f"Content-Length: +{len(BODY)}", BODY)
    yield "a length in hex", raw("Content-Length: 0x10", BODY)
    yield "a length beyond all numbers", raw(f"Content-Length: {'9' * 40}", BODY)
    yield "a length that is empty", raw("Content-Length: ", BODY)
    yield "length and chunks", raw(f"{VALID}\nTransfer-Encoding: chunked", b"0\r\n\r\n" + ask("GET", "/lab"))
    yield "chunks and length", raw(f"Transfer-Encoding: chunked\n{VALID}", b"0\r\n\r\nGET /lab HTTP/1.1\r\n\r\n")
    yield "chunks twice", raw("Transfer-Encoding: chunked, chunked", b"0\r\n\r\n")
    yield "chunks that are not last", raw("Transfer-Encoding: chunked, identity", b"0\r\n\r\n")
    yield "an encoding nobody knows", raw("Transfer-Encoding: cow", BODY)
    yield "a hidden encoding", raw(f"{VALID}\nTransfer-Encoding:\x0bchunked", BODY)
    yield "a chunk without a size", raw("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n")
    yield "a chunk of a negative size", raw("Transfer-Encoding: chunked", b"-1\r\nabc\r\n0\r\n\r\n")
    yield "a chunk of all sizes", raw("Transfer-Encoding: chunked", b"f" * 20 + b"\r\nabc\r\n0\r\n\r\n")
    yield "a chunk longer than it says", raw("Transfer-Encoding: chunked", b"1\r\nabc\r\n0\r\n\r\n")
    yield "chunks of nothing", raw("Transfer-Encoding: chunked", b"0\r\n\r\n")
    yield "no body", raw("Content-Length: 0")
    yield "no length", raw("Content-Type: application/json")
    yield "a body of 2 MB", raw("Content-Length: 2000000", b"x" * 2_000_000)
    yield "a body of 2 MB elsewhere", ask("POST", "/upload", body=b"x" * 2_000_000)
    yield "a body of 8 MB", raw("Content-Length: 8000000", b"x" * 8_000_000)
    yield "2 MB in one chunk", raw("Transfer-Encoding: chunked", b"1e8480\r\n" + b"x" * 2_000_000 + b"\r\n0\r\n\r\n")
    yield "a body that is zipped", raw("Content-Encoding: gzip\nContent-Length: 20", b"\x1f\x8b\x08" + b"\x00" * 17)
    yield "a body of brackets", raw("Content-Length: 100000", b"[" * 100_000)
    yield "a body that is a form", ask("POST", "/webhooks/inbound", body=b"a=b&c=d")
    yield (
        "a body that is XML",
        ask("POST", "/webhooks/inbound", body=b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///x">'),
    )
    yield "a body that asks for a continue", raw("Expect: 100-continue\nContent-Length: 4", b"[{}]")
    yield "a page elsewhere sends it", ask("POST", "/webhooks/inbound", "Origin: https://evil.example", body=BODY)
    yield "a file sends it", ask("POST", "/webhooks/inbound", "Origin: null", body=BODY)
    yield "another Host", ask("GET", "/lab").replace(HERE, b"evil.example")
    yield "no Host", ask("GET", "/lab").replace(b"Host: " + HERE + b"\r\n", b"")
    yield "two Hosts", ask("GET", "/lab", "Host: 127.0.0.1")
    yield "a Host of the cloud", ask("GET", "/latest/meta-data/").replace(HERE, b"169.254.169.254")
    yield "a forwarded Host", ask("GET", "/lab", "X-Forwarded-Host: localhost", "X-Forwarded-For: 127.0.0.1")
    yield "another path in a header", ask("GET", "/", "X-Original-URL: /healthz", "X-Rewrite-URL: /webhooks/inbound")
    yield "another method in a header", ask("GET", "/webhooks/inbound", "X-HTTP-Method-Override: POST")
    yield (
        "a WebSocket",
        ask("GET", "/api/kernels/1/channels", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
    )
    yield (
        "HTTP/2, please",
        ask("GET", "/lab", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AA"),
    )
    yield "HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    yield "HTTP/0.9", b"GET /lab\r\n\r\n"
    yield "HTTP/1.0", ask("GET", "/lab", version="HTTP/1.0")
    for version in ("HTTP/9.9", "HTTP/1", "http/1.1", "HTTQ/1.1", "HTTP/1.10", "RTSP/1.0", "ICY", ""):
        yield f"version {version or 'none'}", ask("GET", "/lab", version=version)
    yield "nothing but an end", b"\r\n\r\n\r\n\r\n"
    yield "line feeds alone", b"GET /lab HTTP/1.1\nHost: " + HERE + b"\n\n"
    yield "two at once", ask("GET", "/lab").replace(b"Connection: close\r\n", b"") + ask("GET", "/tree")
    yield "one that smuggles another", raw("Content-Length: 6\nTransfer-Encoding: chunked", b"0\r\n\r\nG")
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64))
    yield "SSH", b"SSH-2.0-Go\r\n"
    yield "SMTP", b"EHLO evil.example\r\nMAIL FROM:<a@b>\r\n\r\n"
    yield "Redis", b"*1\r\n$4\r\nINFO\r\n\r\n"
    yield "RDP", b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00"
    yield "noise", bytes(range(256)) * 4 + b"\r\n\r\n"


# Sent a byte each half second, for longer than the receiver waits.
SLOW = {
    "a slow body": raw("Content-Length: 1000"),
    "a slow body elsewhere": ask("POST", "/upload", "Content-Length: 1000"),
    "a slow chunk": raw("Transfer-Encoding: chunked", b"3e8\r\n"),
    "a slow body without a byte": raw("Content-Length: 1000"),
}


@dataclass
class Met:
    """What came back, and after how long it was closed; None when it never was."""

    name: str
    way: str
    answer: bytes
    closed: float | None

    @property
    def statuses(self) -> list[int]:
        found = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.answer)]
        return [status for status in found if status != 100]  # which says only: go on


class Scanner:
    """Sends to one public address, and to the receiver behind it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.public = lab, lab.tunnel.public_url or ""
        receiver = launcher.find("receiver", lab.settings)
        assert receiver is not None
        self.receiver, self.pid = receiver.url, receiver.pid
        record = read_record(lab.settings.folder, "receiver")
        assert record is not None
        self.nonce = record.nonce

    def send(self, name: str, request: bytes, way: str) -> Met:
        """One request over a connection of its own."""
        address = urlsplit(self.receiver if way == "directly" else self.public)
        request = request.replace(HERE, ELSEWHERE if way == "with a Host of elsewhere" else address.netloc.encode())
        begun = time.monotonic()
        answer, closed = b"", None
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
            try:
                connection.sendall(request)
                if way != "directly" and not re.search(rb"\S\r?\n\r?\n", request):
                    # The edge waits for the end of a head, and hands on nothing before that.
                    connection.shutdown(socket.SHUT_WR)
                if name in SLOW:
                    answer = self._dribble(connection, begun, name)
                while piece := connection.recv(65_536):
                    answer += piece
                closed = time.monotonic() - begun
            except TimeoutError:
                pass
            except ConnectionError:
                closed = time.monotonic() - begun
        return Met(name, way, answer, closed)

    def _dribble(self, connection: socket.socket, begun: float, name: str) -> bytes:
        connection.settimeout(0.5)
        while time.monotonic() - begun < PATIENCE:
            if "without" not in name:
                connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                return connection.recv(65_536)
        raise TimeoutError


WAYS = ("with a Host of elsewhere", "with a Host of here", "directly")


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scanner]:
    folder = tmp_path_factory.mktemp("scanned")
    # What killed kernels left there may name the port of our receiver, which is any free one.
    with live_lab(folder, JUPYTER_RUNTIME_DIR=str(folder / "runtime")) as lab:
        yield Scanner(lab)


@pytest.fixture(scope="module")
def scan(scanner: Scanner) -> list[Met]:
    """All of them, each on three ways; those that take their time beside the others."""
    every = [*((name, request, way) for name, request in SLOW.items() for way in WAYS)]
    rest = [(name, request, way) for way in WAYS for name, request in odd_requests()]
    every += sorted(rest, key=lambda each: bool(re.search(rb"\n\r?\n", each[1])))  # heads without an end take 10 s too
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        return list(pool.map(lambda each: scanner.send(*each), every))


def told(found: list[Met]) -> list[str]:
    return [f"{met.name[:80]}, {met.way}: {met.answer[:300]!r}, closed after {met.closed}" for met in found]


@pytest.mark.fast
def test_there_are_more_than_two_hundred_and_no_two_are_alike() -> None:
    names, requests_ = zip(*odd_requests(), strict=True)
    assert len(set(requests_)) == len(set(names)) == len(names) > 300


def test_each_of_them_is_refused_or_cut_off(scan: list[Met]) -> None:
    assert told([met for met in scan if not set(met.statuses) <= ALLOWED]) == []
    assert told([met for met in scan if not met.statuses and met.answer]) == [], "what has no status is no answer"


def test_each_of_them_is_closed_after_it(scan: list[Met]) -> None:
    assert told([met for met in scan if met.closed is None]) == []
    assert told([met for met in scan if met.name not in SLOW and met.closed and met.closed > 12]) == []


def test_a_slow_one_is_closed_after_ten_seconds(scan: list[Met]) -> None:
    slow = [met for met in scan if met.name in SLOW]
    assert len(slow) == len(SLOW) * len(WAYS)
    # With a foreign Host it is refused elsewhere before its body is asked for.
    waited = [met for met in slow if met.statuses != [400]]
    assert len(waited) == len(slow) - 1
    assert told([met for met in waited if not met.closed or not 9.5 < met.closed < 12.5]) == []
    assert {status for met in waited for status in met.statuses} == {408}


def test_the_edge_never_has_to_speak_for_the_receiver(scan: list[Met]) -> None:
    """Its own pages say that nobody answered."""
    assert told([met for met in scan if b"ERR_NGROK" in met.answer]) == []


def test_no_answer_tells_of_the_inside(scan: list[Met], scanner: Scanner) -> None:
    inside = [
        b"traceback",
        b"uvicorn",
        scanner.nonce.lower().encode(),
        str(scanner.lab.settings.state).lower().encode(),
    ]
    assert told([met for met in scan for word in inside if word in met.answer.lower()]) == []
    heads = [(met, met.answer.partition(b"\r\n\r\n")[0].lower()) for met in scan]
    assert told([met for met, head in heads if re.search(rb"\n(server|set-cookie|x-1):", head)]) == []


def test_no_answer_is_long_nor_repeats_the_head_of_its_request(scan: list[Met]) -> None:
    """As TRACE would; and whoever writes somebody else's address on his requests floods nobody."""
    assert told([met for met in scan if b"\nhost:" in met.answer.lower()]) == []
    assert told([met for met in scan if len(met.answer) > 1000]) == []


def test_none_of_them_became_an_event_and_what_is_kept_of_them_is_bounded(scan: list[Met], scanner: Scanner) -> None:
    assert [event for event in scanner.lab.inbox.events() if event.kind != "call"] == []
    assert scanner.lab.inbox.newest_message() is None
    kept = scanner.lab.inbox.deliveries(limit=10_000)
    with contextlib.closing(sqlite3.connect(scanner.lab.settings.folder / "lab.sqlite3")) as file:
        (recorded,) = file.execute("SELECT max(id) FROM deliveries").fetchone()
    assert recorded > 600, "else there is nothing to bound"
    assert len(kept) == 500
    assert max(len(call.body) for call in kept) <= 4096
    assert max(len(call.path) for call in kept) <= 8000


def test_afterwards_the_same_receiver_takes_webhooks_and_has_nothing_to_complain_of(
    scan: list[Met], scanner: Scanner
) -> None:
    assert psutil.Process(scanner.pid).is_running()
    receiver = launcher.find("receiver", scanner.lab.settings)
    assert receiver is not None and receiver.pid == scanner.pid
    assert repr(scanner.lab.tunnel).startswith(f"Public: {scanner.public}")
    for number, path in enumerate(("/webhooks/inbound", "/webhooks/status")):
        body = message(psid=f"10{number}", uuid=f"uuid-{number}")
        assert requests.post(scanner.public + path, json=body, timeout=5).status_code == 200
    assert sorted(event.psid or "" for event in scanner.lab.inbox.events("inbound")) == ["100", "101"]
    answer = requests.get(f"{scanner.public}/healthz", params={"nonce": scanner.nonce}, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"service": "receiver", "nonce": scanner.nonce})
    log = (scanner.lab.settings.folder / "logs" / "receiver.log").read_text()
    assert [line for line in log.splitlines() if not line.startswith("{")] == [], "a fault of ours would stand here"


SPELLINGS = [
    "/%77ebhooks/inbound",
    "/webhooks%2Finbound",
    "http://evil.example/webhooks/inbound",
    "/webhooks/inbound?x=1",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_webhook_path_in_another_spelling_is_that_path_and_no_wider_receiver(scanner: Scanner, spelling: str) -> None:
    """A server decodes paths and ignores whose name an absolute one has: no other request gets in by it."""
    sent = message(psid="102", uuid="uuid-of-a-spelling")
    met = scanner.send(spelling, ask("POST", spelling, body=json.dumps(sent).encode()), WAYS[0])
    assert met.statuses == [200]
    assert scanner.lab.inbox.deliveries()[-1].path.startswith("/webhooks/inbound")
    assert scanner.send(spelling, ask("GET", spelling), WAYS[0]).statuses == [405]
    forged = ask("POST", spelling, "Origin: https://evil.example", body=json.dumps(sent).encode())
    assert scanner.send(spelling, forged, WAYS[0]).statuses == [400]
