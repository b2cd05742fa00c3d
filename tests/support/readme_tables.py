"""The tables of the simulator's README, as they must stand there."""

from __future__ import annotations

from nbhelpers.simulator.rules.messenger import REFUSALS
from nbhelpers.simulator.storage.faults import FAULTS
from nbhelpers.simulator.storage.switches import SWITCHES


def refusals() -> str:
    """The codes that come by themselves."""
    rows = [(each.code, each.text, each.how) for each in REFUSALS.values() if each.how]
    return _table(("code", "text", "what brings it about"), *rows)


def faults() -> str:
    """The lessons."""
    rows = []
    for each in FAULTS.values():
        ends = "at once" if each.kind == "now" else f"after {each.times}" if each.times else "when cleared"
        rows.append((f"`{each.name}`", each.does, each.see, ends, each.source))
    return _table(("lesson", "does", "you see", "ends", "source"), *rows)


def switches() -> str:
    """The switches, the default of each first."""
    rows = []
    for each in SWITCHES.values():
        default, *others = (f"`{choice}`" for choice in each.choices)
        rows.append((f"`{each.name}`", each.says, default, ", ".join(others), each.source, each.sure))
    return _table(("switch", "says", "default", "else", "source", "how sure"), *rows)


def _table(heads: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    lines = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines])
