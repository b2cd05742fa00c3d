"""Loads a server with the generator in a process of its own, and looks meanwhile at who uses the computer."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from benchmarks.children import Child
from benchmarks.frame import CannotMeasure
from benchmarks.load import Plan, Result

__all__ = ["LOOK", "Seen", "load"]

LOOK = 0.1  # seconds between two looks at the processes
_GRACE = 60  # seconds that a generator may take above its plan


@dataclass
class Seen:
    """What was seen in the runs of one kind: shares of one core, CPU time of the server for a send, the slow answers.

    `others` is what neither the server nor the sink nor we have used: somebody else's work, which slows all of it down.
    `peak` is the highest resident memory of the server in bytes.
    """

    shares: dict[str, list[float]] = field(default_factory=dict)
    each: list[float] = field(default_factory=list)
    slow: list[float] = field(default_factory=list)
    broken: int = 0
    peak: int = 0

    @property
    def text(self) -> str:
        """All of it in one line, medians of the runs."""
        shares = ", ".join(f"{name} {statistics.median(each):.0%}" for name, each in self.shares.items())
        broken = f", {self.broken} connections broke" if self.broken else ""
        return (
            f"{statistics.median(self.each) * 1000:.2f} ms of CPU a send ({shares} of a core),"
            f" 99 of 100 answers within {statistics.median(self.slow) * 1000:.1f} ms{broken}"
        )


def load(plan: Plan, folder: Path, server: Child, seen: Seen, sink: Child | None = None) -> Result:
    """Run a plan against a server. Raises CannotMeasure when a request was refused: each of them is right."""
    files = [folder / "plan.json", folder / "result.json"]
    files[0].write_text(json.dumps(asdict(plan)), "utf-8")
    us, watched = psutil.Process(), {"server": server} | ({"sink": sink} if sink else {})
    with Child.python("The load generator", ["benchmarks.load", *map(str, files)], folder, talks=True) as generator:
        begun, busy, ours = time.monotonic(), _busy(), _used(us)
        before = {name: child.cpu() for name, child in watched.items()}
        until, generating = begun + plan.warm + plan.seconds + _GRACE, 0.0
        while not generator.has_ended:
            if time.monotonic() > until:
                raise CannotMeasure("The load generator did not come to its end.")
            seen.peak = max(seen.peak, server.memory())
            generating = generator.cpu() or generating
            time.sleep(LOOK)
        used = {name: child.cpu() - before[name] for name, child in watched.items()}
        others = _busy() - busy - sum(used.values()) - generating - (_used(us) - ours)
        took = time.monotonic() - begun
        if generator.code:
            generator.line(1)  # raises, with its last words
    if server.has_ended:
        raise CannotMeasure(f"{server.name} has ended while it was loaded (exit code {server.code}).")
    result = Result(**json.loads(files[1].read_text("utf-8")))
    if result.others or not result.accepted:
        raise CannotMeasure(f"A request that is right was not accepted: {result.refusal or 'no answer'}.")
    for name, seconds in {**used, "generator": result.cpu * took, "others": max(0.0, others)}.items():
        seen.shares.setdefault(name, []).append(seconds / took)
    seen.each.append(used["server"] / len(result.accepted))
    seen.slow.append(result.slow)
    seen.broken += result.broken
    return result


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _busy() -> float:
    """The seconds that all cores together were at work, or were lent to another virtual machine."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))
