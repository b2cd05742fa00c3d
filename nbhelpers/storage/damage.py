"""Looks for damage in a SQLite file, and sets a damaged one aside whole: nothing is deleted."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock

__all__ = ["SetAside", "set_aside_if_damaged", "what_was_set_aside"]

_LOOK = 0.25  # seconds for a look at the whole file: some 40 MB (measured). What is beyond is met when it is read
_MARK = ".damaged-"
_BESIDE = ("", "-wal", "-shm")  # a file, and what SQLite keeps beside it
_DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True)
class SetAside:
    """A damaged file: what its `name` was, where it is `kept`, and `why`, in SQLite's words, where that is known."""

    name: str
    kept: Path
    why: str = ""

    def __str__(self) -> str:
        seen = f" SQLite said: “{self.why}”." if self.why else ""
        return f"{self.name} was damaged.{seen} It is kept as {self.kept}; an empty one is in its place."


def set_aside_if_damaged(path: Path, first: Callable[[], object] = lambda: None) -> SetAside | None:
    """Set a database aside that SQLite calls damaged; return where it is, None when nothing is wrong or nothing there.

    `first` is called before: it ends whoever has the file open. Raises OSError when the file cannot be moved.
    """
    if not path.is_file() or _damage(path) is None:
        return None
    first()
    with FileLock(path.with_name(f"{path.name}.aside.lock"), timeout=20):
        why = _damage(path)  # somebody else may have been quicker
        if why is None:
            return None
        kept = path.with_name(f"{path.name}{_MARK}{datetime.now():%Y%m%d-%H%M%S-%f}")  # noqa: DTZ005 - a person reads it
        # What is beside it goes first: an empty database must not meet the log of the old one.
        for end in reversed(_BESIDE):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(kept.with_name(kept.name + end))
        return SetAside(path.name, kept, why)


def what_was_set_aside(folder: Path) -> list[SetAside]:
    """Return what was set aside in a folder and is still there, oldest first."""
    kept = [path for path in folder.glob(f"*{_MARK}*") if not path.name.endswith(("-wal", "-shm"))]
    return [SetAside(path.name.partition(_MARK)[0], path) for path in sorted(kept)]


def _damage(path: Path) -> str | None:
    """Return SQLite's words for what is wrong with a file; None for nothing, and for what is no damage, as a lock."""
    until = time.monotonic() + _LOOK
    try:
        # Only to be read: the last that can write deletes the log when it closes, even a damaged file's (measured).
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_LOOK)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error) if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES else None
    return None if found == "ok" else " ".join(found.split())
