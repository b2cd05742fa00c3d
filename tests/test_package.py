"""The package as a whole: what it shows, what importing it costs, and how its modules are made."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nbhelpers

pytestmark = pytest.mark.fast

ROOT = Path(nbhelpers.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def module(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module(path) for path in MODULES}
NAMED = [pytest.param(path, id=module(path)) for path in MODULES]


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


def test_importing_the_package_loads_none_of_its_modules_and_nothing_heavy():
    loaded = loaded_by("import nbhelpers")
    assert {name for name in loaded if name.startswith("nbhelpers")} == {"nbhelpers"}
    assert not loaded & HEAVY


def test_using_the_public_names_loads_no_server_no_widgets_and_no_tunnel():
    names = ", ".join(name for name in nbhelpers.__all__ if name != "Lab")
    loaded = loaded_by(f"from nbhelpers import {names}")
    assert not loaded & {"ipywidgets", "anywidget", "uvicorn", "httptools", "starlette", "aiohttp", "pyngrok"}


def test_a_lab_without_a_hub_loads_nothing_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in os.environ if name.startswith(("JUPYTERHUB_", "NBHELPERS_"))]:
        monkeypatch.delenv(name)
    loaded = loaded_by(f"from nbhelpers import Lab; Lab(state={str(tmp_path)!r}, mode='live')")
    assert not loaded & {"tornado", "jupyter_server", "jupyterhub", "nbhelpers.jupyter", "nbhelpers.widgets"}
    # Whether something is public is a look at a file.
    assert {name for name in loaded if name.startswith("nbhelpers.tunnel.")} == {"nbhelpers.tunnel.webhook_secret"}


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


@pytest.mark.parametrize(
    "path", [param for param in NAMED if param.values[0].name not in ("__init__.py", "__main__.py")]
)
def test_a_module_names_what_it_offers_and_offers_it(path: Path):
    offered = importlib.import_module(module(path)).__all__
    assert len(set(offered)) == len(offered)
    for name in offered:
        assert not name.startswith("_")
        assert getattr(importlib.import_module(module(path)), name) is not None


def test_six_files_at_most_stand_at_the_top():
    assert len(list(ROOT.glob("*.py"))) <= 6


def test_every_file_that_contributing_names_is_there():
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = ("simulator", "simulator/delivery", "errors", "jupyter", "messages", "course")
    places = (ROOT.parent, ROOT, *(ROOT / folder for folder in folders))
    named = set(re.findall(r"`([\w/]+\.(?:py|toml|json))`", text))
    assert len(named) > 25
    assert {name for name in named if not any((place / name).is_file() for place in places)} == set()


def test_contributing_names_every_package_and_what_it_says_stands_there():
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {row[1]: row[2] for row in re.finditer(r"^\|[^|]*\| `(\w+)/` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)}
    assert set(rows) == {path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file()}
    for folder, says in rows.items():
        named = re.findall(r"`(\w+)`", says)
        assert named or folder == "simulator"
        for name in named:
            assert (ROOT / folder / f"{name}.py").is_file(), f"{folder}/{name}.py"


def test_every_module_has_a_file_of_tests_in_the_same_place():
    tests = ROOT.parent / "tests"
    modules = [path.relative_to(ROOT) for path in MODULES if not path.name.startswith("__")]
    lacking = [path for path in modules if not (tests / path.parent / f"test_{path.name}").is_file()]
    assert lacking == []
