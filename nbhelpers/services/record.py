"""The record of a running service: its process, its owners and its port, in a file that every process can read."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from nbhelpers.config.private_files import write_private
from nbhelpers.errors import ServiceError

__all__ = [
    "LOOPBACK",
    "Owner",
    "Record",
    "created_at",
    "is_alive",
    "joined",
    "lock_of",
    "read_record",
    "record_path",
    "remembered_port",
    "write_record",
]

LOOPBACK = "127.0.0.1"  #: every service listens there and nowhere else
_SAME = 2.0  # seconds within which two readings of a creation time are of the same process


@dataclass(frozen=True)
class Owner:
    """A process that wants a service: its pid and creation time (`created_at`), since a pid is given out again."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> Owner:
        """Return the owner with this pid, as it is now. Raises ServiceError when there is no such process."""
        try:
            return cls(pid, created_at(psutil.Process(pid)))
        except psutil.Error:
            raise ServiceError("The asking process is gone.", f"There is no process {pid}.", "Start again.") from None


@dataclass(frozen=True)
class Record:
    """What `<state>/<mode>/<name>.json` says of a running service.

    `owners` is None for one that was started in the foreground: it ends by signal. `ready` is what its ready line says;
    `control` the token for what is not part of the service's public face. `started` is no part of the file: it says
    that the call which returned this started the service.
    """

    name: str
    pid: int
    created: float
    nonce: str
    port: int
    url: str
    control: str
    owners: tuple[Owner, ...] | None
    ready: dict[str, Any]
    started: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        public = f", {self.ready['public_url']} leads to {self.ready['target']}" if "public_url" in self.ready else ""
        return f"{self.name}: up at {self.url}{public} (process {self.pid})"


def record_path(folder: Path, name: str) -> Path:
    """Where the record of a service is."""
    return folder / f"{name}.json"


def read_record(folder: Path, name: str) -> Record | None:
    """Read the record of a service; None when there is none, or it is no record of this version of the kit."""
    try:
        values = json.loads(record_path(folder, name).read_text(encoding="utf-8"))
        if values["owners"] is not None:
            values["owners"] = tuple(Owner(**owner) for owner in values["owners"])
        return Record(**values)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write the record of a service, readable by you alone: it holds the secrets of its ready line."""
    values = {name: value for name, value in asdict(record).items() if name != "started"}
    write_private(record_path(folder, record.name), json.dumps(values, indent=1).encode())


def lock_of(folder: Path, name: str) -> FileLock:
    """Return the lock that whoever starts, joins or ends this service takes first."""
    return FileLock(folder / f"{name}.lock")


def is_alive(pid: int, created: float) -> bool:
    """Say whether the very process runs that had this pid at that time; one that only waits to be reaped does not."""
    try:
        process = psutil.Process(pid)
        return abs(created_at(process) - created) < _SAME and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's process: it is there
        return True


def created_at(process: psutil.Process) -> float:
    """Return when a process was created, in seconds that tell only whether two are the same process, not a time of day.

    On Linux they count from the computer's start: the time of day that psutil makes of it moves whenever the clock is
    set, and a running service would then seem to be another process. Raises psutil.Error when there is none.
    """
    created = process.create_time()
    return created - psutil.boot_time() + _this_start() if psutil.LINUX else created


@functools.cache
def _this_start() -> float:
    # So that a process from before the computer was started anew is never taken for one of now.
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(boot_id[:8], 16) * 1000.0


def remembered_port(folder: Path, name: str) -> int | None:
    """Return the port that a service had last, None when none is known."""
    try:
        return int((folder / f"{name}.port").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def joined(record: Record, owner: Owner) -> Record:
    """Return the record with one more owner, and without those that have gone. One in the foreground keeps none."""
    if record.owners is None:
        return record
    others = [other for other in record.owners if other != owner and is_alive(other.pid, other.created)]
    return replace(record, owners=(*others, owner))
