"""The HTTP protocol of receiver and simulator: bounds for slow, endless and too many senders, answers in one piece."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

__all__ = ["LimitedProtocol", "answer"]

LONGEST_HEAD = 64 * 1024  # bytes of request line and headers
LONGEST_WAIT = 10.0  # seconds from the first moment of a request, or of a connection, to its last byte
MOST_CONNECTIONS = 500


class _Joined:
    """A transport that sends in one piece what is written in one turn of the loop: head and body of an answer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 to a head over 64 kB, 408 to a request that takes longer than 10 s, and keeps 500 connections.

    When there are more, the one that has been idle longest is closed, so that idle strangers cannot lock
    everybody else out. (uvicorn's own limit would answer 503 to everybody until they leave.)
    """

    _open: dict[LimitedProtocol, None] = {}  # noqa: RUF012 - one for all connections of the process, oldest first

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False  # in no log, whatever level the process asks for
        self._head = 0  # bytes received since the last complete head
        self._in_head = True
        self._counted = 0  # header fields of this request that were measured
        self._is_too_long = False
        self._chunk = 0  # bytes of what is being parsed that can belong to the next head
        self._until: float | None = None  # when what is awaited must be there, by the loop's clock
        self._alarm: asyncio.TimerHandle | None = None

    def connection_made(  # type: ignore[override]  # asyncio hands a server's protocol a Transport, as uvicorn says too
        self, transport: asyncio.Transport
    ) -> None:
        joined = _Joined(transport, self.loop)
        super().connection_made(joined)  # type: ignore[arg-type]  # it hands on whatever else a transport has
        self._open[self] = None
        self._start_clock()
        if len(self._open) > MOST_CONNECTIONS:
            idle = next((other for other in self._open if other._is_idle()), self)
            idle.transport.close()
            self._open.pop(idle, None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.pop(self, None)
        self._stop_clock()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head += len(data)
        self._chunk = len(data)
        super().data_received(data)
        if self.parser is None or self.transport.is_closing():
            return
        if not self._in_head and len(self.headers) > self._counted:  # trailers, after a body in pieces
            self._measure()
        if self._is_too_long or (self._in_head and self._head > LONGEST_HEAD):
            self._refuse(431, "The headers are longer than 64 kB.")

    def on_message_begin(self) -> None:
        """Begin a request: its head is counted from here."""
        super().on_message_begin()
        # The bytes that began it are counted already, unless another request came before it in the same piece.
        self._in_head, self._head, self._is_too_long = True, self._chunk, False
        self._start_clock()

    def on_headers_complete(self) -> None:
        """Hand the request on when its head is there, unless that was too long."""
        self._in_head = False
        self._measure()
        if not self._is_too_long:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if not self._is_too_long:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock of a request that is there as a whole."""
        self._stop_clock()
        if not self._is_too_long:
            super().on_message_complete()
        self._in_head, self._head, self._chunk = True, 0, 0

    def on_response_complete(self) -> None:
        """Go to the end of the line of idle connections."""
        # To the end of the line: the longest idle is the first to go.
        if self in self._open:
            self._open[self] = self._open.pop(self)
        super().on_response_complete()

    def _measure(self) -> None:
        # Once for all header fields: called for each of them, it cost as much as all the rest of this class.
        self._counted = len(self.headers)
        self._is_too_long = len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LONGEST_HEAD

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_clock(self) -> None:
        self._until = self.loop.time() + LONGEST_WAIT
        if self._alarm is None:  # one for the connection, not for each of its requests
            self._alarm = self.loop.call_at(self._until, self._look_at_clock)

    def _stop_clock(self) -> None:
        self._until = None

    def _look_at_clock(self) -> None:
        self._alarm = None
        if self._until is None or self.transport.is_closing():
            return
        if self._until > self.loop.time():
            self._alarm = self.loop.call_at(self._until, self._look_at_clock)
        else:
            self._refuse(408, "The request took longer than 10 seconds.")

    def _refuse(self, status: int, words: str) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._stop_clock()
        head = f"content-type: text/plain\r\ncontent-length: {len(words)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + (head + words).encode("ascii"))
        self.transport.close()


async def answer(send: Any, status: int, words: dict[str, str]) -> None:
    """Send an ASGI answer, the words as JSON; the connection is kept only after a 200 or a 405."""
    body = json.dumps(words, ensure_ascii=False).encode("utf-8", "replace") if words else b""
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status not in (200, 405):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
