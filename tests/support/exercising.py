"""Runs the cells of an exercise as a kernel does: those above it in its notebook, its own, and answers in its place."""

from __future__ import annotations

import ast
import contextlib
import json
from typing import Any

from nbhelpers import Lab
from nbhelpers.course.exercises import tasks
from nbhelpers.course.steps import step_of
from tests.conftest import REPOSITORY
from tests.support.labs import written

__all__ = ["POST", "answered", "arrived", "run", "untouched"]

#: A call of `url`, with `json=…` or what else stands in the gap.
POST = 'requests.post({}, headers={{"Authorization": f"Bearer {{lab.token()}}"}}, timeout=10)'


def _cells_of(number: str) -> list[dict[str, Any]]:
    notebook = step_of(tasks()[number].step).notebook
    path = REPOSITORY / "notebooks" / f"{notebook}.ipynb"
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def untouched(number: str) -> str:
    """Return the cell of an exercise as its notebook has it."""
    return next(
        "".join(cell["source"]) for cell in _cells_of(number) if f"exercise-{number}" in cell["metadata"]["tags"]
    )


def run(source: str, names: dict[str, Any], show: bool = True) -> Any:
    """Run a cell as a kernel does, and return what its last line shows; without `show` that line is left out."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last and show else None


def arrived(lab: Lab, number: str) -> dict[str, Any]:
    """Run the cells above an exercise in its notebook, with this lab, and return their variables."""
    names: dict[str, Any] = {"lab": lab}
    if tasks()[number].step == "reply":
        written(lab, person="Ada")
    with contextlib.chdir(REPOSITORY / "notebooks"):
        for cell in _cells_of(number):
            if cell["id"].startswith("exercise-"):
                break
            if cell["id"] != "need":
                # A panel is drawn by the last line of its cell: there is nobody to look at it.
                drawn = {"panel", "check"} & set(cell["metadata"]["tags"])
                run("".join(cell["source"]), names, show=not drawn)
    return names


def answered(number: str, code: str) -> str:
    """Return the code of an answer, with the check of the notebook's own cell below it."""
    return f"{code}\n{ast.unparse(ast.parse(untouched(number)).body[-1])}"
