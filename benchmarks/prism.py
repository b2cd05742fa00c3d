"""The peer of the simulator: Prism, the mock server of the npm registry, installed once and run as it comes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.children import Child, free_port
from benchmarks.frame import CannotMeasure

__all__ = ["NAME", "OPTIONS", "VERSION", "installed", "node_version", "running"]

_PACKAGE = "@stoplight/prism-cli"
VERSION = "5.14.2"
NAME = f"Prism {VERSION}"
OPTIONS = "prism mock -p PORT send.yaml"
DESCRIPTION = Path(__file__).resolve().parent / "send.yaml"
_INSTALLING = 300  # seconds
_STARTING = 60.0  # seconds


def installed() -> Path:
    """Return Prism's program, after installing it if it is not there. Raises CannotMeasure in one sentence."""
    folder = _cache() / f"prism-{VERSION}"
    program = folder / "node_modules" / ".bin" / "prism"
    if shutil.which("node") is None:
        raise CannotMeasure(f"The peer, {NAME}, needs Node.js, and there is no node in the PATH.")
    if _version_in(folder) == VERSION and (folder / "whole").exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise CannotMeasure(f"The peer, {NAME}, is installed with npm, and there is no npm in the PATH.")
    print(f"Installing the peer once: {_PACKAGE} {VERSION} into {folder} (about 90 MB) …", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--fetch-retries=0"]
    try:
        done = subprocess.run(
            [*command, f"{_PACKAGE}@{VERSION}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALLING,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CannotMeasure(f"The peer, {NAME}, could not be installed: npm took over {_INSTALLING} s.") from None
    if done.returncode or _version_in(folder) != VERSION:
        raise CannotMeasure(f"The peer, {NAME}, could not be installed: {_first_error(done.stderr)}.")
    (folder / "whole").touch()
    return program


def node_version() -> str:
    """Return the version of Node.js that runs Prism."""
    node = shutil.which("node") or "node"
    done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip()


@contextmanager
def running(program: Path, folder: Path) -> Iterator[tuple[Child, int]]:
    """Run Prism for as long as the block takes; give the process and its port."""
    port = free_port()
    with Child("Prism", [str(program), "mock", "-p", str(port), str(DESCRIPTION)], folder) as child:
        until = time.monotonic() + _STARTING
        while not _answers(port):
            if child.has_ended or time.monotonic() > until:
                raise CannotMeasure(f"{NAME} did not start (exit code {child.code}).")
            time.sleep(0.1)
        yield child, port


def _cache() -> Path:
    named = os.environ.get("NBHELPERS_BENCH_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    # A program will be run from here, in a folder that everybody may write to: nobody else may have made it.
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"nbhelpers-benchmarks-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != user:
        raise CannotMeasure(f"{folder} belongs to somebody else: name another folder in NBHELPERS_BENCH_CACHE.")
    return folder


def _version_in(folder: Path) -> str | None:
    try:
        return json.loads((folder / "node_modules" / _PACKAGE / "package.json").read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError):
        return None


def _first_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    codes = [line for line in lines if " code " in line]
    return (codes or lines or ["npm said nothing"])[0].rstrip(".")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("POST", "/v1/messages", b"{}", {"Content-Type": "application/json"})
        return connection.getresponse().status > 0
    return False
