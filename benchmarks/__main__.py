"""The command: python -m benchmarks simulator [--json] [--check] [--seconds 10] [--runs 5]."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.frame import CannotMeasure, Options, as_json, as_table, judge

__all__ = ["BENCHMARKS", "main"]

# Name to module: each has `measure(options)`, which gives rows.
BENCHMARKS = {
    "simulator": "benchmarks.simulator",
    "starting": "benchmarks.starting",
    "tokens": "benchmarks.tokens",
    "capture": "benchmarks.capture",
    "hub": "benchmarks.hub",
    "round": "benchmarks.round",
    "hop": "benchmarks.hop",
    "growth": "benchmarks.growth",
    "course": "benchmarks.course",
    "panels": "benchmarks.panels",
    "faults": "benchmarks.faults",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; return 0, 1 when a bar is not met and --check was given, 2 when it could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the kit beside its peers.")
    parser.add_argument("benchmark", choices=sorted(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="rows for a machine, instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is not met")
    parser.add_argument("--seconds", type=_above_zero, default=10.0, help="of each run (default: 10)")
    parser.add_argument("--runs", type=int, default=5, help="of ours and of the peer, in turn (default: 5)")
    parser.add_argument("--messages", type=int, default=100_000, help="sent before memory is read (default: 100000)")
    parser.add_argument("--no-peer", action="store_true", help=argparse.SUPPRESS)  # for our tests: no network
    given = parser.parse_args(arguments)
    if given.runs < 1 or given.messages < 1:
        parser.error("--runs and --messages must be at least 1")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # so that what was started is ended then too
    try:
        rows = importlib.import_module(BENCHMARKS[given.benchmark]).measure(
            Options(given.seconds, given.runs, not given.no_peer, given.messages)
        )
    except CannotMeasure as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Ended before the end; every process that was started is ended too.", file=sys.stderr)
        return 130
    print(as_json(rows) if given.json else as_table(rows))
    unmet = judge(rows)
    if given.check:
        print("\n".join(unmet or ["Every bar is met."]), file=sys.stderr)
    return 1 if given.check and unmet else 0


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("it must be above 0, and an hour at most")
    return value


def _end(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
