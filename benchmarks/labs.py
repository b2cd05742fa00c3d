"""A lab for a benchmark: services of its own in a folder that goes, the first five steps filled in."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nbhelpers import Lab, __version__
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher

__all__ = ["opened", "versions"]


@contextmanager
def opened(**switches: str) -> Iterator[Lab]:
    """Open a lab whose receiver runs and whose simulator has these switches; end both afterwards."""
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        settings = configuration.load("simulator", folder, environ={}, folder=Path(folder))
        settings = dataclasses.replace(settings, simulator_port=0, receiver_port=0)
        try:
            launcher.start("simulator", settings)
            launcher.start("receiver", settings)
            lab = Lab(state=folder, mode="simulator")
            lab.need("webhooks")
            lab.simulator.switch(**switches)
            yield lab
            lab.inbox.close()
        finally:
            launcher.stop(settings)


def versions(*packages: str) -> dict[str, str]:
    """Return what was measured with what."""
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"nbhelpers": __version__, "Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, **found}
