"""The simulator beside the Prism mock server, in the same run: sends a second, nothing lost, memory, time to start."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import prism
from benchmarks.audit import STATUSES, Audit, audit, read_calls, read_store
from benchmarks.children import Child
from benchmarks.frame import Options, Row, alternate, make_row
from benchmarks.load import Plan, Result, request
from benchmarks.loading import LOOK, Seen, load
from nbhelpers import __version__
from nbhelpers.auth.private_key import load_key
from nbhelpers.auth.tokens import Minter

__all__ = ["SCENARIOS", "Scenario", "measure"]

_POOL = 64  # tokens in rotation
_WARM = 1.0  # seconds before the clock starts
_WARM_PEER = 5.0  # seconds of load before the first measurement of the peer, whose compiler goes on improving it
_BACKLOG = 10.0  # seconds after the last answer within which everything must have been delivered
_DRAINING = 120.0  # seconds that the row of memory waits for that at most
_LONGEST = 600.0  # seconds for the row of memory at most
_MB = 1_000_000


@dataclass(frozen=True)
class Scenario:
    """A way to be loaded.

    Without `delivers` no webhook URL is set anywhere, and the webhooks wait in the queue. With `own_tokens` no token
    comes twice, so that nobody has verified it before.
    """

    name: str
    connections: int
    delivers: bool
    bar: str | None = None
    own_tokens: bool = False


SCENARIOS = (
    Scenario("sends accepted, 16 connections, webhooks delivered", 16, True, ">= 2.5"),
    Scenario("sends accepted, 16 connections, delivery held", 16, False, ">= 3"),
    Scenario("sends accepted, 1 connection, webhooks delivered", 1, True, ">= 1.3"),
    Scenario("sends accepted, 1 connection, delivery held", 1, False, ">= 1.5"),
    Scenario(
        "sends accepted, 16 connections, webhooks delivered, a new token each", 16, True, ">= 1.8", own_tokens=True
    ),
)


@dataclass(frozen=True)
class _Started:
    """A simulator that is ready, and the sink that takes its webhooks."""

    child: Child
    ready: Mapping[str, Any]
    folder: Path
    sink: Child | None

    @property
    def port(self) -> int:
        return int(self.ready["base_url"].rpartition(":")[2])

    @property
    def file(self) -> Path:
        return self.folder / "lab" / "simulator" / "simulator.sqlite3"


def measure(options: Options) -> list[Row]:
    """Measure all rows. Raises CannotMeasure when the peer cannot be had, or something breaks."""
    program = prism.installed() if options.peer else None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbhelpers-bench-")))
        bench = _Bench(options, folder)
        if program is not None:
            bench.peer = stack.enter_context(prism.running(program, folder))
        return bench.rows()


class _Bench:
    """One benchmark: what its runs share and add up."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.peer: tuple[Child, int] | None = None
        self._numbers = itertools.count(1)
        self._pool: list[tuple[str, bytes]] = []
        self._audits: dict[Scenario | None, list[Audit]] = {}
        self._starts: list[float] = []
        self._rates: dict[Scenario, list[float]] = {}  # with the debt of webhooks paid
        self._fastest = 0.0
        self._is_peer_warm = False
        self._versions = _versions(folder, options)

    def rows(self) -> list[Row]:
        """Measure everything."""
        compared = [self._compared(scenario) for scenario in SCENARIOS]
        memory = self._memory_row()
        start = self._row(
            "start to ready line",
            self._starts,
            "s",
            better="lower",
            how="with --demo in a new state directory: application, key pair, Page and person are made",
        )
        return [compared[0], *self._delivery_rows(compared[0]), *compared[1:], memory, start]

    def _delivery_rows(self, accepted: Row) -> list[Row]:
        delivered = [each for scenario in SCENARIOS if scenario.delivers for each in self._audits[scenario]]
        every = [each for audits in self._audits.values() for each in audits]
        return [
            self._row(
                "webhooks that arrived while sends went on, 16 connections",
                [each.during * 100 for each in self._audits[SCENARIOS[0]]],
                "%",
                how="the rest came after the last answer: what is accepted on credit is seen here, and in the next",
            ),
            self._row(
                "sends accepted and both webhooks delivered, 16 connections",
                self._rates[SCENARIOS[0]],
                "/s",
                peer=accepted.peer,
                peer_values=[] if accepted.peer_value is None else [accepted.peer_value],
                bar=">= 1.5",
                how="every send of a run, over the time from the first of them to the last webhook; the peer as above",
            ),
            self._row(
                "webhooks not delivered 10 s after the end, worst run",
                [each.late for each in delivered],
                "webhooks",
                take=max,
                bar="== 0",
                how=f"two for each message; the last came {max(each.last for each in delivered):.1f} s after the end",
            ),
            self._row(
                "messages or webhooks lost, all runs",
                [each.lost for each in every],
                "lost",
                take=sum,
                bar="== 0",
                how="every 202 is looked for in the file of a simulator that was ended with SIGKILL; every status"
                " reached the sink, or waits in that file",
            ),
            self._row(
                "webhooks that came more than once, all runs", [each.again for each in delivered], "webhooks", take=sum
            ),
            self._row(
                "webhooks without a right signature, all runs",
                [each.unsigned for each in delivered],
                "webhooks",
                take=sum,
                bar="== 0",
                how=f"all were looked at, {sum(each.judged for each in delivered):,} were verified",
            ),
        ]

    def _compared(self, scenario: Scenario) -> Row:
        ours, theirs = Seen(), Seen()
        peer = None if self.peer is None else (lambda: self._peer(scenario, theirs))
        values, peer_values = alternate(self.options.runs, lambda: self._ours(scenario, ours), peer)
        notes = {"ours, loaded": ours.text} | ({"the peer, loaded": theirs.text} if peer_values else {})
        more: dict[str, Any] = {"bar": scenario.bar, "peer": prism.NAME, "peer_values": peer_values}
        return self._row(scenario.name, values, "/s", notes=notes, **more)

    def _memory_row(self) -> Row:
        """Memory while so many messages are sent and delivered; without a value if they were not accepted in time."""
        seen, count = Seen(), self.options.messages
        with contextlib.ExitStack() as stack:
            started = self._start(stack, True, "--count-only")
            result = self._load(started, 16, seen, count)
            waited = self._drain(started, result, _DRAINING, exact=False)
            peak = max(seen.peak, started.child.memory()) / _MB
            started.child.kill()
            missing = len(result.accepted) - len(set(result.accepted) & read_store(started.file).messages)
        self._audits[None] = [Audit(lost=missing)]
        shutil.rmtree(started.folder)
        _say(f"memory: {peak:.1f} MB, {len(result.accepted):,} messages in {result.seconds:.0f} s")
        return self._row(
            f"highest resident memory, {count:,} messages",
            [peak] if len(result.accepted) >= count else [],
            "MB",
            bar="< 100 MB",
            how=f"of the simulator's process, seen every {LOOK:g} s; 16 connections, webhooks delivered, until the last"
            f" of them had arrived {waited:.0f} s after the last send (or {_DRAINING:g} s); 1 MB is 1,000,000 bytes",
        )

    def _row(
        self, name: str, values: Sequence[float], unit: str, *, how: str = "", notes: Any = (), **more: Any
    ) -> Row:
        versions = self._versions | ({"how": how} if how else {}) | dict(notes)
        return make_row(name, values, unit, versions=versions, **more)

    # One run

    def _ours(self, scenario: Scenario, seen: Seen) -> float:
        with contextlib.ExitStack() as stack:
            count = self._fastest * 1.2 * (self.options.seconds + _WARM) if scenario.own_tokens else 0
            started = self._start(stack, scenario.delivers, tokens=max(_POOL, int(count)))
            result = self._load(started, scenario.connections, seen)
            calls = []
            if started.sink is not None:
                before = started.child.cpu()
                self._drain(started, result, _BACKLOG)
                # The webhooks that were still due belong to what a send costs.
                seen.each[-1] += (started.child.cpu() - before) / len(result.accepted)
            started.child.kill()  # SIGKILL: only what is on the disk counts
            if started.sink is not None:
                # Not before the kill: what came between the two would be missed in both.
                started.sink.ask(f"dump {started.folder / 'calls.json'}")
                calls = read_calls(started.folder / "calls.json")
            secret = started.ready["signature_secret"]
            found = audit(result.accepted, read_store(started.file), calls, result.ended, _BACKLOG, secret)
        self._audits.setdefault(scenario, []).append(found)
        rate = len(result.accepted) / (result.ended + found.last - result.begun)
        self._rates.setdefault(scenario, []).append(rate)
        self._fastest = max(self._fastest, result.rate if scenario.delivers else 0.0)
        shutil.rmtree(started.folder)
        late = f"; late {found.late}, again {found.again}, unsigned {found.unsigned}" if scenario.delivers else ""
        _say(f"{scenario.name}: ours {result.rate:,.0f}/s; {seen.text}; lost {found.lost}{late}")
        return result.rate

    def _peer(self, scenario: Scenario, seen: Seen) -> float:
        assert self.peer is not None
        child, port = self.peer
        if not self._is_peer_warm:
            self._is_peer_warm = True
            load(self._plan(port, 16, min(_WARM_PEER, self.options.seconds)), self.folder, child, Seen())
        result = load(self._plan(port, scenario.connections, self.options.seconds), self.folder, child, seen)
        _say(f"{scenario.name}: {prism.NAME} {result.rate:,.0f}/s; {seen.text}")
        return result.rate

    def _start(self, stack: contextlib.ExitStack, delivers: bool, *sink_options: str, tokens: int = _POOL) -> _Started:
        folder = self.folder / f"run-{next(self._numbers)}"
        folder.mkdir()
        sink, hooks = None, []
        if delivers:
            command = ["benchmarks.sink", *sink_options]
            sink = stack.enter_context(Child.python("The sink", command, folder, talks=True))
            url = sink.line()["url"]
            hooks = ["--status", f"{url}/status", "--inbound", f"{url}/inbound"]
        command = ["nbhelpers", "simulator", "--port", "0", "--state", str(folder / "lab"), "--demo", "--quiet", *hooks]
        child = stack.enter_context(Child.python("The simulator", command, folder, talks=True))
        ready = child.line(60)
        self._starts.append(time.monotonic() - child.begun)
        mint = Minter(ready["application_id"], load_key(ready["private_key"]))
        # The peer is sent the very same, and it never goes first of all.
        self._pool = [(str(mint()), _body(ready, number % _POOL)) for number in range(tokens)]
        return _Started(child, ready, folder, sink)

    def _plan(self, port: int, connections: int, seconds: float, warm: float = _WARM, count: int | None = None) -> Plan:
        requests = tuple(request(port, token, body) for token, body in self._pool)
        return Plan(port, requests, connections, seconds, min(warm, seconds), count)

    def _load(self, started: _Started, connections: int, seen: Seen, count: int | None = None) -> Result:
        plan = self._plan(started.port, connections, self.options.seconds)
        if count is not None:
            plan = self._plan(started.port, connections, _LONGEST, 0.0, count)
        return load(plan, started.folder, started.child, seen, started.sink)

    def _drain(self, started: _Started, result: Result, seconds: float, exact: bool = True) -> float:
        """Wait until every status has reached the sink, or the time for that is over; return how long that took."""
        assert started.sink is not None
        by, wanted = result.ended + seconds, len(STATUSES) * len(result.accepted)
        while time.monotonic() < by and not started.child.has_ended:
            # A count costs the sink nothing; it reads what it has only when it may be all.
            enough = started.sink.ask("count")["count"] >= wanted
            if enough and (not exact or started.sink.ask("distinct")["distinct"] >= wanted):
                break
            time.sleep(LOOK)
        return max(0.0, time.monotonic() - result.ended)


