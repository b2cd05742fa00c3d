"""`nbhelpers lab`: a real JupyterLab with its own files in the state directory, on the notebooks, without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.conftest import Shell, wait_until

FOLDERS = ("jupyter_config_dir", "jupyter_data_dir", "jupyter_runtime_dir", "ipythondir")


@pytest.fixture
def server(shell: Shell) -> Iterator[dict[str, Any]]:
    """What JupyterLab writes of itself, as soon as it answers."""
    with (shell.folder / "terminal").open("wb") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "nbhelpers", "lab", "--no-browser", "--port", "0"],
            cwd=shell.folder,
            env=shell.environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.STDOUT,
        )
    runtime = shell.folder / ".lab" / "jupyter" / "jupyter_runtime_dir"
    try:
        yield json.loads(wait_until(lambda: said(runtime), 60, "JupyterLab"))
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    """Its file is written a moment before it listens."""
    try:
        return requests.get(f"{url}api", timeout=5).ok
    except requests.ConnectionError:
        return False


def said(runtime: Path) -> str:
    return next((path.read_text() for path in runtime.glob("jpserver-*.json")), "")


def test_the_terminal_says_what_to_do_and_shows_the_address_and_no_log(shell: Shell, server: dict[str, Any]) -> None:
    def printed() -> str:
        return (shell.folder / "terminal").read_text("utf-8")

    wait_until(lambda: f"token={server['token']}" in printed(), 30, "the address")
    assert printed().startswith("JupyterLab starts. Copy the address that follows into your browser. ")
    assert "[I " not in printed() and "Skipped" not in printed()


def test_it_opens_on_the_notebooks_with_a_token_and_files_of_its_own(shell: Shell, server: dict[str, Any]) -> None:
    url, headers = server["url"], {"Authorization": f"token {server['token']}"}
    wait_until(lambda: answers(url), 30, "an answer")
    assert requests.get(f"{url}api/contents", timeout=5).status_code == 403
    listed = requests.get(f"{url}api/contents", headers=headers, timeout=5).json()
    assert "00_start_here.ipynb" in [entry["name"] for entry in listed["content"]]
    page = requests.get(f"{url}", headers=headers, timeout=5)
    assert page.url.endswith("/lab/tree/00_start_here.ipynb")
    own = shell.folder / ".lab" / "jupyter"
    assert sorted(path.name for path in own.iterdir()) == sorted(FOLDERS)


@pytest.mark.skipif(os.name != "posix", reason="types the command of a POSIX shell")
def test_in_its_own_terminal_the_command_of_the_kit_is_found(server: dict[str, Any]) -> None:
    url, headers = server["url"], {"Authorization": f"token {server['token']}"}
    wait_until(lambda: answers(url), 30, "an answer")
    name = requests.post(f"{url}api/terminals", headers=headers, timeout=10).json()["name"]
    address = f"{url.replace('http', 'ws', 1)}terminals/websocket/{name}"
    terminal = websocket.create_connection(address, header=headers, timeout=20)
    try:
        terminal.send(json.dumps(["stdin", "command -v nbhelpers; echo th''ere\r"]))
        shown = ""
        while "there" not in shown:
            kind, text = json.loads(terminal.recv())[:2]
            shown += text if kind == "stdout" else ""
    finally:
        terminal.close()
    assert f"{Path(sys.executable).parent}/nbhelpers" in shown
