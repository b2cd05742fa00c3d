"""What a learner waits for at the start: opening the lab, importing the package, the command's help."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.frame import Options, Row, alternate, make_row
from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher

__all__ = ["measure"]

_CLOCKED = "import time; began = time.perf_counter(); {code}; print(time.perf_counter() - began)"
# What any notebook by hand imports first.
_PEER = "import jwt, requests; from cryptography.hazmat.primitives import serialization"


def measure(options: Options) -> list[Row]:
    """Measure each start in fresh processes, ours and the peer's in turn; ten times a run."""
    runs = options.runs * 10
    versions = {name: importlib.metadata.version(name) for name in ("PyJWT", "requests", "cryptography", "click")}
    versions = {"nbhelpers": __version__, "Python": platform.python_version(), **versions}
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        settings = configuration.load("simulator", folder, environ={}, folder=Path(folder))
        settings = dataclasses.replace(settings, simulator_port=0)
        launcher.start("simulator", settings)
        try:
            opened = f"from nbhelpers import Lab; Lab(state={str(settings.state)!r}, mode='simulator')"
            ours, peers = alternate(runs, lambda: _inside(opened), (lambda: _inside(_PEER)) if options.peer else None)
        finally:
            launcher.stop(settings)
    imported = [_inside("import nbhelpers") for _ in range(runs)]
    helped = [_whole("-m", "nbhelpers", "--help") for _ in range(runs)]
    return [
        make_row(
            "open the lab, the simulator running",
            ours,
            "ms",
            better="lower",
            peer="import jwt, requests, cryptography" if options.peer else None,
            peer_values=peers,
            bar=">= 0.77" if options.peer else None,  # 1.3 times the peer at most
            versions=versions,
        ),
        make_row("import nbhelpers", imported, "ms", better="lower", versions=versions),
        make_row(
            "nbhelpers --help, the whole process", helped, "ms", better="lower", bar="<= 120 ms", versions=versions
        ),
    ]


def _inside(code: str) -> float:
    """Return how many milliseconds `code` takes in a fresh process, without the start of the interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", _CLOCKED.format(code=code)],
        capture_output=True,
        text=True,
        check=True,
        env=_environment(),
    )
    return float(done.stdout.splitlines()[-1]) * 1000


def _whole(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True, env=_environment())
    return (time.perf_counter() - began) * 1000


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NBHELPERS_", "VONAGE_"))}
