"""Starts a service detached, finds it, joins it and stops it, from outside."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from filelock import Timeout

from nbhelpers.config.private_files import make_private_folder, write_private
from nbhelpers.config.settings import MODES, Settings
from nbhelpers.errors import ServiceError
from nbhelpers.services.record import (
    LOOPBACK,
    Owner,
    Record,
    is_alive,
    joined,
    lock_of,
    read_record,
    record_path,
    write_record,
)

__all__ = ["SAID", "SERVICES", "asker", "find", "found_simulator", "last_words", "release", "start", "stop"]

SAID = "Error: "  #: how a command begins to say what went wrong

#: The processes that outlive a kernel, in the order in which they are ended.
SERVICES = ("tunnel", "simulator", "receiver")
_START = {"tunnel": 60.0}  # seconds that a service may take until it is ready: ngrok's deadline, and the nonce
_USUAL = 20.0
_END = 3.0  # seconds that it may take to leave before it is killed


def start(name: str, settings: Settings, owner: Owner | None = None) -> Record:
    """Return the service of this mode, started if it does not run; the asker is one of its owners from then on.

    However many ask at once, one process is started. Raises ServiceError with the end of its log when none is.
    """
    folder = make_private_folder(settings.folder)
    owner = owner or asker()
    try:
        with lock_of(folder, name).acquire(timeout=2 * _START.get(name, _USUAL)):
            record = find(name, settings)
            if record is None:
                return replace(_spawn(name, settings, owner), started=True)
            changed = joined(record, owner)
            if changed != record:
                write_record(folder, changed)
            return changed
    except Timeout:
        raise ServiceError(
            f"The {name} does not start.", "Another process has been starting it for too long.", "Run `nbhelpers stop`."
        ) from None


def release(settings: Settings, service: Record) -> None:
    """End a service that the asker has started, unless it has another owner by now or another process has its place."""
    with lock_of(settings.folder, service.name).acquire(timeout=2 * _START.get(service.name, _USUAL)):
        record = read_record(settings.folder, service.name)
        if record is None or record.pid != service.pid or record.owners is None:
            return
        if not any(owner != asker() and is_alive(owner.pid, owner.created) for owner in record.owners):
            stop(settings, (settings.mode,), (service.name,))


def find(name: str, settings: Settings) -> Record | None:
    """Return the record of the service of this mode if it runs and answers, else None. Starts and joins nothing."""
    record = read_record(settings.folder, name)
    return record if record and is_alive(record.pid, record.created) and _answers(record) else None


def found_simulator(settings: Settings) -> Record:
    """Return the record of the running simulator. Raises ServiceError when none runs in this state directory."""
    record = find("simulator", settings)
    if record is None:
        raise ServiceError(
            "No simulator runs here.",
            f"None that runs is recorded in {settings.folder}.",
            "Run `nbhelpers simulator`; if yours was started with --state DIR, give that here too.",
        )
    return record


def stop(settings: Settings, modes: tuple[str, ...] = MODES, names: tuple[str, ...] = SERVICES) -> list[str]:
    """End these services of this state directory, in these modes; return a line for each that was ended.

    Only a process whose pid and creation time are in a record is ever ended.
    """
    ended = []
    for mode in modes:
        for name in names:
            folder = settings.state / mode
            record = read_record(folder, name) or _opening(folder, name)
            if record is None:
                continue
            # Without its record a service ends by itself; the signal makes that quick.
            record_path(settings.state / mode, name).unlink(missing_ok=True)
            if is_alive(record.pid, record.created):
                _end(record)
                place = f" at {record.url}" if record.url else ", which was still opening,"
                ended.append(f"{name} ({mode}){place} is stopped.")
    return ended


def asker() -> Owner:
    """Who wants a service when code of this process asks: the Jupyter server above a kernel, else our parent.

    Kernels restart, so a kernel is no owner: its server is. `JPY_PARENT_PID` is set by Jupyter for its kernels.
    """
    jupyter = os.environ.get("JPY_PARENT_PID", "")
    pid = int(jupyter) if jupyter.isdecimal() and psutil.pid_exists(int(jupyter)) else os.getppid()
    # An orphan's parent is process 1, which never leaves: nobody would end the service.
    return Owner.of(pid if pid > 1 else os.getpid())


def _answers(record: Record) -> bool:
    # Not by requests: this heeds no proxy, and whoever opens a lab waits for it.
    try:
        with contextlib.closing(http.client.HTTPConnection(LOOPBACK, record.port, timeout=5)) as connection:
            connection.request("GET", f"/healthz?nonce={record.nonce}")
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _spawn(name: str, settings: Settings, owner: Owner) -> Record:
    silent = read_record(settings.folder, name)
    if silent is not None and silent.owners is not None and is_alive(silent.pid, silent.created):
        # Stopped or stuck. It would keep the port that others know, and go on with the same store beside the new one.
        _end(silent)
    record_path(settings.folder, name).unlink(missing_ok=True)
    log = make_private_folder(settings.folder / "logs") / f"{name}.log"
    command = [
        *(sys.executable, "-m", "nbhelpers", name, "--state", str(settings.state), "--mode", settings.mode),
        *("--owner", f"{owner.pid}:{owner.created!r}"),
    ]
    # Its own session: Interrupt and Restart of a kernel leave it alone.
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    # The settings are what their holder says, whatever the environment said when they were read.
    ports = {"RECEIVER": settings.receiver_port, "SIMULATOR": settings.simulator_port}
    environment = os.environ | {f"NBHELPERS_{which}_PORT": str(port) for which, port in ports.items()}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, **detached
        )
    # Waited for on a thread, so that it leaves no zombie behind while we live.
    threading.Thread(target=process.wait, name=f"wait for {name}", daemon=True).start()
    until = time.monotonic() + _START.get(name, _USUAL)
    opening = settings.folder / f"{name}.opening"
    try:
        with contextlib.suppress(ServiceError):  # it may have ended already
            write_private(opening, json.dumps([process.pid, Owner.of(process.pid).created]).encode())
        while time.monotonic() < until:
            record = read_record(settings.folder, name)
            if record is not None and record.pid == process.pid and _answers(record):
                return record
            if process.poll() is not None:
                break
            time.sleep(0.02)
        else:
            process.kill()
    except BaseException:  # Interrupt: it would open later, with nobody waiting, and `stop` knows only what is recorded
        process.terminate()
        raise
    finally:
        opening.unlink(missing_ok=True)
    last = last_words(name, settings)
    if last.startswith(SAID):  # in three parts already
        raise ServiceError(last.removeprefix(SAID))
    raise ServiceError(f"The {name} did not start.", f"Its last words: {last or 'none'}.", f"The whole log is {log}.")


def last_words(name: str, settings: Settings) -> str:
    """Return the last line that a service of this mode has written into its log; empty when there is none."""
    try:
        text = (settings.folder / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return " ".join(text.strip().splitlines()[-1:])


def _opening(folder: Path, name: str) -> Record | None:
    """Return a service that has been started and has not said yet that it is ready."""
    try:
        pid, created = json.loads((folder / f"{name}.opening").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return Record(name, int(pid), float(created), "", 0, "", "", None, {})


def _end(record: Record) -> None:
    process = psutil.Process(record.pid)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        until = time.monotonic() + _END
        # Not process.wait(): to it, one that its parent has not reaped yet is still there.
        while is_alive(record.pid, record.created):
            if time.monotonic() > until:
                process.kill()
                return
            time.sleep(0.02)
