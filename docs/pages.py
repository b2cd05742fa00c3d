"""Lays out what Sphinx reads: the repository's own pages where they stand there, and a page for each package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbhelpers

__all__ = ["stage"]

# As they stand in the repository, so that every link in them leads where it leads there.
_TAKEN = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", ".env.example", "deploy/*"),
    *("notebooks/*.md", "notebooks/images/*", "notebooks/fixtures/*"),
    *("nbhelpers/simulator/README.md", "nbhelpers/simulator/openapi.yaml", "benchmarks/README.md"),
)


def stage(root: Path, source: Path) -> None:
    """Copy the pages of the repository into an empty folder, and write those of the reference."""
    for path in sorted({path for pattern in _TAKEN for path in root.glob(pattern)}):
        _put(source / path.relative_to(root), path.read_bytes())
    for path in (root / "docs").glob("*.md"):
        _put(source / path.name, path.read_text("utf-8").replace("PUBLIC_NAMES", _public_names()).encode())
    for name, text in _reference(root / "nbhelpers"):
        _put(source / "reference" / f"{name}.rst", text.encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _public_names() -> str:
    """Return a row for each name of the package itself, with where it is described and its first line."""
    rows = []
    for name in nbhelpers.__all__:
        thing = getattr(nbhelpers, name)
        first = (thing.__doc__ or "").partition("\n")[0]
        rows.append(f"| {{py:obj}}`{name} <{_home(name, thing)}>` | {first} |")
    return "\n".join(["| name | is |", "|---|---|", *rows])


def _home(name: str, thing: object) -> str:
    return f"{getattr(thing, '__module__', 'nbhelpers')}.{name}"


def _reference(package: Path) -> Iterator[tuple[str, str]]:
    """One page a package, with every module of it that offers something."""
    folders = [path.parent for path in sorted(package.rglob("__init__.py"))]
    for folder in folders:
        name = ".".join(folder.relative_to(package.parent).parts)
        modules = [name, *(f"{name}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem[:2] != "__")]
        yield name, "\n".join([name, "=" * len(name), "", *(_module(each, each == name) for each in modules)])


def _module(name: str, is_package: bool) -> str:
    if is_package:
        return f".. automodule:: {name}\n   :no-members:\n"
    return f"{name}\n{'-' * len(name)}\n\n.. automodule:: {name}\n"
