"""Every public name is documented, counted: modules, classes, functions, constants, methods and properties.

ruff asks for the docstrings of what is defined as public in a file. This adds what it does not see: constants, what a
module offers under a name of its own, methods in the files where D102 is off, which must be documented where they come
from, and the number.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

import click
import pytest

from tests.test_package import MODULES, module

pytestmark = pytest.mark.fast


def offered(path: Path) -> Iterator[tuple[ModuleType, str, object]]:
    """What a module offers, and every member of that which is not private."""
    loaded = importlib.import_module(module(path))
    for name in getattr(loaded, "__all__", ()):
        yield loaded, name, getattr(loaded, name)


def constants(path: Path) -> set[str]:
    """The names that a module assigns, where `#:` begins a comment above or beside, or a plain string stands below."""
    text = path.read_text(encoding="utf-8")
    body, lines, found = ast.parse(text).body, text.splitlines(), set()
    for at, node in enumerate(body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            after = body[at + 1] if at + 1 < len(body) else None
            below = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if below or lines[node.lineno - 2].startswith("#: ") or "  #: " in lines[node.lineno - 1]:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return found


def is_documented_member(kind: type, name: str) -> bool:
    """Whether a class, or one that it inherits from, has a docstring for this method or property."""
    for each in kind.__mro__:
        member = vars(each).get(name, "")  # not None, which has a docstring from Python 3.13 on
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        if isinstance(member, property):
            member = member.fget
        if isinstance(member, cached_property):
            member = member.func
        if not isinstance(member, str) and member.__doc__:
            return True
    return False


def members(kind: type) -> Iterator[str]:
    """The methods and properties that a class defines itself and that are not private."""
    for name, member in vars(kind).items():
        is_one = inspect.isroutine(member) or isinstance(member, property | cached_property)
        if not name.startswith("_") and (is_one or isinstance(member, staticmethod | classmethod)):
            yield name


def said_of(thing: object) -> str:
    """The docstring of what can have one; of a command, its help."""
    if isinstance(thing, click.Command):
        return thing.help or ""
    can_have_one = isinstance(thing, ModuleType) or inspect.isclass(thing) or inspect.isroutine(thing)
    return (thing.__doc__ or "").strip() if can_have_one else ""


def test_every_public_name_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    counted, lacking = 0, []
    for path in [path for path in MODULES if path.name != "__main__.py"]:  # that one runs when it is imported
        loaded_constants = constants(path)
        for loaded, name, thing in offered(path):
            counted += 1
            where = f"{loaded.__name__}.{name}"
            if not said_of(thing) and name not in loaded_constants and not is_offered_from_elsewhere(path, name):
                lacking.append(where)
            if inspect.isclass(thing) and thing.__module__ == loaded.__name__:
                own = list(members(thing))
                counted += len(own)
                lacking += [f"{where}.{member}" for member in own if not is_documented_member(thing, member)]
    with capsys.disabled():
        print(f"\n{counted - len(lacking)} of {counted} public names are documented")
    assert lacking == []
    assert counted > 1000


def is_offered_from_elsewhere(path: Path, name: str) -> bool:
    """Whether a module only hands on a constant: it is documented where it is made."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return any(isinstance(node, ast.ImportFrom) and name in {each.name for each in node.names} for node in nodes)


def test_what_is_not_documented_is_found(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        '#: Seconds.\nA, B = 1, 2\nC = 3\n"""A thing."""\nD = 4\n# a note\nE: int = 5\nF = 6  #: bytes\n'
    )
    assert constants(tmp_path / "some.py") == {"A", "B", "C", "F"}

    class Base:
        def told(self) -> None:
            """Say it."""

    class Other(Base):
        def told(self) -> None: ...

        @property
        def silent(self) -> int:
            return 1

    assert list(members(Other)) == ["told", "silent"]
    assert is_documented_member(Other, "told")
    assert not is_documented_member(Other, "silent")
