"""The receiver: slow, endless and too many senders shut it for nobody, and it can be closed at any moment."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest
import requests

from nbhelpers.config.settings import Settings
from nbhelpers.services import launcher
from nbhelpers.services.record import Record

BODY = b'{"message_uuid": "a", "from": "1", "to": "2", "channel": "messenger"}'


@pytest.fixture
def receiver(settings: Settings) -> Record:
    return launcher.start("receiver", settings)


def connect(receiver: Record) -> socket.socket:
    host, port = receiver.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def head(length: int, extra: bytes = b"") -> bytes:
    return (
        b"POST /webhooks/inbound HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + extra
        + b"Content-Length: %d\r\n\r\n" % length
    )


def answer_of(connection: socket.socket) -> bytes:
    """What came back until the connection was closed; empty when it was cut."""
    data = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            data += part
    return data


def flood(connection: socket.socket, size: int) -> int:
    """Send one header of this size; return how many bytes the other side took before it hung up."""
    sent, part = 0, b"x" * 65_536
    with contextlib.suppress(ConnectionError, TimeoutError):
        connection.sendall(b"POST /webhooks/inbound HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ")
        while sent < size:
            connection.sendall(part)
            sent += len(part)
    return sent


def test_a_header_of_sixty_megabytes_is_cut_off_early_and_costs_no_memory(receiver: Record) -> None:
    before = psutil.Process(receiver.pid).memory_info().rss
    with connect(receiver) as connection:
        sent = flood(connection, 60_000_000)
        answer = answer_of(connection)

    assert sent < 20_000_000
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431")
    assert psutil.Process(receiver.pid).memory_info().rss - before < 20_000_000
    assert requests.post(receiver.ready["inbound_url"], data=BODY, timeout=5).status_code == 200


@pytest.mark.fast
def test_a_head_without_an_end_is_refused_at_once_even_in_one_piece(receiver: Record) -> None:
    with connect(receiver) as connection:
        connection.sendall(b"POST /webhooks/inbound HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 70_000)
        connection.settimeout(5)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(("size", "status"), [(60_000, b"200"), (70_000, b"431")])
def test_sixty_four_kilobytes_of_headers_are_the_limit(receiver: Record, size: int, status: bytes) -> None:
    many = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 990) for number in range(size // 1000))
    with connect(receiver) as connection:
        connection.sendall(head(len(BODY), many + b"Connection: close\r\n") + BODY)
        assert answer_of(connection).startswith(b"HTTP/1.1 " + status)


def test_a_body_that_stops_half_way_is_ended_after_ten_seconds(receiver: Record) -> None:
    with connect(receiver) as connection:
        began = time.monotonic()
        connection.sendall(head(len(BODY)) + BODY[:10])
        answer = answer_of(connection)

    assert answer.startswith(b"HTTP/1.1 408")
    assert 9 < time.monotonic() - began < 13


def test_a_sender_that_drips_is_ended_after_ten_seconds(receiver: Record) -> None:
    with connect(receiver) as connection:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in head(5) * 10:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
        assert time.monotonic() - began < 14


def test_a_thousand_idle_connections_shut_the_receiver_for_nobody(receiver: Record) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(connect(receiver))
        began = time.monotonic()
        for _ in range(20):
            assert requests.post(receiver.ready["inbound_url"], data=BODY, timeout=5).status_code == 200
        assert time.monotonic() - began < 5
        assert psutil.Process(receiver.pid).num_fds() < 600


def _idle(receiver: Record, stack: contextlib.ExitStack) -> None:
    for _ in range(1000):
        stack.enter_context(connect(receiver))


def _half(receiver: Record, stack: contextlib.ExitStack) -> None:
    for _ in range(50):
        stack.enter_context(connect(receiver)).sendall(head(len(BODY)) + BODY[:10])


def _headers(receiver: Record, stack: contextlib.ExitStack) -> None:
    stack.enter_context(connect(receiver)).sendall(b"POST / HTTP/1.1\r\nX-Long: " + b"x" * 60_000)


def _deaf(receiver: Record, stack: contextlib.ExitStack) -> None:
    connection = stack.enter_context(connect(receiver))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        for _ in range(20_000):  # asks, and never reads an answer
            connection.send(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)


@pytest.mark.parametrize("burden", [_idle, _half, _headers, _deaf])
def test_sigterm_ends_it_within_two_seconds_whatever_clients_do(
    receiver: Record, burden: Callable[[Record, contextlib.ExitStack], None]
) -> None:
    process = psutil.Process(receiver.pid)
    with contextlib.ExitStack() as stack:
        burden(receiver, stack)
        time.sleep(0.2)
        began = time.monotonic()
        os.kill(receiver.pid, signal.SIGTERM)
        gone(process, 5)
        assert time.monotonic() - began < 2


def gone(process: psutil.Process, timeout: float) -> None:
    """Wait for the end of a process that may be our own child."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.wait(timeout)


@pytest.fixture(autouse=True)
def _many_files() -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
