"""A Jupyter server of the test's own, with the kit's extension, as whoever installs the kit has it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.conftest import wait_until

TOKEN = "the-token-of-this-test"
LOGGED_IN = {"Authorization": f"token {TOKEN}"}


@dataclass(frozen=True)
class Server:
    """A Jupyter server: its URL with the base path, its process, its log."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **options: object) -> requests.Response:
        """GET a path under the server, logged in unless other headers are given."""
        return requests.get(
            self.url + path, **{"headers": LOGGED_IN, "timeout": 10, "allow_redirects": False} | options
        )

    def post(self, path: str, **options: object) -> requests.Response:
        """POST to a path under the server, by default as a stranger."""
        return requests.post(self.url + path, **{"timeout": 20, "allow_redirects": False} | options)


@contextmanager
def serving(folder: Path, base: str = "/", **environment: str) -> Iterator[Server]:
    """Run `jupyter server` in this folder, which is also its home; it ends with the test."""
    folder.mkdir(exist_ok=True)
    own = {f"JUPYTER_{which}_DIR": str(folder / "jupyter" / which) for which in ("CONFIG", "DATA", "RUNTIME")}
    log = folder / "jupyter.log"
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0", "--debug"]
    command += [f"--ServerApp.base_url={base}", f"--IdentityProvider.token={TOKEN}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | own | {"HOME": str(folder)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        found = wait_until(
            lambda: re.search(rf"http://127\.0\.0\.1:\d+{re.escape(base)}", log.read_text()), 60, "the Jupyter server"
        )
        server = Server(found[0], process, log)
        wait_until(lambda: _answers(server), 30, "its answer")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(server: Server) -> bool:
    try:
        return server.get("api").status_code == 200
    except requests.ConnectionError:
        return False
