"""The browser that the suite drives, and what the last line of a run says where there is none."""

from __future__ import annotations

import shutil

import pytest

__all__ = ["BROWSER", "FLAGS", "REASON", "last_line"]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REASON = "there is no Chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_COMMANDS = {
    "apt-get": "sudo apt-get install chromium",
    "dnf": "sudo dnf install chromium",
    "brew": "brew install --cask chromium",
    "winget": "winget install Hibbiki.Chromium",
}


def last_line(config: pytest.Config) -> str | None:
    """Say how many browser tests were skipped and the one command that mends it; None when none was."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    skipped = [report for report in reports if REASON in str(report.longrepr)]
    if not skipped:
        return None
    tool = next((tool for tool in _COMMANDS if shutil.which(tool)), None)
    command = _COMMANDS[tool] if tool else "your system's package manager, with `chromium`"
    tests = "1 browser test was" if len(skipped) == 1 else f"{len(skipped)} browser tests were"
    return f"{tests} skipped: {REASON}. Install it with: {command}"
