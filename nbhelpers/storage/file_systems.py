"""Says whether a folder is on a network file system, on which SQLite's locks and log cannot be trusted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import psutil

__all__ = ["Partition", "network_file_system"]

# As /proc/mounts names them, or `mount` on macOS; with `fuse.` before or not. Windows says “remote” beside them.
_NETWORK = (
    *("9p", "afpfs", "afs", "beegfs", "ceph", "cephfs", "cifs", "davfs", "gcsfuse", "glusterfs", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "prl_fs", "rclone", "s3fs", "smb2", "smb3", "smbfs", "sshfs", "vboxsf", "vmhgfs-fuse"),
    "webdav",
)


class Partition(Protocol):
    """A mounted file system, as psutil names its parts."""

    @property
    def mountpoint(self) -> str:
        """The folder where it is mounted."""

    @property
    def fstype(self) -> str:
        """Its type, as `ext4`."""

    @property
    def opts(self) -> str:
        """Its options, with commas between."""


def network_file_system(folder: Path, partitions: Iterable[Partition] | None = None) -> str | None:
    """Return the type of the network file system that a folder is on, None when it is on none, or nobody can say.

    `partitions` are what is mounted, by default psutil's list. SQLite's write-ahead log does not work over a network
    file system (https://sqlite.org/wal.html, “Overview”; documented).
    """
    if partitions is None:
        try:
            partitions = psutil.disk_partitions(all=True)
        except OSError:  # such as where /proc is not mounted
            return None
    place = os.path.normcase(folder.resolve())
    found = [each for each in partitions if _holds(os.path.normcase(each.mountpoint), place)]
    if not found:
        return None
    # The last of the longest: what was mounted over something hides it.
    longest = max(len(each.mountpoint) for each in found)
    nearest = [each for each in found if len(each.mountpoint) == longest][-1]
    kind = nearest.fstype.lower()
    if kind.removeprefix("fuse.") in _NETWORK or "remote" in nearest.opts.split(","):
        return kind or "remote"
    return None


def _holds(mountpoint: str, place: str) -> bool:
    return place == mountpoint or place.startswith(mountpoint.rstrip(os.sep) + os.sep)
