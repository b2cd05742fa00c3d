"""What is wrong with the state directory itself: a network file system, a file that was damaged and set aside."""

from __future__ import annotations

from nbhelpers.config.settings import Settings
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.storage.damage import what_was_set_aside
from nbhelpers.storage.file_systems import network_file_system

__all__ = ["news", "state_folder"]

_GO_ON = {
    "lab.sqlite3": "What came before is in that copy alone: go on from here, or let the person write once more.",
    "simulator.sqlite3": "Its Pages and people are in that copy alone: make Page, application and link once more.",
}


def state_folder(settings: Settings) -> list[str]:
    """Return a line for each thing that is wrong: what it is, what was seen, and the next action."""
    lines = []
    kind = network_file_system(settings.folder)
    if kind is not None:
        lines.append(
            f"The state directory is on a network file system. {settings.state} is on {kind}, where SQLite may lose or "
            "damage what is stored. Next: set NBHELPERS_STATE to a folder on a disk of this computer."
        )
    lines += [f"{aside} Next: {_GO_ON.get(aside.name, 'Go on.')}" for aside in what_was_set_aside(settings.folder)]
    return lines


def news(settings: Settings, inbox: Inbox) -> list[str]:
    """Return the lines that nobody has been told yet, and write down that they are told now."""
    lines = state_folder(settings)
    told = inbox.facts().get("told", []) if lines else []
    fresh = [line for line in lines if line not in told]
    if fresh:
        inbox.note(told=lines)
    return fresh
