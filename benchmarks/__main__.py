"""The command: python -m benchmarks NAME… | all [--quick] [--json] [--check] [--write]."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import figures, together
from benchmarks.frame import CannotMeasure, Options, Row, as_json, as_table, judge

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
    "soak": "benchmarks.soak",
    "faults": "benchmarks.faults",
}
_HELP = f"{', '.join(sorted(BENCHMARKS))}, or all: each in a process of its own, and one table"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; return 0, 1 when a bar is not met and --check was given, 2 when one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the kit beside its peers.")
    parser.add_argument("names", nargs="+", choices=[*sorted(BENCHMARKS), "all"], metavar="NAME", help=_HELP)
    parser.add_argument("--json", action="store_true", help="rows for a machine, instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is not met")
    parser.add_argument("--seconds", type=_above_zero, help="of each run (default: 10)")
    parser.add_argument("--runs", type=int, help="of ours and of the peer, in turn (default: 5)")
    parser.add_argument("--messages", type=int, help="sent before memory is read (default: 100000)")
    parser.add_argument("--quick", action="store_true", help="one short run of each, for a look: no figures to keep")
    parser.add_argument("--write", action="store_true", help="keep the figures and write them into the READMEs")
    parser.add_argument("--no-peer", action="store_true", help=argparse.SUPPRESS)  # for our tests: no network
    given = parser.parse_args(arguments)
    if given.write and (given.quick or given.no_peer):
        parser.error("--write keeps whole figures: leave --quick out")
    usual = Options(1, 1, messages=2000) if given.quick else Options()
    options = Options(
        usual.seconds if given.seconds is None else given.seconds,
        usual.runs if given.runs is None else given.runs,
        not given.no_peer,
        usual.messages if given.messages is None else given.messages,
        given.quick,
    )
    if options.runs < 1 or options.messages < 1:
        parser.error("--runs and --messages must be at least 1")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)  # so that what was started is ended then too
    names = list(BENCHMARKS) if "all" in given.names else list(dict.fromkeys(given.names))
    try:
        if len(names) == 1 and not given.write:
            rows, failed = importlib.import_module(BENCHMARKS[names[0]]).measure(options), False
        else:
            rows, failed = _together(names, options, given.write)
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
    return 2 if failed else 1 if given.check and unmet else 0


def _together(names: Sequence[str], options: Options, write: bool) -> tuple[list[Row], bool]:
    """Run them in processes of their own; return their rows, and whether one could not be measured."""
    arguments = ["--seconds", str(options.seconds), "--runs", str(options.runs), "--messages", str(options.messages)]
    arguments += (["--quick"] if options.quick else []) + ([] if options.peer else ["--no-peer"])
    found = []
    for name, given in together.each(names, arguments):
        found.append((name, given))
        if write and isinstance(given, figures.Measured):
            figures.keep([given])  # each when it is there, so that an end before the end loses no other
    return together.one_table(found), any(isinstance(given, CannotMeasure) for _, given in found)


def _above_zero(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("it must be above 0, and an hour at most")
    return value


def _end(*_: Any) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
