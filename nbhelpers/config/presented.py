"""Whether a state directory is for a projector: noted beside the modes, so it outlives a reset and holds in each."""

from __future__ import annotations

from pathlib import Path

from nbhelpers.config.private_files import make_private_folder, write_private

__all__ = ["note_presented", "presented"]

_FILE = "presented"


def presented(state: Path) -> int:
    """Return how often presenting was turned on or off in this state directory; while it is odd, it is on.

    A note that cannot be read counts as on: what is masked for nothing can be shown later.
    """
    try:
        return int((state / _FILE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError):
        return 1


def note_presented(state: Path, turn: int) -> None:
    """Note how often it was turned on or off."""
    write_private(make_private_folder(state) / _FILE, str(turn).encode())
