"""The secret path: what comes by it reaches the receiver as it was sent; nobody else gets in, or is told anything."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from nbhelpers.auth.signatures import sign
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.addresses import NONCE_HEADER
from nbhelpers.services import launcher
from nbhelpers.services.record import read_record
from nbhelpers.tunnel.webhook_secret import make_secret, take_back
from tests.support.jupyter_server import Server, serving
from tests.support.labs import message

SIGNING = "a signature secret of thirty-two letters"


@dataclass(frozen=True)
class Public:
    """A server with the secret path open, and the live lab behind it."""

    server: Server
    settings: Settings
    secret: str

    def path(self, tail: str = "inbound", secret: str | None = None) -> str:
        return f"nbhelpers/webhooks/{self.secret if secret is None else secret}/{tail}"

    def deliveries(self) -> list[Delivery]:
        inbox = Inbox(self.settings.folder / "lab.sqlite3")
        try:
            return inbox.deliveries(limit=1000)
        finally:
            inbox.close()


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    folder = tmp_path_factory.mktemp("public")
    environ = {"VONAGE_SIGNATURE_SECRET": SIGNING}
    settings = configuration.load("live", folder / "lab", environ=environ, folder=folder)
    settings = dataclasses.replace(settings, receiver_port=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VONAGE_SIGNATURE_SECRET", SIGNING)
        patch.chdir(folder)
        with serving(folder / "home", "/user/ada/", NBHELPERS_STATE=str(settings.state)) as server:
            launcher.start("receiver", settings)
            try:
                yield Public(server, settings, make_secret(settings.folder))
            finally:
                launcher.stop(settings)


def signed(body: bytes) -> dict[str, str]:
    return {"Content-Type": "application/json", "Authorization": sign(body, SIGNING, "abcd1234")}


def test_bytes_and_headers_arrive_as_they_were_sent_and_the_signature_holds(public: Public) -> None:
    body = json.dumps(message(text="Zoë  \n", uuid="as-sent"), indent=3, ensure_ascii=False).encode()
    headers = signed(body) | {"X-Odd": "a,  b", "User-Agent": "the service"}
    answer = public.server.post(public.path(), data=body, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    came = public.deliveries()[-1]
    assert (came.method, came.path, came.body, came.verdict) == ("POST", "/webhooks/inbound", body, "signed")
    kept = dict(came.headers)
    assert (kept["x-odd"], kept["user-agent"], kept["authorization"]) == (
        "a,  b",
        "the service",
        headers["Authorization"],
    )
    assert kept["host"] == urlsplit(public.server.url).netloc
    assert "cookie" not in kept


def test_each_of_two_headers_of_one_name_arrives(public: Public) -> None:
    body = json.dumps(message(uuid="twice")).encode()
    place = urlsplit(public.server.url)
    lines = [f"POST {place.path}{public.path('status')} HTTP/1.1", f"Host: {place.netloc}", "Connection: close"]
    lines += ["X-Two: first", "X-Two: second", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in signed(body).items()]
    with socket.create_connection((place.hostname or "", place.port or 0), 10) as caller:
        caller.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        assert caller.recv(100).startswith(b"HTTP/1.1 200")
    came = public.deliveries()[-1]
    assert came.path == "/webhooks/status"
    # The receiver keeps the last of a name; both have reached it.
    assert dict(came.headers)["x-two"] == "second"


def test_a_body_in_chunks_is_put_together(public: Public) -> None:
    body = json.dumps(message(uuid="in-chunks")).encode()
    pieces = (body[at : at + 7] for at in range(0, len(body), 7))
    answer = public.server.post(public.path(), data=pieces, headers=signed(body))
    assert answer.status_code == 200
    assert public.deliveries()[-1].body == body


def test_the_receivers_own_answer_comes_back(public: Public) -> None:
    body = json.dumps(message()).encode()
    wrong = public.server.post(public.path(), data=body, headers={"Authorization": sign(body, "another" * 6, "a")})
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "The signature was not accepted."
    unsigned = public.server.post(public.path(), data=body)
    assert unsigned.status_code == 503
    unread = public.server.post(public.path(), data=b"{", headers=signed(b"{"))
    assert unread.json()["error"] == "This is no webhook."
    foreign = public.server.post(
        public.path(), data=body, headers=signed(body) | {"Origin": "https://elsewhere.example"}
    )
    assert foreign.status_code == 400


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_only_post_is_taken(public: Public, method: str) -> None:
    answer = requests.request(method, public.server.url + public.path(), timeout=10)
    assert answer.status_code == 405


@pytest.mark.parametrize("tail", ["", "inbound/", "Inbound", "healthz", "inbound/../status", "inbound.json"])
def test_behind_the_secret_nothing_else_is(public: Public, tail: str) -> None:
    assert public.server.post(public.path(tail.replace("..", "%2e%2e")), json=message()).status_code == 404


def test_a_wrong_secret_gets_404_with_nothing_in_it(public: Public) -> None:
    before = len(public.deliveries())
    wrong = ["x", "", public.secret[:-1], public.secret + "x", public.secret.swapcase(), "%00", "a" * 5000, "ü"]
    for secret in wrong:
        answer = public.server.post(public.path(secret=secret), json=message())
        assert (answer.status_code, answer.content) == (404, b""), secret
    assert len(public.deliveries()) == before


def test_whoever_is_refused_may_send_their_body_first(public: Public) -> None:
    """A proxy that meets an ended connection while it still sends answers 503 in the server's place."""
    place, body = urlsplit(public.server.url), b'{"from": "somebody"}'
    for secret, tail, status in [("wrong", "inbound", 404), (public.secret, "elsewhere", 404)]:
        path = f"{place.path}{public.path(tail, secret)}"
        head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((place.hostname or "", place.port or 0), 10) as sender:
            sender.sendall(head.encode())
            sender.settimeout(0.3)
            with pytest.raises(TimeoutError):
                sender.recv(1)
            sender.settimeout(10)
            sender.sendall(body)
            assert sender.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_the_secret_is_128_random_bits_and_another_after_it_was_taken_back(public: Public) -> None:
    other = dataclasses.replace(public.settings, mode="sandbox")
    first = make_secret(other.folder)
    assert len(first) == 22 and first != public.secret
    assert make_secret(other.folder) == first
    assert public.server.post(public.path(secret=first), json=message()).status_code == 503, (
        "the sandbox has no receiver"
    )
    assert take_back(other.folder) is True
    assert take_back(other.folder) is False
    assert public.server.post(public.path(secret=first), json=message()).status_code == 404
    second = make_secret(other.folder)
    assert second != first
    assert public.server.post(public.path(secret=second), json=message()).status_code == 503


