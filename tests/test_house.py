"""The floors and the types of the package, held by import-linter and mypy as pyproject.toml configures them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def test_imports_go_down_the_floors_and_in_no_circle():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(400)  # mypy reads everything anew on a fresh clone
def test_the_types_hold_strictly():
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_ignored_type_error_has_its_code_and_its_reason():
    for path in (REPOSITORY / "nbhelpers").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "type: ignore" in line:
                assert re.search(r"# type: ignore\[[a-z-]+(, [a-z-]+)*\]  # .{10,}", line), f"{path}: {line}"


@pytest.mark.fast
def test_the_house_of_contributing_names_every_module():
    whole = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    house, _, _ = whole.partition("## The way of a message")
    named = set(re.findall(r"`(\w+)(?:\.py)?`", house))
    # The panels' files are one line there: one file a panel.
    files = [each for each in (REPOSITORY / "nbhelpers").rglob("*.py") if "widgets" not in each.parts]
    assert [str(each) for each in files if each.stem not in named and not each.stem.startswith("__")] == []


def test_no_file_keeps_the_marks_of_a_merge():
    marks = "^(<{7}|>{7}|={7}$)"
    found = subprocess.run(["git", "grep", "-nIE", marks], cwd=REPOSITORY, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, ""), found.stdout + found.stderr
