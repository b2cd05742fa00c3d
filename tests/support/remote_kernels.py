"""Kernels on a Jupyter server that is reached through a hub: code is run in them as a page does it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import requests
import websocket

from tests.support.hub import Learner

LONGEST = 120  # seconds that a cell may take


@dataclass
class Kernel:
    """A kernel of a learner's own, with the folder of a notebook as its working directory."""

    learner: Learner
    channel: websocket.WebSocket

    def run(self, code: str) -> str:
        """Run a cell, and return what it shows as text. An error in it fails the test."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        whole = {"header": header | {"version": "5.3"}, "parent_header": {}, "metadata": {}, "content": content}
        self.channel.send(json.dumps(whole | {"channel": "shell", "buffers": []}))
        shown = []
        while True:
            message: dict[str, Any] = json.loads(self.channel.recv())
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            said, kind = message["content"], message["msg_type"]
            if kind == "stream":
                shown.append(said["text"])
            elif kind in ("execute_result", "display_data"):
                shown.append(said["data"].get("text/plain", ""))
            elif kind == "error":
                raise AssertionError(f"{self.learner.name}: {said['ename']}: {said['evalue']}\n{code}")
            elif kind == "status" and said["execution_state"] == "idle":
                return "\n".join(shown)


@contextmanager
def kernel(learner: Learner, path: str) -> Iterator[Kernel]:
    """A kernel for a notebook of this path on their server; it ends with the block."""
    session = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
    made = requests.post(f"{learner.url}api/sessions", json=session, headers=learner.headers, timeout=60)
    assert made.status_code == 201, made.text
    address = f"{learner.url.replace('http', 'ws', 1)}api/kernels/{made.json()['kernel']['id']}/channels"
    channel = websocket.create_connection(address, timeout=LONGEST, header=learner.headers)
    try:
        yield Kernel(learner, channel)
    finally:
        channel.close()
        requests.delete(f"{learner.url}api/sessions/{made.json()['id']}", headers=learner.headers, timeout=60)


def run_notebook(learner: Learner, folder: str, name: str) -> None:
    """Run every cell of a notebook that stands in their home."""
    notebook = nbformat.read(Path(learner.home) / folder / f"{name}.ipynb", as_version=4)
    with kernel(learner, f"{folder}/{name}.ipynb") as running:
        for cell in notebook.cells:
            if cell.cell_type == "code" and "raises-exception" not in cell.metadata.get("tags", []):
                running.run(cell.source)
