"""tunnel/reach: a nonce goes out through a public address; only this receiver brings it back."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from nbhelpers.config.settings import Settings
from nbhelpers.services import launcher
from nbhelpers.services.record import Record, read_record
from nbhelpers.tunnel.ngrok_agent import Agent
from nbhelpers.tunnel.reach import HEADERS, Reached, ngrok_code, reach, wait_until_reached
from tests.support import fake_ngrok
from tests.support.simulation import target
from tests.support.tunnels import TOKEN

NONCE = "a-nonce-that-nobody-else-knows"


@pytest.fixture
def receiver(settings: Settings) -> Record:
    return launcher.start("receiver", settings)


def nonce_of(settings: Settings) -> str:
    record = read_record(settings.folder, "receiver")
    assert record is not None
    return record.nonce


@contextmanager
def through_ngrok(folder: Path, target_url: str, mode: str = "ok") -> Iterator[str]:
    """The public address of a stand-in ngrok that leads there."""
    agent = Agent(fake_ngrok.install(folder / "ngrok-program", mode), folder / "ngrok", TOKEN)
    try:
        yield agent.open(target_url)
    finally:
        agent.close()


@contextmanager
def speaker(words: bytes | None, hold: float = 0.0) -> Iterator[str]:
    """Somebody who answers everybody with these bytes, or with nothing, after `hold` seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def speak() -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = listener.accept()
                with visitor, contextlib.suppress(OSError):
                    visitor.recv(65_536)
                    done.wait(hold)
                    if words is not None:
                        visitor.sendall(words)
                        visitor.shutdown(socket.SHUT_WR)
                        visitor.settimeout(1)
                        visitor.recv(1)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        done.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def page(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode()


def not_here(base: str, nonce: str = NONCE, timeout: float = 5.0) -> Reached:
    met = reach(base, nonce, timeout)
    assert not met.here
    assert met.seen and met.next, "what was met, and what to do"
    assert nonce not in met.seen + met.next
    return met


# Who is there


def test_this_receiver_is_reached_directly_and_through_ngrok(
    receiver: Record, settings: Settings, tmp_path: Path
) -> None:
    assert reach(receiver.url, nonce_of(settings)).here
    with through_ngrok(tmp_path, receiver.url) as public:
        met = reach(public, nonce_of(settings))
    assert met == Reached(True, "The nonce came back through the public address: it is this receiver.")


def test_another_receiver_is_not_this_one(receiver: Record, settings: Settings, tmp_path: Path) -> None:
    other = dataclasses.replace(settings, state=tmp_path / "other")
    try:
        met = not_here(launcher.start("receiver", other).url, nonce_of(settings))
    finally:
        launcher.stop(other)
    assert met.seen == "Somebody else answered there: 404, and the nonce did not come back."
    assert "your receiver" in met.next


STRANGERS = [
    page("200 OK", ""),
    page("200 OK", "<h1>It works!</h1>", "Content-Type: text/html"),
    page("200 OK", '{"service": "receiver", "nonce": "another"}', "Content-Type: application/json"),
    page("200 OK", '{"service": "receiver"}'),
    page("200 OK", f'["{NONCE}"]'),
    page("200 OK", f'"{NONCE}"'),
    page("200 OK", "null"),
    page("200 OK", NONCE),
]


@pytest.mark.fast
@pytest.mark.parametrize("answer", STRANGERS)
def test_a_stranger_who_answers_200_is_not_this_receiver(answer: bytes) -> None:
    with speaker(answer) as url:
        assert "Somebody else answered there: 200" in not_here(url).seen


@pytest.mark.fast
@pytest.mark.parametrize("status", ["201 Created", "404 Not Found", "500 Internal Server Error", "503 Unavailable"])
def test_nor_is_who_repeats_the_nonce_with_another_status(status: str) -> None:
    with speaker(page(status, f'{{"nonce": "{NONCE}"}}')) as url:
        assert f"Somebody else answered there: {status[:3]}" in not_here(url).seen


@pytest.mark.fast
def test_a_redirect_is_not_followed() -> None:
    with target(302) as elsewhere:
        met = not_here(elsewhere.url.rpartition("/")[0])
        assert [call.path.partition("?")[0] for call in elsewhere.calls] == ["/healthz"]
    assert "Somebody else answered there: 302" in met.seen


# What ngrok says in its own name


def test_an_endpoint_that_is_offline_is_told_by_its_code(receiver: Record, settings: Settings, tmp_path: Path) -> None:
    with through_ngrok(tmp_path, receiver.url, "dead-edge") as public:
        met = not_here(public, nonce_of(settings))
    assert met.seen.startswith("ngrok answered 404 (ERR_NGROK_3200). No ngrok program stands behind this address")
    assert met.next.startswith("Open the tunnel again")


def test_a_receiver_that_is_shut_behind_the_tunnel_is_told_by_its_code(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with through_ngrok(tmp_path, f"http://127.0.0.1:{port}") as public:
        met = not_here(public)
    assert met.seen.startswith("ngrok answered 502 (ERR_NGROK_8012). The tunnel is open, but your receiver does not")
    assert "lab.receiver" in met.next


def test_the_page_for_browsers_is_never_met(
    receiver: Record, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with through_ngrok(tmp_path, receiver.url) as public:
        browser = requests.get(public, headers={"User-Agent": "Mozilla/5.0"}, timeout=5)
        assert ngrok_code(browser.text) == "6024", "it is there for others"
        assert reach(public, nonce_of(settings)).here
        # Each of the two headers is enough.
        assert HEADERS["User-Agent"] == "nbhelpers"
        monkeypatch.setitem(HEADERS, "User-Agent", "Mozilla/5.0")
        assert reach(public, nonce_of(settings)).here


@pytest.mark.fast
def test_a_code_that_nobody_knows_is_told_all_the_same() -> None:
    with speaker(page("503 No", "", "ngrok-error-code: ERR_NGROK_99999")) as url:
        met = reach(url, NONCE)
    assert (met.here, met.seen) == (False, "ngrok answered 503 (ERR_NGROK_99999).")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("text", "code"), [("ERR_NGROK_3200", "3200"), ("<p>ERR_NGROK_727</p>", "727"), ("ERR_NGROK_", None), ("", None)]
)
def test_the_code_is_read_out_of_any_text(text: str, code: str | None) -> None:
    assert ngrok_code(text) == code


# No answer, or half of one


GARBAGE = [
    b"\x00\xff\x16\x03\x01" * 20,
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 abc\r\n\r\n",
    b"",
]


@pytest.mark.fast
@pytest.mark.parametrize("words", GARBAGE)
def test_garbage_is_told_and_raises_nothing(words: bytes) -> None:
    with speaker(words) as url:
        met = not_here(url)
    assert "\x00" not in met.seen and "Traceback" not in met.seen


@pytest.mark.fast
def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "127.0.0.1" in not_here(f"http://127.0.0.1:{port}").seen


@pytest.mark.fast
@pytest.mark.parametrize(
    "base", ["http://no-such-name.invalid", "http://", "ftp://127.0.0.1", "http://127.0.0.1:99999"]
)
def test_an_address_that_is_none_raises_nothing(base: str) -> None:
    not_here(base)


def test_a_slow_one_is_waited_for_no_longer_than_was_said() -> None:
    with speaker(None, hold=30) as url:
        begun = time.monotonic()
        not_here(url, timeout=0.5)
        assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize(("piece", "pause"), [(b" ", 0.3), (b"x" * 65_536, 0.0)])
def test_an_answer_without_an_end_holds_us_no_longer_than_was_said(piece: bytes, pause: float) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            visitor, _ = listener.accept()
            with visitor:
                visitor.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while not ended.wait(pause):
                    visitor.sendall(piece)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        begun = time.monotonic()
        not_here(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=1)
        assert time.monotonic() - begun < 2.5
    finally:
        ended.set()
        listener.close()
        thread.join(5)


# Waiting


def test_who_waits_is_told_as_soon_as_it_is_there(settings: Settings, tmp_path: Path) -> None:
    first = launcher.start("receiver", settings)
    nonce = nonce_of(settings)
    with through_ngrok(tmp_path, first.url) as public:
        pid = launcher.find("receiver", settings)
        assert pid is not None
        # The way there opens only after a moment, as a domain that was assigned just now does.
        gate = Gate(public)
        threading.Timer(1.0, gate.open).start()
        begun = time.monotonic()
        try:
            assert wait_until_reached(gate.url, nonce, 10).here
        finally:
            gate.close()
        assert 0.9 < time.monotonic() - begun < 4


class Gate:
    """A port that answers 404 as an endpoint offline does, until it is opened: then it says what is behind it."""

    def __init__(self, behind: str) -> None:
        self._behind, self._is_open = behind, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def open(self) -> None:
        self._is_open = True

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _ = self._listener.accept()
                with visitor:
                    asked = visitor.recv(65_536).split()[1].decode()
                    if self._is_open:
                        told = requests.get(self._behind + asked, headers=HEADERS, timeout=5)
                        answer = page(f"{told.status_code} As there", told.text)
                    else:
                        answer = page("404 Not Found", "ERR_NGROK_3200")
                    visitor.sendall(answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def test_who_waits_in_vain_is_told_in_time_what_the_last_try_met() -> None:
    with speaker(page("404 Not Found", "ERR_NGROK_3200")) as url:
        begun = time.monotonic()
        met = wait_until_reached(url, NONCE, 1)
        assert 0.4 < time.monotonic() - begun < 2
    assert (met.here, "3200" in met.seen) == (False, True)


def test_one_who_never_answers_does_not_make_the_wait_longer() -> None:
    with speaker(None, hold=30) as url:
        begun = time.monotonic()
        assert not wait_until_reached(url, NONCE, 1.5).here
        assert time.monotonic() - begun < 3.5


@pytest.mark.fast
def test_without_time_there_is_one_try() -> None:
    with target(404) as there:
        assert not wait_until_reached(there.url.rpartition("/")[0], NONCE, 0).here
        assert len(there.calls) == 1
