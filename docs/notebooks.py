"""Runs the notebooks as a learner does, in order and against the simulator, and makes pages of what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from docs.pictures import Pictures

__all__ = ["as_page", "run_all"]

_PANEL = re.compile(r"lab\.panels\.(\w+)\(")
_WIDGET = "application/vnd.jupyter.widget-view+json"
_PRIVATE = ("NBHELPERS_", "VONAGE_", "NEXMO_", "MESSENGER_", "NGROK_", "MESSAGES_API", "PUBLIC_URL", "JUPYTERHUB_")


def run_all(folder: Path) -> Iterator[tuple[Path, NotebookNode, float]]:
    """Run every notebook of a folder in one new lab; give its path, itself with outputs, and the seconds it took.

    Raises nbclient's CellExecutionError for a cell that fails.
    """
    with tempfile.TemporaryDirectory() as place:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
        environment |= {f"NBHELPERS_{name}": "0" for name in ("SIMULATOR_PORT", "RECEIVER_PORT")}
        environment |= {"NBHELPERS_STATE": f"{place}/.lab", "JPY_PARENT_PID": str(os.getpid())}
        resources = {"metadata": {"path": str(folder)}}
        try:
            for path in sorted(folder.glob("*.ipynb")):
                notebook, begun = nbformat.read(path, as_version=4), time.monotonic()
                quiet = ["--IPKernelApp.log_level=ERROR"]  # else each kernel warns that it speaks TCP
                client = NotebookClient(notebook, timeout=60, extra_arguments=quiet, resources=resources)
                client.execute(env=environment)
                yield path, _without(notebook, f"{place}/", f"{folder.parent}/"), time.monotonic() - begun
        finally:
            stop = [sys.executable, "-m", "nbhelpers", "stop"]
            subprocess.run(stop, env=environment, check=True, stdout=subprocess.DEVNULL)


def _without(notebook: NotebookNode, *places: str) -> NotebookNode:
    """Return the notebook without the folders of this computer in what it shows."""
    text = nbformat.writes(notebook)
    for place in places:
        text = text.replace(place, "")
    return nbformat.reads(text, as_version=4)


def as_page(notebook: NotebookNode, pictures: Pictures) -> NotebookNode:
    """Return a notebook for the book: panels as their text, with a picture below, links to the book's own pages."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        panels = [_for_a_page(output) for output in cell.get("outputs", ())]
        if any(panels):
            shown = "\n\n".join(filter(None, map(pictures.of, _PANEL.findall(cell.source))))
            cells += [nbformat.v4.new_markdown_cell(shown)] if shown else []
    notebook.cells = cells
    notebook.metadata.pop("widgets", None)
    return notebook


def _for_a_page(output: NotebookNode) -> bool:
    """Make an output fit for a page without kernel; whether it was a panel."""
    data = output.get("data", {})
    was_panel = data.pop(_WIDGET, None) is not None
    if "text/html" in data:
        data["text/html"] = re.sub(r'(href="[\w./]+)\.ipynb', r"\1.html", data["text/html"])
    return was_panel
