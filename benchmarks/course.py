"""The course without a browser: the eight notebooks in order and each alone, beside kernels that do nothing."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import nbhelpers
from benchmarks.children import environment
from benchmarks.frame import Options, Row, make_row
from benchmarks.labs import versions
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher

__all__ = ["measure"]

_FOLDER = Path(nbhelpers.__file__).resolve().parent.parent / "notebooks"
_EIGHT = sorted(_FOLDER.glob("0[0-7]_*.ipynb"))


def measure(options: Options) -> list[Row]:
    """Run all eight in order once a run, each with a kernel of its own; then each in a state of its own, once."""
    known = versions("nbclient", "ipykernel")
    whole, bare = [], []
    for _ in range(options.runs):
        whole.append(_run(_EIGHT, empty=False))
        bare.append(_run(_EIGHT, empty=True))
    alone = {path.stem: _run([path], empty=False) for path in _EIGHT}
    rows = [
        make_row(
            "the eight in order",
            whole,
            "s",
            better="lower",
            peer="eight kernels whose cells are empty",
            peer_values=bare,
            bar="<= 60 s",
            versions=known,
        )
    ]
    return rows + [
        make_row(f"{name} alone", [seconds], "s", better="lower", bar="<= 12 s", versions=known)
        for name, seconds in alone.items()
    ]


def _run(paths: list[Path], empty: bool) -> float:
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as folder:
        state = Path(folder) / "lab"
        names = {"NBHELPERS_STATE": str(state), "NBHELPERS_SIMULATOR_PORT": "0", "NBHELPERS_RECEIVER_PORT": "0"}
        kernel = environment() | names | {"JPY_PARENT_PID": str(os.getpid())}
        began = time.monotonic()
        try:
            for path in paths:
                notebook = nbformat.read(path, as_version=4)
                for cell in notebook.cells if empty else ():
                    cell.source = ""
                NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(_FOLDER)}}).execute(env=kernel)
            return time.monotonic() - began
        finally:
            launcher.stop(configuration.load("simulator", state, environ={}))
