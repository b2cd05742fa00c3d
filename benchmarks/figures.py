"""The last figures of each benchmark: kept in `last.json`, shown in `benchmarks/README.md` and `README.md`."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.frame import CannotMeasure, Row, cells, notes

__all__ = ["Measured", "keep", "machine"]

_HERE = Path(__file__).resolve().parent
_KEPT = "last.json"
_PAGES = ("README.md", "../README.md")  # the first has everything, the other what has a bar
_BLOCK = re.compile(r"(<!-- figures: written by `python -m benchmarks all --write` -->\n).*?(<!-- end -->)", re.DOTALL)
_BUSY = 0.25  # load average for each core from which a figure is bent


@dataclass(frozen=True)
class Measured:
    """What one benchmark gave: its rows, when that was (UTC date), on what `machine`, under what `load` average."""

    name: str
    rows: tuple[Row, ...]
    when: str
    machine: str
    load: float

    @classmethod
    def now(cls, name: str, rows: Iterable[Row], load: float) -> Measured:
        """Make it of rows that were measured just now; `load` is what others did before it began."""
        return cls(name, tuple(rows), f"{datetime.now(UTC):%Y-%m-%d}", machine(), load)

    @property
    def line(self) -> str:
        """When, where and how disturbed, in a line."""
        bent = ": other work bent the figures" if self.load > _BUSY * (os.cpu_count() or 1) else ""
        return f"{self.when}, {self.machine}, load average {self.load:.1f} before the start{bent}"


def machine() -> str:
    """Name this computer as far as it matters here."""
    model = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", information.read_text("utf-8"), re.MULTILINE)
        model = found[1] if found else model
    cores = f"{os.cpu_count()} cores"
    return ", ".join(filter(None, (f"{platform.system()} {platform.machine()}", cores, model)))


def keep(measured: Sequence[Measured], folder: Path = _HERE) -> None:
    """Keep what was measured in place of the last of the same name, and write the tables anew.

    Raises CannotMeasure where a page has no place for them.
    """
    known = _read(folder / _KEPT) | {each.name: each for each in measured}
    kept = {name: dataclasses.asdict(known[name]) for name in sorted(known)}
    pages = {folder / page: _written(folder / page, _table(known.values(), whole=page == _PAGES[0])) for page in _PAGES}
    (folder / _KEPT).write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for page, text in pages.items():
        page.write_text(text, "utf-8")


def _read(path: Path) -> dict[str, Measured]:
    kept: dict[str, dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {name: Measured(**each | {"rows": tuple(Row(**row) for row in each["rows"])}) for name, each in kept.items()}


def _written(page: Path, table: str) -> str:
    text, count = _BLOCK.subn(lambda found: f"{found[1]}{table}{found[2]}", page.read_text("utf-8"))
    if count != 1:
        raise CannotMeasure(f"{page} has no place for the table, or more than one.")
    return text


def _table(measured: Iterable[Measured], *, whole: bool) -> str:
    lines = ["| benchmark | what | ours | peer | ratio | bar | met |", "|---|---|---|---|---|---|---|"]
    ordered = sorted(measured, key=lambda each: each.name)
    for each in ordered:
        for number, row in enumerate(each.rows, 1):
            if not whole and row.bar is None:
                continue
            _, what, value, _, spread, beside, ratio, bar, met = cells(number, row)
            peer = f"{beside} {row.unit}: {row.peer}" if beside else ""
            ours = f"{value} (±{spread})" if whole and spread else value
            lines.append(_line((f"`{each.name}`", what, ours, peer, ratio, bar.replace("<", "\\<"), met)))
    lines += ["", *_when(ordered)]
    for each in ordered if whole else ():
        lines += ["", f"**{each.name}**", "", *(f"- {note}" for note in notes(each.rows))]
    return "\n".join(lines) + "\n"


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(text.replace('|', '&#124;') for text in texts)} |"


def _when(measured: Sequence[Measured]) -> list[str]:
    """Say once what several benchmarks have in common: when, where, under what load, with what versions."""
    said: dict[str, list[str]] = {}
    for each in measured:
        said.setdefault(each.line, []).append(f"`{each.name}`")
    lines = [f"Measured {line} ({', '.join(names)})." for line, names in said.items()]
    versions: dict[str, str] = {}
    for each in measured:
        for row in each.rows:
            versions |= {name: text for name, text in row.versions.items() if _is_version(text)}
    return [*lines, _versions(versions)] if versions else lines


def _versions(found: Mapping[str, str]) -> str:
    return f"Versions: {', '.join(f'{name} {text}' for name, text in sorted(found.items()))}."


def _is_version(text: str) -> bool:
    return re.fullmatch(r"v?\d+(\.\d+)*\S*", text) is not None
