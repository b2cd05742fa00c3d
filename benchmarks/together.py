"""Runs several benchmarks, each in a process of its own, so that what one leaves behind bends no other."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.children import environment
from benchmarks.figures import Measured
from benchmarks.frame import CannotMeasure, Row

__all__ = ["each", "one_table"]

_FOLDER = Path(__file__).resolve().parent.parent


def each(names: Sequence[str], arguments: Sequence[str]) -> Iterator[tuple[str, Measured | CannotMeasure]]:
    """Run benchmarks one after the other with these arguments; yield what each gave, or why it could not measure."""
    for number, name in enumerate(names, 1):
        print(f"{number} of {len(names)}: {name}", file=sys.stderr, flush=True)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        command = [sys.executable, "-m", "benchmarks", name, "--json", *arguments]
        kept = {word: text for word, text in os.environ.items() if word == "NBHELPERS_BENCH_CACHE"}
        with subprocess.Popen(command, cwd=_FOLDER, env=environment() | kept, stdout=subprocess.PIPE) as child:
            try:
                out, _ = child.communicate()
            except BaseException:  # whoever ends us ends it, and it ends what it has started
                child.terminate()
                child.wait(30)
                raise
        if child.returncode:
            yield name, CannotMeasure(f"it ended with {child.returncode}, and said above why")
            continue
        yield name, Measured.now(name, [Row(**row) for row in json.loads(out)], load)


def one_table(found: Sequence[tuple[str, Measured | CannotMeasure]]) -> list[Row]:
    """Return the rows of all, each with the name of its benchmark; what could not be measured meets no bar."""
    rows = []
    for name, given in found:
        if isinstance(given, Measured):
            rows += [dataclasses.replace(row, name=f"{name}: {row.name}") for row in given.rows]
        else:
            rows.append(Row(f"{name}: {given}", None, "", 0, bar="> 0", met=False))
    return rows
