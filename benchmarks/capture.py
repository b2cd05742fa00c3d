"""Webhooks stored a second, fsync before each 200, beside Flask's development server, which stores nothing."""

from __future__ import annotations

import contextlib
import importlib.metadata
import platform
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.children import Child, free_port
from benchmarks.frame import CannotMeasure, Options, Row, make_row
from benchmarks.wrk import CONNECTIONS, SECRET, Answered, load, prepare
from nbhelpers import __version__

__all__ = ["measure"]

_FASTEST = 30_000  # webhooks a second that no server here reaches: so many are prepared for each second


def measure(options: Options) -> list[Row]:
    """Load the receiver, the same without storing, and Flask in turn, for a fifth of the seconds each."""
    seconds = max(1.0, options.seconds / 5)
    found: dict[str, list[tuple[Answered, float]]] = {"ours": [], "without": [], "bare": [], "flask": []}
    with tempfile.TemporaryDirectory(prefix="nbhelpers-bench-") as name:
        folder = Path(name)
        webhooks = prepare(folder, int(seconds * min(_FASTEST, 30_000)))
        for run in range(options.runs):
            order = list(found) if run % 2 == 0 else list(found)[::-1]
            for kind in order:
                if kind != "flask" or options.peer:
                    found[kind].append(_run(kind, folder / f"{kind}{run}", webhooks, seconds))
    ours, without, flask = ([each for each, _ in found[kind]] for kind in ("ours", "without", "flask"))
    cpu = {kind: [used for _, used in runs] for kind, runs in found.items()}
    names = ("uvicorn", "httptools", "flask", "werkzeug", "PyJWT")
    versions = {"nbhelpers": __version__, "Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    for each in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[each] = importlib.metadata.version(each)
    versions["load"] = f"wrk, {CONNECTIONS} connections, one thread; every webhook signed, no two alike"
    added = [(1 / a.rate - 1 / b.rate) * 1e6 for a, b in zip(ours, without, strict=True)]
    return [
        make_row(
            "webhooks stored, fsync before 200",
            [each.rate for each in ours],
            "/s",
            peer="Flask's development server, storing nothing" if flask else None,
            peer_values=[each.rate for each in flask],
            bar=">= 8" if flask else None,
            versions=versions,
        ),
        make_row("what storing adds to a webhook", added, "µs", better="lower", bar="<= 80 µs", versions=versions),
        make_row(
            "99 of 100 answered within",
            [each.slow * 1000 for each in ours],
            "ms",
            better="lower",
            bar="<= 25 ms",
            versions=versions,
        ),
        make_row(
            "processor time for a webhook",
            cpu["ours"],
            "µs",
            better="lower",
            peer="Flask's development server" if flask else None,
            peer_values=cpu["flask"],
            versions=versions | {"how": "user and system time of the server's process; bent less by what else runs"},
        ),
        make_row("the same without storing", cpu["without"], "µs", better="lower", versions=versions),
        make_row("the same server answering 200 and no more", cpu["bare"], "µs", better="lower", versions=versions),
    ]


def _run(kind: str, folder: Path, webhooks: Path, seconds: float) -> tuple[Answered, float]:
    """Return what was answered, and the microseconds of processor time for each."""
    folder.mkdir()
    with _served(kind, folder) as (server, url):
        load(url, webhooks, 1)  # warm
        before = server.cpu()
        answered = load(url, webhooks, seconds)
        used = server.cpu() - before
    if kind == "ours":
        with contextlib.closing(sqlite3.connect(folder / "lab" / "live" / "lab.sqlite3")) as stored:
            kept = stored.execute("SELECT count(*) FROM deliveries").fetchone()[0]
        if kept < answered.count:
            raise CannotMeasure(f"{answered.count} were answered 200 and {kept} are stored: that is a defect.")
    return answered, used / answered.count * 1e6


@contextlib.contextmanager
def _served(kind: str, folder: Path) -> Iterator[tuple[Child, str]]:
    if kind == "ours":
        command = ["env", f"VONAGE_SIGNATURE_SECRET={SECRET}", sys.executable, "-m", "nbhelpers", "receiver"]
        command += ["--mode", "live", "--state", str(folder / "lab"), "--port", str(free_port())]
        server = Child("The receiver", command, folder, talks=True)
    else:
        server = Child.python(kind, ["benchmarks.receivers", kind, str(free_port())], folder, talks=True)
    with server:
        line = server.line()
        url = line.get("inbound_url") or line["url"]
        _until_open(int(url.split(":")[2].split("/")[0]))
        yield server, url


def _until_open(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise CannotMeasure(f"Nobody listens on port {port}.")
