"""The sink: takes webhooks, answers 200 at once, keeps every byte with its time and reads none until it is asked to.

`python -m benchmarks.sink [--count-only]` prints one line of JSON with its `url`, then answers a line of JSON to each
line on its input: `count`, `distinct`, `dump PATH`. It ends with its input.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Call", "Sink", "split", "understood"]

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_NO = b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Call:
    """A webhook as it came: the monotonic time of its last byte, its path, its signature (None without) and body."""

    at: float
    path: str
    authorization: str | None
    body: bytes


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Split what came into whole requests and the rest. Raises ValueError for a request without a length."""
    requests, begin = [], 0
    while True:
        end = data.find(b"\r\n\r\n", begin)
        if end < 0:
            return requests, data[begin:]
        # Our deliverer writes the header just so; the slow way is for any other sender.
        at = data.find(b"\r\nContent-Length: ", begin, end)
        if at < 0:
            at = data[begin:end].lower().find(b"\r\ncontent-length:")
            if at < 0 and not data.startswith(b"GET ", begin):
                raise ValueError("a request without a length")
            at = at if at < 0 else at + begin
        length = 0 if at < 0 else int(data[at + 17 : data.index(b"\r\n", at + 17)])
        if len(data) < end + 4 + length:
            return requests, data[begin:]
        # Always a copy: what came in one piece is a quarter of a megabyte cut down to its size, with a memory map of
        # its own, and a process may have 65,530 of them.
        requests.append(bytes(memoryview(data)[begin : end + 4 + length]))
        begin = end + 4 + length


def understood(at: float, request: bytes) -> Call:
    """Read a whole request."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    values = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    return Call(at, line.split(" ")[1], values.get("authorization"), body)


class Sink:
    """Counts and keeps what comes. With `keep=False` it only counts."""

    def __init__(self, keep: bool = True) -> None:
        self.keep, self.count, self.unread = keep, 0, 0
        self.kept: list[tuple[float, bytes]] = []
        self._read = 0
        self._distinct: set[tuple[Any, Any]] = set()

    async def open(self) -> asyncio.Server:
        """Open it on any free port of this computer."""
        return await asyncio.get_running_loop().create_server(lambda: _Door(self), "127.0.0.1", 0, backlog=256)

    def took(self, requests: Iterable[bytes]) -> int:
        """Keep whole requests and return how many they were."""
        now, before = time.monotonic(), len(self.kept)
        if self.keep:
            self.kept.extend((now, request) for request in requests)
            number = len(self.kept) - before
        else:
            number = sum(1 for _ in requests)
        self.count += number
        return number

    def distinct(self) -> int:
        """Read what came since the last look and say how many different statuses of messages there are by now."""
        until = len(self.kept)
        for at, request in self.kept[self._read : until]:
            said = json.loads(understood(at, request).body)
            if "status" in said:
                self._distinct.add((said["message_uuid"], said["status"]))
        self._read = until
        return len(self._distinct)

    def dump(self, path: Path) -> None:
        """Write everything as JSON: a list of [time, request]."""
        path.write_text(json.dumps([[at, request.decode("latin-1")] for at, request in list(self.kept)]), "utf-8")

    def obey(self, line: str) -> dict[str, Any]:
        """Do what a line says, and answer."""
        word, _, rest = line.strip().partition(" ")
        answer: dict[str, Any] = {"count": self.count, "unread": self.unread, "cpu": time.process_time()}
        if word == "distinct":
            answer["distinct"] = self.distinct()
        elif word == "dump":
            self.dump(Path(rest))
        return answer


class _Door(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink, self._rest = sink, b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio's)."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what is whole, answer it (asyncio's)."""
        try:
            requests, self._rest = split(self._rest + data if self._rest else data)
        except ValueError:
            self._sink.unread += 1
            self._transport.write(_NO)
            self._transport.close()
            return
        if requests:
            self._transport.write(_OK * self._sink.took(requests))


def main() -> None:
    """Run until the input ends."""
    gc.disable()  # it would walk through everything that is kept
    asyncio.run(_serve(Sink(keep="--count-only" not in sys.argv[1:])))


async def _serve(sink: Sink) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    server = await sink.open()

    def listen() -> None:
        for line in sys.stdin:
            print(json.dumps(sink.obey(line)), flush=True)
        loop.call_soon_threadsafe(over.set)

    print(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}), flush=True)
    threading.Thread(target=listen, daemon=True).start()
    await over.wait()
    server.close()


if __name__ == "__main__":
    main()
