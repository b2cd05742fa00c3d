"""The package as a whole: what it shows, what importing it costs, and that no floor leans on one above it."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import nbhelpers

pytestmark = pytest.mark.fast

ROOT = Path(nbhelpers.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

# Lowest first. A room imports only from tiers before its own; the rooms of the simulator, among themselves, in any
# order without a circle. A room that is not named here has no place yet: give it one.
TIERS: tuple[tuple[str, ...], ...] = (
    ("errors", "private", "database", "messages", "outcome", "hopmap"),
    ("settings", "credentials", "outbound", "events", "explain", "unanswered"),
    ("ledger", "tokens", "signatures", "door"),
    ("service", "inbox"),
    ("api", "simulator", "receiver", "replay"),
    ("applications", "background", "identity", "rehearsal"),
    ("account", "tunnel"),
    ("course", "reset"),
    ("dashboard",),
    ("checks", "gentle", "preflight", "stage", "snippets", "vetting"),
    ("configuring", "making", "publicity"),
    ("steps", "doctor"),
    ("widgets",),
    ("lab", "pytest_plugin"),
    ("command",),
    ("managing", "playing"),
    ("__main__",),
)
# Heavy or foreign: only these rooms may load them.
MAY_IMPORT = {
    "ipywidgets": ("widgets",),
    "anywidget": ("widgets",),
    "traitlets": ("widgets",),
    "pyngrok": ("tunnel",),
    "uvicorn": ("door", "service", "simulator"),
    "httptools": ("door", "service"),
    "starlette": ("simulator",),
    "aiohttp": ("simulator",),
    "click": ("command", "managing", "playing", "__main__"),
    "pytest": ("pytest_plugin",),
    "sqlite3": ("database", "ledger", "inbox", "receiver", "simulator"),
}


def room(path: Path) -> str:
    """The room of a file: its module, or for a folder the folder."""
    inside = path.relative_to(ROOT)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports, at whatever depth of the file, as a dotted name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the whole name"
            assert node.module is not None
            # `from package import room` names a room too, `from room import thing` only a thing.
            below = {f"{node.module}.{name.name}" for name in node.names}
            rooms = {name for name in below if name in NAMES}
            found |= rooms or {node.module}
    return found


NAMES = {module(path) for path in MODULES}
NAMED = [pytest.param(path, id=module(path)) for path in MODULES]
INNER = [pytest.param(path, id=module(path)) for path in MODULES if path != ROOT / "__init__.py"]


def test_the_public_surface_is_a_dozen_names_at_most_and_all_of_them_are_there():
    assert 0 < len(nbhelpers.__all__) <= 12
    assert list(nbhelpers.__all__) == sorted(set(nbhelpers.__all__))
    for name in nbhelpers.__all__:
        thing = getattr(nbhelpers, name)
        assert thing.__name__ == name
        assert thing.__doc__
        assert name in dir(nbhelpers)


def test_what_is_not_public_is_not_there():
    with pytest.raises(AttributeError, match="no_such_name"):
        nbhelpers.no_such_name  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """The top-level packages and the kit's own modules that a fresh process has loaded after `code`."""
    code += "; import json, sys; print(json.dumps([n for n in sys.modules if '.' not in n or n[:9] == 'nbhelpers']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


HEAVY = {
    *("ipywidgets", "anywidget", "uvicorn", "httptools", "starlette", "aiohttp", "pyngrok"),
    *("requests", "cryptography", "jwt"),
}


def test_importing_the_package_loads_none_of_its_rooms_and_nothing_heavy():
    loaded = loaded_by("import nbhelpers")
    assert {name for name in loaded if name.startswith("nbhelpers")} == {"nbhelpers"}
    assert not loaded & HEAVY


def test_using_the_public_names_loads_no_server_no_widgets_and_no_tunnel():
    names = ", ".join(name for name in nbhelpers.__all__ if name != "Lab")
    loaded = loaded_by(f"from nbhelpers import {names}")
    assert not loaded & {"ipywidgets", "anywidget", "uvicorn", "httptools", "starlette", "aiohttp", "pyngrok"}


def test_it_says_that_it_is_typed():
    assert (ROOT / "py.typed").is_file()


def test_the_version_is_that_of_the_project():
    project = (ROOT.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{nbhelpers.__version__}"' in project


@pytest.mark.parametrize("path", NAMED)
def test_a_module_says_its_job_in_its_first_line(path: Path):
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert doc
    first, *rest = doc.splitlines()
    assert 20 <= len(first) <= 120 and first.endswith(".")
    assert not rest or rest[0] == ""


@pytest.mark.parametrize("path", NAMED)
def test_a_module_has_400_lines_at_most(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", [param for param in NAMED if param.values[0].name != "__main__.py"])
def test_a_module_names_what_it_offers_and_offers_it(path: Path):
    offered = importlib.import_module(module(path)).__all__
    assert len(set(offered)) == len(offered)
    for name in offered:
        assert not name.startswith("_")
        assert getattr(importlib.import_module(module(path)), name) is not None


def test_every_room_has_its_floor_and_every_floor_its_rooms():
    placed = [name for tier in TIERS for name in tier]
    assert len(placed) == len(set(placed))
    assert {room(path) for path in MODULES} - {"__init__"} == set(placed)


@pytest.mark.parametrize("path", INNER)
def test_a_room_imports_only_from_floors_below_it(path: Path):
    floor = {name: number for number, tier in enumerate(TIERS) for name in tier}
    for name in imports(path):
        if not name.startswith("nbhelpers."):
            continue
        other = name.split(".")[1]
        if other == room(path) and other in ("simulator", "tunnel", "widgets"):
            continue
        assert floor[other] < floor[room(path)], f"{module(path)} imports {name}"


def test_nothing_imports_the_package_itself_but_for_its_version():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "nbhelpers":
                things = {name.name for name in node.names if f"nbhelpers.{name.name}" not in NAMES}
                assert things <= {"__version__"}, f"{module(path)} imports {things}"


@pytest.mark.parametrize("folder", ["simulator", "tunnel", "widgets"])
def test_the_rooms_of_a_folder_go_in_no_circle(folder: str):
    inside = {module(path): imports(path) for path in MODULES if room(path) == folder}
    assert len(inside) > 4
    while inside:
        free = [name for name, needs in inside.items() if not (needs & set(inside)) - {name}]
        assert free, f"a circle among {sorted(inside)}"
        for name in free:
            del inside[name]


@pytest.mark.parametrize("path", NAMED)
def test_what_is_heavy_or_foreign_is_imported_only_where_it_belongs(path: Path):
    for name in imports(path):
        allowed = MAY_IMPORT.get(name.split(".")[0])
        assert allowed is None or room(path) in allowed, f"{module(path)} imports {name}"


def test_the_rule_about_floors_sees_an_import_in_a_function(tmp_path: Path):
    probe = tmp_path / "probe.py"
    probe.write_text(
        "def f():\n    from nbhelpers import lab\n    import nbhelpers.inbox\n    from nbhelpers.api import X\n"
    )
    assert imports(probe) == {"nbhelpers.lab", "nbhelpers.inbox", "nbhelpers.api"}
