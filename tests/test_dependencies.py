"""pyproject.toml, the three locks and environment.yml, held against each other."""

import ast
import functools
import importlib.metadata
import itertools
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
PROJECT = tomllib.loads(PYPROJECT)
LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-book.lock"]  # each holds the one before


def named(lines):
    """Requirements by the name that the index knows them by."""
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


DEPENDENCIES = named(PROJECT["project"]["dependencies"])
EXTRAS = {extra: named(lines) for extra, lines in PROJECT["project"]["optional-dependencies"].items()}
OF_THE_COURSE = ("jupyter", "widgets")  # the packages of the kit that need the extra of this name
BACKEND = named(PROJECT["build-system"]["requires"])


def entries(lock):
    """Each entry of a lock: the requirement, and its hashes."""
    for line in (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        yield Requirement(requirement), hashes


def pins(lock):
    """(name, marker) to version: a universal lock may hold one package twice, for two kinds of machine."""
    return {
        (canonicalize_name(r.name), str(r.marker or "")): str(r.specifier).removeprefix("==") for r, _ in entries(lock)
    }


def versions(lock, name):
    return [version for (known, _), version in pins(lock).items() if known == name]


def requirement_lines():
    """Every line of pyproject.toml that names something to install, with its comment."""
    for line in PYPROJECT.splitlines():
        found = re.match(r'\s*(?:\w+ = \[)?"([A-Za-z0-9._-]+[<>=!~][^"]*)"\]?,?\s*(?:#\s*(.*))?$', line)
        if found:
            yield found.group(1), found.group(2) or ""
        found = re.match(r'(?:requires|build) = \["([^"]+)"\]\s*(?:#\s*(.*))?$', line)
        if found:
            yield found.group(1), found.group(2) or ""


def test_the_lines_read_here_are_all_that_pyproject_names():
    every = [*DEPENDENCIES.values(), *BACKEND.values()]
    every += [requirement for extra in EXTRAS.values() for requirement in extra.values()]
    assert {str(Requirement(line)) for line, _ in requirement_lines()} == {str(requirement) for requirement in every}


def test_every_dependency_has_a_floor_and_its_reason_beside_it():
    for line, comment in requirement_lines():
        assert ">=" in line, line
        assert len(comment.split()) >= 2, line


def test_every_cap_and_every_exclusion_says_why():
    capped = [(line, comment) for line, comment in requirement_lines() if "<" in line or "!=" in line]
    assert capped
    for line, comment in capped:
        assert len(comment.split()) >= 5, line


def test_every_dependency_is_in_the_learners_lock_in_a_version_that_fits():
    for name, requirement in (DEPENDENCIES | EXTRAS["course"]).items():
        assert versions("requirements.lock", name), name
        for version in versions("requirements.lock", name):
            assert requirement.specifier.contains(version), f"{name} {version}"


@pytest.mark.parametrize("extra", ["dev", "book"])
def test_every_tool_is_in_the_lock_of_its_extra_in_a_version_that_fits(extra):
    for name, requirement in EXTRAS[extra].items():
        assert versions(f"requirements-{extra}.lock", name), name
        for version in versions(f"requirements-{extra}.lock", name):
            assert requirement.specifier.contains(version), f"{name} {version}"


@pytest.mark.parametrize(("smaller", "larger"), list(itertools.pairwise(LOCKS)))
def test_a_lock_holds_the_whole_one_before_it_unchanged(smaller, larger):
    held, holding = pins(smaller), pins(larger)
    names = {name for name, _ in held}
    assert {key: version for key, version in holding.items() if key[0] in names} == held


@pytest.mark.parametrize(("smaller", "larger"), list(itertools.pairwise(LOCKS)))
def test_an_entry_of_two_locks_has_the_same_hashes(smaller, larger):
    held = {str(requirement): hashes for requirement, hashes in entries(smaller)}
    holding = {str(requirement): hashes for requirement, hashes in entries(larger)}
    assert {key: holding.get(key) for key in held} == held


def test_the_build_backend_is_in_every_lock_so_that_the_kit_installs_without_isolation():
    assert EXTRAS["build"] == BACKEND
    for lock in LOCKS:
        for name, requirement in BACKEND.items():
            assert versions(lock, name), f"{name} in {lock}"
            assert all(requirement.specifier.contains(version) for version in versions(lock, name))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_one_version_with_its_hashes(lock):
    found = list(entries(lock))
    assert len(found) > 50
    for requirement, hashes in found:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert not requirement.url
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement


@pytest.mark.parametrize("name", [*LOCKS, "environment.yml"])
def test_no_address_and_no_path_of_a_machine_is_in_it(name):
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"(?m)(^|[\s='\"@])(/|~/|[A-Za-z]:[\\/])\w", text)
    assert not re.search(r"(?m)^\s*--(?!hash=)", text)


