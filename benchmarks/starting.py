"""What a learner waits for at the start: JupyterLab, opening the lab, importing the package, the receiver, the help."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from benchmarks.children import Child, free_port
from benchmarks.frame import CannotMeasure, Options, Row, alternate, make_row
from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.services import launcher

__all__ = ["measure"]

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 60.0  # seconds for JupyterLab to answer
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
        ready = [_receiver_ready(settings) for _ in range(runs)]
        jupyter = [Path(folder) / name for name in ("ours", "bare")]
        begun, bare = alternate(
            options.runs,
            lambda: _course_open(jupyter[0]),
            (lambda: _jupyter_open(jupyter[1])) if options.peer else None,
        )
    versions["jupyterlab"] = importlib.metadata.version("jupyterlab")
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
        make_row("import nbhelpers", imported, "ms", better="lower", bar="<= 20 ms", versions=versions),
        make_row("the receiver is ready", ready, "s", better="lower", bar="<= 0.6 s", versions=versions),
        make_row(
            "python3 start.py, all installed, until JupyterLab answers",
            begun,
            "s",
            better="lower",
            peer="bare jupyter lab" if options.peer else None,
            peer_values=bare,
            bar=">= 0.667" if options.peer else None,  # 1.5 times the peer at most
            versions=versions,
        ),
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


def _receiver_ready(settings: Settings) -> float:
    began = time.perf_counter()
    try:
        launcher.start("receiver", settings)
        return time.perf_counter() - began
    finally:
        launcher.stop(settings)


def _course_open(folder: Path) -> float:
    return _answers([str(_ROOT / "start.py"), "--no-browser"], folder)


def _jupyter_open(folder: Path) -> float:
    options = ["--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}"]
    return _answers(["-m", "jupyterlab", *options], folder)


def _answers(arguments: list[str], folder: Path) -> float:
    """Return the seconds from the start of a Python with these arguments to JupyterLab's first answer."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "NBHELPERS_STATE")
    command = ["env", *(f"{name}={folder / name.lower()}" for name in names), sys.executable, *arguments]
    with Child(arguments[-1], [*command, f"--port={port}"], folder) as child:
        while time.monotonic() < child.begun + _PATIENCE and not child.has_ended:
            with contextlib.suppress(requests.RequestException):
                requests.get(f"http://127.0.0.1:{port}/api", timeout=5).raise_for_status()
                return time.monotonic() - child.begun
            time.sleep(0.02)
        raise CannotMeasure(f"JupyterLab did not answer (python {' '.join(arguments)}, exit code {child.code}).")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("NBHELPERS_", "VONAGE_"))}
