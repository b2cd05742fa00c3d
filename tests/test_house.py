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


def test_no_file_keeps_the_marks_of_a_merge():
    marks = "^(<{7}|>{7}|={7}$)"
    found = subprocess.run(["git", "grep", "-nIE", marks], cwd=REPOSITORY, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, ""), found.stdout + found.stderr
