"""Next actions in a shell are commands: every cell that a message may name has one."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import nbhelpers
from nbhelpers.cli.main import main
from nbhelpers.errors.in_shell import in_shell

pytestmark = pytest.mark.fast

PACKAGE = Path(nbhelpers.__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
CELL = re.compile(r"`lab[^`]*`|`Lab\(\)`")
# What the command prints on purpose in both forms, what only a notebook shows, and the one in which no command stands.
ELSEWHERE = ("errors/explain.py", "errors/in_shell.py", "course/configure.py", "course/public_address.py")
KEPT = re.compile(r"`lab\.(webhooks\.put_back\(force=True\)|settings\.host|present\(False\)|panels(\.\w+\(\))?)`")


def said() -> list[str]:
    """Every text of the package that names a cell, where an error or a diagnosis may say it."""
    cures = tomllib.loads((PACKAGE / "errors" / "cures.toml").read_text(encoding="utf-8"))
    found = [cure.get("next", "") for space in cures.values() for cure in space.values()]
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if place in ELSEWHERE or place.startswith(("widgets/", "jupyter/", "lab.py", "course/exercise")):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = (node for node in ast.walk(tree) if isinstance(node, DOCUMENTED))
        docstrings = {ast.get_docstring(node, clean=False) for node in documented}
        for node in ast.walk(tree):
            parts = [node] if isinstance(node, ast.Constant) else node.values if isinstance(node, ast.JoinedStr) else []
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "17" for part in parts)
            if text not in docstrings and (CELL.search(text) or re.search(r"\b[Rr]un \*", text)):
                found.append(text)
    return found


def test_no_message_of_the_package_names_a_cell_in_a_shell() -> None:
    texts = said()
    assert len(texts) > 40
    for text in texts:
        words = KEPT.sub("", in_shell(text))
        assert not CELL.search(words), (text, words)
        assert not re.search(r"[Rr]un \*[^*]+\*(?! in the notebooks \(`nbhelpers lab`\))", words), (text, words)


def test_each_command_that_is_named_instead_is_one() -> None:
    for text in said():
        for command in re.findall(r"`nbhelpers ([a-z]+)", in_shell(text)):
            assert command in main.commands, text


@pytest.mark.parametrize(
    ("cells", "commands"),
    [
        ("Run `lab.receiver`.", "Run `nbhelpers receiver`."),
        ("Run `lab.tunnel`, or `nbhelpers tunnel`.", "Run `nbhelpers tunnel`."),
        ("Run `nbhelpers receiver`, or `lab.receiver` in a cell, then send.", "Run `nbhelpers receiver`, then send."),
        ("`lab.reply` or `nbhelpers send` sends another.", "`nbhelpers send` sends another."),
        ('Run *Mend* of 05: `lab.webhooks.save(method="POST")`.', "Run `nbhelpers webhooks --set`."),
        ("No Page. Run *Make the Page*.", "No Page. Run *Make the Page* in the notebooks (`nbhelpers lab`)."),
        ("Put it into .env: `lab.configure()` asks for it.", "Put it into .env (.env.example has every name)."),
        ("Look: `lab.simulator.call(17)` shows it.", "Look: `nbhelpers calls 17` shows it."),
        ("Mend it, then run `lab.doctor()` again.", "Mend it, then run `nbhelpers doctor` again."),
        ("Nothing of ours is named here.", "Nothing of ours is named here."),
    ],
)  # fmt: skip
def test_a_cell_becomes_its_command(cells: str, commands: str) -> None:
    assert in_shell(cells) == commands
