"""The notebooks run in a real kernel, top to bottom, and are committed without outputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import REPOSITORY
from nbclient import NotebookClient

from nbhelpers import background
from nbhelpers import settings as configuration

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.mark.fast
def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS][:1] == ["00_start_here.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_and_widget_state_are_stripped(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs_from_a_clean_state_and_shows_what_its_text_says(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("STATE", str(tmp_path / "lab")), ("SIMULATOR_PORT", "0"), ("RECEIVER_PORT", "0")):
        monkeypatch.setenv(f"NBHELPERS_{name}", value)
    notebook = nbformat.read(path, as_version=4)
    # The kernel's server is this test: what it started ends with it.
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    try:
        NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}}).execute()
    finally:
        background.stop(configuration.load(state=tmp_path / "lab"))

    shown = [cell for cell in notebook.cells if cell.cell_type == "code"]
    texts = ["".join(map(_text, cell.outputs)) for cell in shown]
    promises = re.findall(r"You see: [“`]([^”`]+)[”`]", "\n".join(cell.source for cell in notebook.cells))
    assert promises
    for promise in promises:
        assert any(promise in text for text in texts), promise


def _text(output: nbformat.NotebookNode) -> str:
    return output.get("text") or output.get("data", {}).get("text/plain", "")