def _body(ready: Mapping[str, Any], number: int) -> bytes:
    text = f"Your order {number} is ready. You can pick it up at the Corner Bakery until six o’clock today."
    body = {"to": ready["psid"], "from": ready["page_id"], "channel": "messenger", "message_type": "text", "text": text}
    return json.dumps(body).encode()


def _versions(folder: Path, options: Options) -> dict[str, str]:
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("uvicorn", "starlette", "aiohttp"))
    found = {
        "ours": f"nbhelpers {__version__}, {platform.python_implementation()} {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, {libraries}; a new process and state directory for each run"
    }
    if options.peer:
        found["peer"] = (
            f"{prism.NAME} on Node.js {prism.node_version()}, as it comes ({prism.OPTIONS}), its output thrown away,"
            " one process for all runs. It checks the body against benchmarks/send.yaml and that there is a Bearer"
            " token, and answers the example: it verifies no token, stores nothing, calls nobody"
        )
    found["requests"] = (
        f"the same to both: {_POOL} texts with {_POOL} RS256 JWTs of 15 minutes, minted before the run, in rotation"
        f" over keep-alive connections, so that a server may remember them; {options.seconds:g} s after"
        f" {min(_WARM, options.seconds):g} s of warm-up"
    )
    busy = f"; load average {os.getloadavg()[0]:.1f} before the start" if hasattr(os, "getloadavg") else ""
    found["machine"] = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, state on {_file_system(folder)}{busy}"
    )
    return found


def _file_system(folder: Path) -> str:
    disks = [disk for disk in psutil.disk_partitions(all=True) if folder.is_relative_to(disk.mountpoint)]
    return max(disks, key=lambda disk: len(disk.mountpoint)).fstype if disks else "an unknown file system"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