def test_without_a_receiver_it_says_so_and_the_sender_tries_again(public: Public) -> None:
    folder = dataclasses.replace(public.settings, mode="sandbox").folder
    answer = public.server.post(public.path(secret=make_secret(folder)), json=message())
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "There is no receiver.",
        "seen": "The learner's receiver does not run.",
        "next": "Send again later.",
    }


def test_a_nonce_comes_back_from_this_receiver_alone_and_is_no_webhook(public: Public) -> None:
    before = len(public.deliveries())
    record = read_record(public.settings.folder, "receiver")
    answer = public.server.post(public.path(), headers={NONCE_HEADER: record.nonce})
    assert (answer.status_code, answer.json()["nonce"]) == (200, record.nonce)
    for wrong in ("another", "a b", "x&nonce=" + record.nonce, "", "é".encode("latin-1")):
        refused = public.server.post(public.path(), headers={NONCE_HEADER: wrong})
        assert record.nonce not in refused.text
        assert refused.status_code in (404, 503), wrong
    assert [call.path for call in public.deliveries()[before:] if call.answer == 200] == []


def test_a_body_that_is_too_long_is_refused_and_an_endless_one_is_not_read(public: Public) -> None:
    body = b"x" * ((1 << 20) + 1)
    assert public.server.post(public.path(), data=body, headers=signed(body)).status_code == 413
    place = urlsplit(public.server.url)
    head = f"POST {place.path}{public.path()} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {1 << 33}\r\n\r\n"
    with socket.create_connection((place.hostname or "", place.port or 0), 10) as caller:
        caller.sendall(head.encode())
        assert b" 400 " in caller.recv(100)


def test_a_sender_who_does_not_go_on_is_put_out_after_ten_seconds(public: Public) -> None:
    place = urlsplit(public.server.url)
    head = f"POST {place.path}{public.path()} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 100\r\n\r\nhalf"
    begun = time.monotonic()
    with socket.create_connection((place.hostname or "", place.port or 0), 30) as caller:
        caller.sendall(head.encode())
        assert b" 200 " not in caller.recv(100)
    assert 8 < time.monotonic() - begun < 20
    body = json.dumps(message(uuid="after")).encode()
    assert public.server.post(public.path(), data=body, headers=signed(body)).status_code == 200


def test_two_hundred_at_once_all_arrive(public: Public) -> None:
    def send(number: int) -> int:
        body = json.dumps(message(uuid=f"many-{number}")).encode()
        return public.server.post(public.path(), data=body, headers=signed(body)).status_code

    with concurrent.futures.ThreadPoolExecutor(16) as senders:
        answers = set(senders.map(send, range(200)))
    assert answers == {200}
    bodies = {json.loads(call.body)["message_uuid"] for call in public.deliveries() if call.answer == 200 and call.body}
    assert {f"many-{number}" for number in range(200)} <= bodies


def test_no_log_has_the_secret_in_it(public: Public) -> None:
    for tail in ("inbound", "status", "inbound/", "nothing"):
        public.server.post(public.path(tail), json=message(), headers={"Referer": public.server.url})
        public.server.get(public.path(tail))
    # Mistyped: not under this path at all.
    public.server.post(f"nbhelpers/Webhooks/{public.secret}/inbound", json=message())
    public.server.get(f"nbhelpers/webhook/{public.secret}/inbound", headers={})
    log = public.server.log.read_text()
    assert "POST …/nbhelpers/webhooks/•••• (127.0.0.1)" in log
    assert public.secret not in log
    for kept in Path(public.settings.state).rglob("*.log"):
        assert public.secret not in kept.read_text()
