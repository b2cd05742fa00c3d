"""Builds the package with flit_core; a wheel also carries the course, as `nbhelpers/notebooks`."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from flit_core import buildapi
from flit_core.buildapi import build_editable, build_sdist

__all__ = ["build_editable", "build_sdist", "build_wheel"]

_UNWANTED = shutil.ignore_patterns("__pycache__", ".*", "*.key")


def build_wheel(wheel_directory: str, config_settings: Any = None, _metadata_directory: Any = None) -> str:
    """Build a wheel into a folder and return its name, as PEP 517 has it.

    flit_core packs one folder and nothing beside it, so it is given a copy in which the notebooks stand inside: the
    tree that is built from stays as it is.
    """
    target = Path(wheel_directory).absolute()
    with tempfile.TemporaryDirectory() as place:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(name, place)
        shutil.copytree("nbhelpers", f"{place}/nbhelpers", ignore=_UNWANTED)
        shutil.copytree("notebooks", f"{place}/nbhelpers/notebooks", ignore=_UNWANTED)
        with chdir(place):
            return buildapi.build_wheel(str(target), config_settings)
