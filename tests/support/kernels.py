"""A real kernel for tests: cells are run in it as a notebook runs them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from jupyter_client.manager import KernelManager

from nbhelpers.config import settings as configuration


class Kernel:
    """A real kernel; everything that it ever sent or printed is kept."""

    def __init__(self, folder: Path, mode: str = "live", name: str = "kernel", **environment: str) -> None:
        self.folder, self.settings = folder, configuration.load(mode, folder / "lab", folder=folder)
        self.sent: list[str] = []
        self._printed = (folder / f"{name}.log").open("w+b")
        self.manager = KernelManager()
        # The manager tells it that this process is its Jupyter server.
        variables = os.environ | environment
        self.manager.start_kernel(cwd=str(folder), stdout=self._printed, stderr=self._printed, env=variables)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=30)

    def begin(self, code: str) -> str:
        """Run a cell and do not wait for it."""
        return self.client.execute(code, allow_stdin=False)

    def end(self, cell: str, timeout: float = 60) -> str:
        """Wait for the end of a cell, and return what it shows."""
        until, shown = time.monotonic() + timeout, []
        while True:
            news = self.client.get_iopub_msg(timeout=max(0.1, until - time.monotonic()))
            content = news["content"]
            self.sent.append(json.dumps(content, default=str))
            if news["parent_header"].get("msg_id") != cell:
                continue
            if news["msg_type"] == "status" and content["execution_state"] == "idle":
                break
            shown += [content.get("text", ""), content.get("data", {}).get("text/plain", "")]
            shown += content.get("traceback", [])
        reply = self.client.get_shell_msg(timeout=10)
        self.sent.append(json.dumps(reply["content"], default=str))
        return "\n".join(part for part in shown if part).strip()

    def run(self, code: str, timeout: float = 60) -> str:
        return self.end(self.begin(code), timeout)

    @property
    def pid(self) -> int:
        """Its process, whatever it does just now."""
        return int(self.manager.provisioner.pid)

    def open(self) -> str:
        """Open a lab and its tunnel there; return the public URL."""
        shown = self.run("from nbhelpers import Lab\nlab = Lab()\nlab.tunnel.public_url")
        assert shown.startswith("'http://127.0.0.1:"), shown
        return shown.strip("'")

    def restart(self, now: bool) -> None:
        self.manager.restart_kernel(now=now)
        self.client.wait_for_ready(timeout=30)

    def all_texts(self) -> Iterator[str]:
        """Everything sent and printed, and every file that it and its services left."""
        yield from self.sent
        for path in [Path(self._printed.name), *(self.folder / "lab").rglob("*")]:
            if path.is_file():
                yield path.read_bytes().decode("utf-8", "replace")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self._printed.close()
