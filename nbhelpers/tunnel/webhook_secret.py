"""The secret in the path by which webhooks come through a Jupyter server: made, read, and taken back."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from nbhelpers.config.private_files import make_private_folder, write_private
from nbhelpers.services.record import lock_of

__all__ = ["made_at", "make_secret", "read_secret", "take_back"]

_NAME = "webhook_secret"
_BYTES = 16  # 128 random bits


def read_secret(folder: Path) -> str | None:
    """Return the secret of a mode's folder; None while nothing is public."""
    try:
        return (folder / _NAME).read_text(encoding="ascii") or None
    except (OSError, ValueError):
        return None


def made_at(folder: Path) -> datetime | None:
    """Return when the secret of a mode's folder was made (UTC); None while nothing is public."""
    try:
        return datetime.fromtimestamp((folder / _NAME).stat().st_mtime, UTC)
    except OSError:
        return None


def make_secret(folder: Path) -> str:
    """Return the secret of a mode's folder, made if there is none; however many ask at once, it is one."""
    with lock_of(make_private_folder(folder), _NAME).acquire(timeout=20):
        known = read_secret(folder)
        if known is None:
            known = secrets.token_urlsafe(_BYTES)
            write_private(folder / _NAME, known.encode())
        return known


def take_back(folder: Path) -> bool:
    """Make the path of a mode's folder lead nowhere; the next one has another secret. Say whether there was one."""
    had = read_secret(folder) is not None
    (folder / _NAME).unlink(missing_ok=True)
    return had
