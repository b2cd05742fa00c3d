"""Writes files that only you can read, tells when one is another, and masks secrets wherever they are shown."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

__all__ = ["file_version", "make_private_folder", "mask", "write_private"]


def mask(secret: str | None, keep: int = 4) -> str:
    """Return `secret` fit for a screen: its last `keep` characters behind dots, nothing of a short one.

    A secret shorter than three times `keep` is dotted out whole, since its end would give too much of it away.
    """
    if not secret:
        return "(not set)"
    return "••••" + (secret[-keep:] if len(secret) >= 3 * keep else "")


def file_version(path: str | Path) -> tuple[int, int, int]:
    """Return what tells one state of a file from the next: its time in nanoseconds, its size and its inode.

    Two that are written within one tick of the clock differ in the others. Raises OSError when there is no file.
    """
    found = os.stat(path)  # noqa: PTH116 - each token asks, and a Path takes twice as long
    return found.st_mtime_ns, found.st_size, found.st_ino


def make_private_folder(path: Path) -> Path:
    """Make `path` with those of its parents that are missing, closed to other users, and return it."""
    for place in (*reversed(path.parents), path):
        place.mkdir(exist_ok=True, mode=0o700)
    if path.stat().st_mode & 0o077 and os.name == "posix":
        path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write `data` to `path`, readable by you alone (0600), whole or not at all.

    The file is written beside its place and moved there, so a reader sees the old or the new one, never half of one.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
