"""How many minutes a notebook takes whoever reads it for the first time: its words at reading pace, and its cells."""

from __future__ import annotations

import re

from tests.support.cells import Cell, cells

__all__ = ["minutes_of"]

# Paces. The text is read as one reads aloud, code line by line; a cell is run, and what it shows is looked at; a panel
# is used; a notebook is opened and its kernel starts.
WORDS_A_MINUTE = 150
SECONDS_A_LINE, SECONDS_A_CELL, SECONDS_A_PANEL, SECONDS_TO_OPEN = 3, 15, 45, 30


def minutes_of(name: str) -> float:
    """The minutes of a notebook without its exercises."""
    words, lines, run, panels = 0, 0, 0, 0
    for cell in cells(name):
        if cell.type == "markdown":
            words += _words(cell)
            blocks = re.findall(r"^```.*?\n(.*?)^```$", cell.source, re.MULTILINE | re.DOTALL)
            lines += sum(len(block.splitlines()) for block in blocks)
        elif not cell.tags[0].startswith("exercise-"):
            run += 1
            lines += sum(1 for line in cell.source.splitlines() if line.strip())
            panels += cell.tags[0] in ("panel", "question")
    seconds = lines * SECONDS_A_LINE + run * SECONDS_A_CELL + panels * SECONDS_A_PANEL + SECONDS_TO_OPEN
    return words / WORDS_A_MINUTE + seconds / 60


def _words(cell: Cell) -> int:
    task = cell.source.find("## Exercise")
    read = cell.source if task < 0 else cell.source[:task]
    return Cell(cell.notebook, cell.type, cell.id, cell.tags, read).words
