"""The processes that a benchmark starts: their lines, their share of the computer, and their certain end."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

import nbhelpers
from benchmarks.frame import CannotMeasure

__all__ = ["Child", "environment", "free_port"]

_ROOT = Path(nbhelpers.__file__).resolve().parent.parent


def environment() -> dict[str, str]:
    """Return the environment without what would change what is measured, with this very copy of the kit first."""
    strange = ("NBHELPERS_", "VONAGE_", "NODE_ENV", "NODE_OPTIONS", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    return kept | {"PYTHONPATH": str(_ROOT)}


def free_port() -> int:
    """Return a port of this computer that is free just now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


class Child:
    """A process of ours, ended at the end of a `with` block, whatever happens in it.

    In a session of its own: Ctrl+C reaches only us, and we end it. One that `talks` speaks lines of JSON with us, and
    what it complains of is kept; of another all output is thrown away.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path, *, talks: bool = False) -> None:
        self.name, self.begun = name, time.monotonic()
        self._complaints = tempfile.TemporaryFile() if talks else None  # noqa: SIM115 - closed by kill()
        self._popen = subprocess.Popen(
            list(command),
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else subprocess.DEVNULL,
            stderr=self._complaints or subprocess.DEVNULL,
            start_new_session=True,
        )
        self._process = psutil.Process(self._popen.pid)

    @classmethod
    def python(cls, name: str, arguments: Sequence[str], folder: Path, *, talks: bool = False) -> Child:
        """Start a module of ours, such as `["benchmarks.sink"]`."""
        return cls(name, [sys.executable, "-m", *arguments], folder, talks=talks)

    @property
    def pid(self) -> int:
        """Its process ID."""
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._popen.poll() is not None

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._popen.poll()

    def line(self, seconds: float = 30) -> dict[str, Any]:
        """Wait for its next line of JSON. Raises CannotMeasure when none comes."""
        assert self._popen.stdout is not None
        if select.select([self._popen.stdout], [], [], seconds)[0]:
            text = self._popen.stdout.readline()
            if text:
                return json.loads(text)
        raise CannotMeasure(f"{self.name} did not answer within {seconds:g} s{self._state()}.")

    def ask(self, text: str, seconds: float = 60) -> dict[str, Any]:
        """Write a line to it and return its answer."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(text.encode() + b"\n")
            self._popen.stdin.flush()
        except OSError:
            raise CannotMeasure(f"{self.name} has ended{self._state()}.") from None
        return self.line(seconds)

    def cpu(self) -> float:
        """Return the seconds of a core that it has used, 0 when it has ended."""
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def memory(self) -> int:
        """Return its resident memory in bytes, 0 when it has ended."""
        try:
            return self._process.memory_info().rss
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End it at once, with what it has started; nothing that it still holds in memory is kept."""
        family = [self._process]
        with contextlib.suppress(psutil.Error):
            family += self._process.children(recursive=True)
        for each in family:
            with contextlib.suppress(psutil.Error):
                each.kill()
        self._popen.wait(10)
        for stream in (self._popen.stdin, self._popen.stdout, self._complaints):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _state(self) -> str:
        lines = [b""]
        if self._complaints is not None and not self._complaints.closed:
            self._complaints.seek(0)
            lines = self._complaints.read().strip().splitlines() or lines
        last = lines[-1].decode("utf-8", "replace")
        return ("" if self.code is None else f" (exit code {self.code})") + (f": {last}" if last else "")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
