"""The notebooks in real kernels: how they are run, and how what they show is read."""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import Settings
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.services import launcher
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
STEPS = [path for path in NOTEBOOKS if re.match(r"0[0-7]_", path.name)]
GOOD = ("Done.", "Filled in with sample values")

# Not the middle of base64, such as a public key's: that may hold these letters too.
JWT = re.compile(r"(?<![A-Za-z0-9+/=_-])eyJ[A-Za-z0-9_-]{6,}")
YOU_SEE = re.compile(r"You see: ((?:“[^”]*”|`[^`]*`|[^.“`])*)")


def by_name(path: Path) -> str:
    return path.stem


# Running


@dataclass
class Run:
    """A notebook that was executed."""

    notebook: NotebookNode
    seconds: float

    def said_by(self, tag: str) -> list[str]:
        """What the code cells with this tag show, as text."""
        return [said(cell) for cell in self.notebook.cells if cell.cell_type == "code" and tag in tags(cell)]

    def cell(self, ident: str) -> str:
        """What one code cell shows, by its id."""
        return next(said(cell) for cell in self.notebook.cells if cell.id == ident)


def environment(state: Path, **more: str) -> dict[str, str]:
    """What a kernel finds: nothing of this shell's settings, any free port, this test as its server."""
    private = ("NBHELPERS_", "VONAGE_", "NEXMO_", "MESSENGER_", "NGROK_", "MESSAGES_API", "PUBLIC_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    names = {"STATE": str(state), "SIMULATOR_PORT": "0", "RECEIVER_PORT": "0"}
    return (
        inherited | {f"NBHELPERS_{name}": value for name, value in names.items()} | {"JPY_PARENT_PID": str(os.getpid())}
    ) | more


def execute(notebook: NotebookNode, state: Path, **more: str) -> Run:
    """Run All, in a kernel of its own that ends with it."""
    begun = time.monotonic()
    client = NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(FOLDER)}})
    client.execute(env=environment(state, **more))
    return Run(notebook, time.monotonic() - begun)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def stop(state: Path) -> None:
    launcher.stop(configuration.load(state=state, environ={}))


def settings_of(state: Path) -> Settings:
    return configuration.load(state=state, environ={})


@contextmanager
def inbox_of(state: Path) -> Iterator[Inbox]:
    inbox = Inbox(settings_of(state).folder / "lab.sqlite3")
    try:
        yield inbox
    finally:
        inbox.close()


# Reading


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def parts(cell: NotebookNode) -> list[str]:
    """Every text of a cell's outputs, in its order."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        rich = html.unescape(re.sub(r"<[^>]+>", " ", data.get("text/html", "")))
        found += [output.get("text", ""), data.get("text/plain", ""), rich, *output.get("traceback", [])]
    return [part for part in found if part]


def said(cell: NotebookNode) -> str:
    return plain("\n".join(parts(cell)))


def plain(text: str) -> str:
    return " ".join(text.split())


def strings(value: Any) -> Iterator[str]:
    """Every string in something made of dicts and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(name)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def broken_promises(run: Run) -> list[str]:
    """What a text promises with “You see: …”, in quotation marks or code, and the cell above it does not show."""
    broken, shown = [], ""
    for cell in run.notebook.cells:
        if cell.cell_type == "code":
            shown = said(cell)
        for sentence in YOU_SEE.findall(cell.source) if cell.cell_type == "markdown" else []:
            for quoted, code in re.findall(r"“([^”]*)”|`([^`]*)`", sentence):
                if plain(quoted or code) not in shown:
                    broken.append(f"{cell.id}: {quoted or code!r} is not in {shown!r}")
    return broken


def bad_checks(run: Run) -> list[str]:
    return [words for words in run.said_by("check") if not words.startswith(GOOD)]


def secrets_in(state: Path) -> list[str]:
    """What must never be in a notebook: the account's secrets, and the private keys line by line."""
    folder = settings_of(state).folder
    record = json.loads((folder / "simulator.json").read_text(encoding="utf-8"))
    found = [record["ready"]["api_secret"], record["ready"]["signature_secret"], record["control"]]
    for path in folder.glob("*.key"):
        found += [line for line in path.read_text().splitlines() if line and not line.startswith("-----")]
    assert all(len(secret) >= 8 for secret in found[:3])
    return [secret for secret in found if len(secret) >= 8]


def leaks(run: Run, secrets: list[str]) -> list[str]:
    """Every text in outputs and widget state that holds a token, a private key or one of the secrets."""
    shown = [cell.get("outputs", []) for cell in run.notebook.cells if cell.cell_type == "code"]
    texts = strings([shown, run.notebook.metadata.get("widgets", {})])
    return [
        text[:300]
        for text in texts
        if JWT.search(text) or "PRIVATE KEY-----" in text or any(secret in text for secret in secrets)
    ]
