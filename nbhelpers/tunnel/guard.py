"""Ends the ngrok agents of our config file, at once or when their parent is gone, so that nothing stays public."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil

__all__ = ["Guard", "clear", "end_agents"]

_END = 2.0  # seconds that an agent may take to leave before it is killed


def end_agents(folder: Path) -> list[int]:
    """End every process that was started with `--config` and a file in this folder, and no other; return their pids.

    The folder lies in the state directory, so only an agent of this state and mode can have it. It finds one that was
    started a moment ago and is recorded nowhere yet, too.
    """
    found = [process for process in psutil.process_iter(["cmdline"]) if _has(process, folder)]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, timeout=_END)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=_END)
    return [process.pid for process in found]


def clear(folder: Path) -> list[int]:
    """End the agents of this folder, as `end_agents` does, and delete it: the config files have the token in them."""
    ended = end_agents(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return ended


class Guard:
    """A process that ends the agents with a config file in this folder, once we are gone or close it.

    It waits at a pipe that we hold; whatever ends us, a kill included, closes that.
    """

    def __init__(self, folder: Path) -> None:
        # CREATE_NEW_PROCESS_GROUP and CREATE_NO_WINDOW: Ctrl+C is for us, and the guard must outlive us unseen.
        detached = {"start_new_session": True} if os.name == "posix" else {"creationflags": 0x200 | 0x08000000}
        self._watcher = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            [sys.executable, "-m", "nbhelpers.tunnel.guard", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **detached,
        )

    def close(self) -> None:
        """Let it end what still runs, delete the folder, and leave."""
        self._watcher.communicate(timeout=3 * _END)


def _has(process: psutil.Process, folder: Path) -> bool:
    words = process.info["cmdline"] or []
    pairs = itertools.pairwise(words)
    return any(first == "--config" and folder in Path(second).parents for first, second in pairs)


def _watch(folder: Path) -> None:
    while os.read(0, 1024):
        continue
    clear(folder)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