class Strict(yaml.SafeLoader):
    """YAML in which a key stands once."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(AssertionError, match="twice"):
        yaml.load("name: a\nname: b\n", Strict)


def test_environment_yml_holds_python_pip_and_the_kit_and_nothing_else():
    parsed = yaml.load((ROOT / "environment.yml").read_text("utf-8"), Strict)
    assert set(parsed) == {"name", "channels", "dependencies"}
    assert parsed["name"] == PROJECT["project"]["name"]
    assert parsed["channels"] == ["conda-forge"]
    python, pip, kit = parsed["dependencies"]
    assert re.fullmatch(r"python[<>=!,.\d]+", python)
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["project"]["requires-python"])
    assert pip == "pip"
    assert kit == {"pip": ["-e .[course]"]}


def test_start_py_refuses_just_the_pythons_that_pyproject_refuses():
    floor = re.search(r"version_info < \((\d+), (\d+)\):\s+return too_old", (ROOT / "start.py").read_text("utf-8"))
    assert SpecifierSet(PROJECT["project"]["requires-python"]) == SpecifierSet(f">={'.'.join(floor.groups())}")


packages_distributions = functools.cache(importlib.metadata.packages_distributions)  # a quarter of a second each time


def imported(*folders):
    """The third-party packages that modules, or those of some folders, import, each with one place."""
    own = {"nbhelpers", "benchmarks", "docs", "tests"}
    found = {}
    for path in sorted(path for folder in folders for path in (folder.rglob("*.py") if folder.is_dir() else [folder])):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - own:
                found.setdefault(name, f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


PARTS = [path for path in (ROOT / "nbhelpers").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("folders", "extras"),
    [
        ([path for path in PARTS if path.name not in OF_THE_COURSE], []),
        ([path for path in PARTS if path.name in OF_THE_COURSE], ["course", "hub"]),
        ([ROOT / "benchmarks"], ["bench"]),
        ([ROOT / "docs"], ["book"]),
        ([ROOT / "build_backend.py"], ["build"]),
        ([ROOT / "tests"], ["dev", "build", "course"]),
    ],
    ids=["nbhelpers", "nbhelpers of the course", "benchmarks", "docs", "build backend", "tests"],
)
def test_every_import_is_declared(folders, extras):
    declared = set(DEPENDENCIES).union(*(EXTRAS[extra] for extra in extras))
    distributions = packages_distributions()
    found = imported(*folders)
    assert found
    # Whoever loads the plugin is pytest itself, whoever starts the board a JupyterHub.
    for name, guest in (("pytest", "testing/pytest_plugin.py:"), ("jupyterhub", "jupyter/board.py:")):
        if found.get(name, "").startswith(f"nbhelpers/{guest}"):
            del found[name]
    for name, place in found.items():
        offered = {canonicalize_name(distribution) for distribution in distributions.get(name, [])}
        assert offered & declared, f"{place} imports {name}, which pyproject.toml does not declare"
