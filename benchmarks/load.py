"""The load generator: one asyncio process, raw keep-alive sockets, prebuilt requests; the same for ours and the peer.

`python -m benchmarks.load PLAN RESULT` reads the plan as JSON and writes the result as JSON. Answers are kept as they
came and read only after the last one, so that the generator takes little of the machine from whom it measures.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["Load", "Plan", "Result", "read_answer", "request"]

_PATIENCE = 10.0  # seconds that answers may still take when the time is over
_MOST_BROKEN = 50  # connections that may break before a measurement is given up


@dataclass(frozen=True)
class Plan:
    """What to send where: `requests` in rotation over `connections` to a port of this computer.

    For `seconds` after the first `warm` ones, whose answers are kept but not counted; or with `count` until so many
    were accepted, `seconds` being the longest that may take then.
    """

    port: int
    requests: tuple[str, ...]
    connections: int
    seconds: float
    warm: float = 0.0
    count: int | None = None


@dataclass
class Result:
    """What came of a plan.

    `accepted` is every message_uuid of a 202, with those of the warm-up; `counted` how many of them came in `seconds`;
    `others` how many answers had another status, `refusal` the first such, `broken` connections that the server ended,
    `unanswered` requests without an answer. `begun` and `ended` are the monotonic times of the first request and of
    the last answer, `cpu` the share of one core that the generator took, `slow` the time in seconds within which 99 of
    100 answers came.
    """

    accepted: list[str] = field(default_factory=list)
    counted: int = 0
    seconds: float = 0.0
    others: int = 0
    refusal: str = ""
    broken: int = 0
    unanswered: int = 0
    begun: float = 0.0
    ended: float = 0.0
    cpu: float = 0.0
    slow: float = 0.0

    @property
    def rate(self) -> float:
        """Accepted sends a second."""
        return self.counted / self.seconds if self.seconds else 0.0


def request(port: int, token: str, body: bytes) -> str:
    """Return a whole send request, as text so that a plan is JSON."""
    head = (
        f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head + body.decode("latin-1")


def read_answer(data: bytes) -> tuple[int, bytes, int] | None:
    """Read the first answer in `data`: its status, its body, and where it ends; None while it is not whole.

    Raises ValueError for what is no answer that ends by a length or by chunks.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    if not data.startswith(b"HTTP/1.1 "):
        raise ValueError(f"no HTTP/1.1: {data[:40]!r}")
    status, head = int(data[9:12]), data[:end].lower() + b"\r\n"
    begin = end + 4
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = begin + int(head[at + 17 : head.index(b"\r\n", at + 17)])
        return (status, data[begin:stop], stop) if len(data) >= stop else None
    if b"\r\ntransfer-encoding: chunked\r\n" in head:
        return _chunked(status, data, begin)
    if status in (204, 304):
        return status, b"", begin
    raise ValueError("an answer with neither a length nor chunks")


def _chunked(status: int, data: bytes, at: int) -> tuple[int, bytes, int] | None:
    parts = []
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return None
        length = int(data[at:line].partition(b";")[0], 16)
        at = line + 2 + length + 2
        if len(data) < at:
            return None
        if not length:
            return status, b"".join(parts), at
        parts.append(data[line + 2 : line + 2 + length])


class Load:
    """One run of a plan: `await Load(plan).run()`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.result = Result()
        self._requests: Iterator[bytes] = itertools.cycle([text.encode("latin-1") for text in plan.requests])
        self._accepted: list[bytes] = []
        self._times: list[float] = []
        self._open: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begins = self._ends = self._cpu = 0.0
        self._over = asyncio.Event()

    async def run(self) -> Result:
        """Send until the time is over, or so many were accepted; then wait for what is still to be answered."""
        loop, plan, result = asyncio.get_running_loop(), self.plan, self.result
        result.begun = time.monotonic()
        self._begins = result.begun + plan.warm
        self._ends = self._begins + plan.seconds
        loop.call_later(plan.warm, self._begin)
        loop.call_later(plan.warm + plan.seconds + _PATIENCE, self._over.set)
        for _ in range(plan.connections):
            await self._connect()
        await self._over.wait()
        now = time.monotonic()
        result.seconds = plan.seconds if plan.count is None else max(1e-9, result.ended - self._begins)
        result.cpu = (time.process_time() - self._cpu) / max(1e-9, now - self._begins)
        result.unanswered = sum(each.is_waiting for each in self._open)
        for each in list(self._open):
            each.close()
        result.accepted = [json.loads(body)["message_uuid"] for body in self._accepted]
        if self._times:
            result.slow = sorted(self._times)[int(len(self._times) * 0.99)]
        return result

    def _begin(self) -> None:
        self._begins = time.monotonic()
        self._ends = self._begins + self.plan.seconds
        self._cpu = time.process_time()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.plan.port)
        except OSError as error:
            self.result.refusal = self.result.refusal or f"no connection ({type(error).__name__})"
            self._end_if_over()
            return
        self._open.add(connection)
        connection.send(next(self._requests))

    def answered(self, connection: _Connection, status: int, body: bytes, took: float, now: float) -> None:
        """Note an answer and send the next request, if there is to be one."""
        result = self.result
        result.ended = now
        if status == 202:
            self._accepted.append(body)
            if self._begins <= now < self._ends:
                result.counted += 1
                self._times.append(took)
        else:
            result.others += 1
            result.refusal = result.refusal or f"{status} {body[:200].decode('latin-1')}"
        if self._goes_on(now):
            connection.send(next(self._requests))
        else:
            connection.close()

    def lost(self, connection: _Connection) -> None:
        """Note that a connection has ended, and open another if it was the server who ended it."""
        self._open.discard(connection)
        if connection.is_ours_to_end:
            self._end_if_over()
            return
        self.result.broken += 1
        self.result.unanswered += connection.is_waiting
        if self.result.broken > _MOST_BROKEN or not self._goes_on(time.monotonic()):
            self._end_if_over()
            return
        task = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _goes_on(self, now: float) -> bool:
        return now < self._ends and (self.plan.count is None or len(self._accepted) < self.plan.count)

    def _end_if_over(self) -> None:
        if not self._open:
            self._over.set()


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load, self._data, self._sent = load, b"", 0.0
        self._transport: asyncio.Transport | None = None
        self.is_waiting = self.is_ours_to_end = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio's)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, data: bytes) -> None:
        """Send a request."""
        self.is_waiting, self._sent = True, time.monotonic()
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """End the connection, as we wish."""
        self.is_ours_to_end = True
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Read what came (asyncio's)."""
        self._data += data
        try:
            answer = read_answer(self._data)
        except ValueError as error:
            self._load.result.refusal = self._load.result.refusal or str(error)
            if self._transport is not None:
                self._transport.close()
            return
        if answer is not None:
            status, body, end = answer
            self._data, self.is_waiting = self._data[end:], False
            now = time.monotonic()
            self._load.answered(self, status, body, now - self._sent, now)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell the load (asyncio's)."""
        self._load.lost(self)


def main() -> None:
    """Run the plan of the first argument into the file of the second."""
    plan = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    gc.disable()  # it would walk through every answer kept
    result = asyncio.run(_run(Plan(**plan | {"requests": tuple(plan["requests"])})))
    Path(sys.argv[2]).write_text(json.dumps(asdict(result)), "utf-8")


async def _run(plan: Plan) -> Result:
    return await Load(plan).run()


if __name__ == "__main__":
    main()
