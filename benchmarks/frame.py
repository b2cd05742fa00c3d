"""The frame of every benchmark: rows with a value, what the peer had, a bar; as a table, as JSON, as an exit code."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "Bar",
    "CannotMeasure",
    "Options",
    "Row",
    "alternate",
    "as_json",
    "as_table",
    "cells",
    "judge",
    "make_row",
    "notes",
    "spread",
]

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_BAR = re.compile(r"(>=|<=|==|>|<)\s*(-?\d+(?:\.\d+)?)\s*(\S.*)?")


class CannotMeasure(Exception):  # noqa: N818 - nothing here is the program's error
    """Something that a benchmark needs is missing or went wrong, in one sentence."""


@dataclass(frozen=True)
class Options:
    """How a benchmark was asked to run. Without `peer` it measures ours alone, so that a test needs no network.

    With `quick` what takes minutes is left out: the figures are for a look, not for the table.
    """

    seconds: float = 10
    runs: int = 5
    peer: bool = True
    messages: int = 100_000
    quick: bool = False


@dataclass(frozen=True)
class Bar:
    """What a row must reach: “>= 1.2” is a ratio to the peer, “< 100 MB” a value, “== 0” too where there is no peer."""

    text: str
    sign: str
    limit: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Bar:
        """Read a bar. Raises ValueError for what is none."""
        found = _BAR.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"“{text}” is no bar: write such as “>= 1.2” or “< 100 MB”")
        return cls(text.strip(), found[1], float(found[2]), found[3] or "")

    def is_met(self, number: float | None) -> bool:
        """Say whether a number reaches the bar. What could not be measured does not."""
        return number is not None and math.isfinite(number) and _COMPARE[self.sign](number, self.limit)


@dataclass(frozen=True)
class Row:
    """One thing measured, `n` times.

    `value` and `peer_value` are medians unless the name says otherwise. `spread` is (highest - lowest) / median of
    ours, None where that says nothing. `ratio` says how many times as good as the peer ours is, so above 1 is better
    for what should be low too. `met` is None without a bar. `versions` says what was measured with what, and how.
    """

    name: str
    value: float | None
    unit: str
    n: int
    spread: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    bar: str | None = None
    met: bool | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def spread(values: Sequence[float]) -> float | None:
    """Return (highest - lowest) / median, None for fewer than two values or a median of 0."""
    middle = statistics.median(values) if len(values) > 1 else 0
    return (max(values) - min(values)) / middle if middle else None


def make_row(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    take: Callable[[Sequence[float]], float] = statistics.median,
    better: str = "higher",
    peer: str | None = None,
    peer_values: Sequence[float] = (),
    bar: str | None = None,
    versions: Mapping[str, str] | None = None,
) -> Row:
    """Make a row of what several runs gave.

    `take` makes one value of many: `max` or `sum` where a median would hide the one bad run. `better` is “higher” or
    “lower”. A bar with a unit, or in a row without a peer, is held against the value, any other against the ratio.
    Raises ValueError for a bar in another unit than the row's.
    """
    if better not in ("higher", "lower"):
        raise ValueError(f"better is “higher” or “lower”, not “{better}”")
    value = take(values) if values else None
    peer_value = take(peer_values) if peer_values else None
    ours, theirs = (value, peer_value) if better == "higher" else (peer_value, value)
    ratio = ours / theirs if ours is not None and theirs else None
    wanted, met = (None if bar is None else Bar.parse(bar)), None
    if wanted is not None:
        if wanted.unit not in ("", unit):
            raise ValueError(f"{name}: the bar “{bar}” is in another unit than {unit}")
        met = wanted.is_met(ratio if peer is not None and not wanted.unit else value)
    spreads = spread(values) if take is statistics.median else None
    return Row(
        name, value, unit, len(values), spreads, peer, peer_value, ratio, bar and bar.strip(), met, dict(versions or {})
    )


def alternate(
    runs: int, ours: Callable[[], float], peer: Callable[[], float] | None = None
) -> tuple[list[float], list[float]]:
    """Measure ours and the peer so many times in turn; which goes first changes too, as a machine's mood does."""
    found: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        turn = [(found[0], ours)] + ([(found[1], peer)] if peer is not None else [])
        for values, measure in turn if number % 2 == 0 else reversed(turn):
            values.append(measure())
    return found


def judge(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row whose bar is not met."""
    return [f"Not met: {row.name}: {_seen(row)}, bar {row.bar}." for row in rows if row.met is False]


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows for a machine: a list of objects."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=1, ensure_ascii=False, allow_nan=False)


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows for people: a table, then what was measured with what."""
    head = ("", "what", "value", "n", "spread", "peer", "ratio", "bar", "met")
    lines = [head, *(cells(number, row) for number, row in enumerate(rows, 1))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    right = {0, 2, 3, 4, 5, 6}
    text = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    text.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*text, "", *notes(rows)])


def _seen(row: Row) -> str:
    by_ratio = row.bar is not None and row.peer is not None and not Bar.parse(row.bar).unit
    number = row.ratio if by_ratio else row.value
    if number is None:
        return "not measured"
    return f"ratio {number:.2f}" if by_ratio else f"{_number(number)} {row.unit}"


def cells(number: int, row: Row) -> tuple[str, ...]:
    """Return the texts of a row of the table: number, name, value, n, spread, peer, ratio, bar, whether it is met."""
    return (
        str(number),
        row.name,
        "not measured" if row.value is None else f"{_number(row.value)} {row.unit}",
        str(row.n),
        "" if row.spread is None else f"{row.spread:.0%}",
        "" if row.peer_value is None else f"{_number(row.peer_value)}",
        "" if row.ratio is None else f"{row.ratio:.2f}",
        row.bar or "",
        {True: "yes", False: "NO", None: ""}[row.met],
    )


def _number(value: float) -> str:
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}" if abs(value) < 1 else f"{value:,.1f}"


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what was measured with what, a line for each fact; what every row says is said once."""
    common = {
        name: text
        for name, text in (rows[0].versions.items() if rows else ())
        if len(rows) > 1 and all(row.versions.get(name) == text for row in rows)
    }
    lines = [f"{name}: {text}" for name, text in common.items()]
    for number, row in enumerate(rows, 1):
        own = [f"{name}: {text}" for name, text in row.versions.items() if name not in common]
        if own:
            lines.append(f"{number}. " + "; ".join(own))
    return lines
