"""What tests need that is no package of Python, and what a run says at its end where it is missing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest

from tests.support import browser, without_network

__all__ = ["CHROMIUM", "HUB_PROXY", "NAMESPACE", "Program", "last_lines"]


@dataclass(frozen=True)
class Program:
    """A program, or what the system allows: which tests need it, why they are skipped without it, and the command that
    mends it, by the tool that must be there for it.
    """

    tests: str
    reason: str
    commands: dict[str, str]
    mend: str = "Install it with"


CHROMIUM = Program(
    "browser",
    browser.REASON,
    {
        "apt-get": "sudo apt-get install chromium",
        "dnf": "sudo dnf install chromium",
        "brew": "brew install --cask chromium",
        "winget": "winget install Hibbiki.Chromium",
    },
)
# 5.1.0 is the last that runs on Node.js 18, which Debian 12 has.
_NPM = "npm install --global configurable-http-proxy@5.1.0"
HUB_PROXY = Program(
    "JupyterHub",
    "there is no configurable-http-proxy",
    {
        "apt-get": f"sudo apt-get install nodejs npm && sudo {_NPM}",
        "dnf": f"sudo dnf install nodejs npm && sudo {_NPM}",
        "brew": f"brew install node && {_NPM}",
    },
)
NAMESPACE = Program(
    "USB stick",
    without_network.REASON,
    {"sysctl": "sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"},
    "On Debian and Ubuntu allow it with",
)


def last_lines(config: pytest.Config) -> list[str]:
    """Say of each missing program how many tests were skipped for it, and the one command that mends it."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    lines = []
    for program in (NAMESPACE, HUB_PROXY, CHROMIUM):
        count = sum(program.reason in str(report.longrepr) for report in reports)
        if count:
            tool = next((tool for tool in program.commands if shutil.which(tool)), None)
            command = program.commands[tool] if tool else "your system's package manager"
            tests = f"1 {program.tests} test was" if count == 1 else f"{count} {program.tests} tests were"
            lines.append(f"{tests} skipped: {program.reason}. {program.mend}: {command}")
    return lines
