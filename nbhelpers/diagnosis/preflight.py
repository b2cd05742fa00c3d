"""Checks whether this computer is ready for the course: each thing is ready, or there is one thing to do."""

from __future__ import annotations

import html
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from nbhelpers.config.settings import Settings
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import ServiceError
from nbhelpers.services import launcher
from nbhelpers.services.record import remembered_port
from nbhelpers.tunnel.configured import checked_token

__all__ = ["Preflight", "preflight"]

# 2026-01-01 in UTC: a clock before the kit was made is wrong, and every token would be refused.
_MADE = 1_767_225_600


@dataclass(frozen=True)
class Preflight:
    """What was looked at: for each its name, whether it is ready, and the words."""

    lines: tuple[tuple[str, bool, str], ...]

    @property
    def ready(self) -> bool:
        """Whether there is nothing to do."""
        return all(ready for _, ready, _ in self.lines)

    def __repr__(self) -> str:
        shown = [f"{name:<8} {'ready' if ready else 'to do'}: {words}" for name, ready, words in self.lines]
        return "\n".join([*shown, "All is ready." if self.ready else "Do what is said above, then run this again."])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{name}</th>'
            f"<td>{'ready' if ready else '<strong>to do</strong>'}</td>"
            f'<td style="text-align:left">{html.escape(words)}</td></tr>'
            for name, ready, words in self.lines
        )
        last = "All is ready." if self.ready else "Do what is said above, then run this again."
        return f'<table>{rows}</table><p role="status">{last}</p>'


def preflight(course: CourseContext) -> Preflight:
    """Look at Python, write access, service, ports, clock, panels and, in live mode, the tunnel; change nothing."""
    lines = [_python(), _write(course), _service(course), _ports(course), _clock(), _panels()]
    return Preflight((*lines, _tunnel(course.settings)) if not course.simulated else tuple(lines))


def _python() -> tuple[str, bool, str]:
    shown = ".".join(str(part) for part in sys.version_info[:3])
    return "Python", sys.version_info >= (3, 11), f"this is Python {shown}"


def _write(course: CourseContext) -> tuple[str, bool, str]:
    folder = course.settings.folder
    try:
        with tempfile.TemporaryFile(dir=folder):
            return "disk", True, f"what must last is kept in {folder}"
    except OSError as error:
        return "disk", False, f"{folder} cannot be written ({error.strerror}): move the course to a folder of your own"


def _service(course: CourseContext) -> tuple[str, bool, str]:
    if not course.simulated:
        return "service", True, f"{course.settings.mode} mode, at {course.settings.host}"
    found = launcher.find("simulator", course.settings)
    if found is None:
        return "service", False, "the simulator does not answer: run `lab = Lab()` again"
    return "service", True, f"the simulator answers at {found.url}"


def _ports(course: CourseContext) -> tuple[str, bool, str]:
    receiver = launcher.find("receiver", course.settings)
    if receiver is not None:
        return "ports", True, f"your receiver runs at {receiver.url}"
    wished = remembered_port(course.settings.folder, "receiver") or course.settings.receiver_port
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            return "ports", True, f"{wished} is in use: your receiver takes the next free one, nothing to do"
    return "ports", True, "your receiver can start" + (f" at {wished}" if wished else "")


def _clock() -> tuple[str, bool, str]:
    shown = time.strftime("%Y-%m-%d %H:%M")
    if time.time() < _MADE:
        return "clock", False, f"it says {shown}: set it, or every token is refused"
    return "clock", True, f"it says {shown}"


def _panels() -> tuple[str, bool, str]:
    try:
        found = f"ipywidgets {version('ipywidgets')}, jupyterlab_widgets {version('jupyterlab_widgets')}"
    except PackageNotFoundError as error:
        return "panels", False, f"{error.name} is missing: run start.py, or install nbhelpers[course]"
    # The server that shows panels and the kernel that makes them must be one environment.
    prefix = os.environ.get("NBHELPERS_PREFIX", sys.prefix)
    if prefix != sys.prefix:
        return "panels", False, f"this kernel is {sys.prefix}, JupyterLab is {prefix}: choose the kernel “Python 3”"
    return "panels", True, found


def _tunnel(settings: Settings) -> tuple[str, bool, str]:
    if settings.tunnel == "jupyter":
        if settings.jupyter_url is None:
            return "tunnel", False, "the Jupyter server does not have the kit's extension: stop it, and start it again"
        return "tunnel", True, "the hub's own address: `lab.tunnel` shows whether it leads here"
    if settings.tunnel == "url":
        return "tunnel", True, f"your own, {settings.public_url}: `lab.tunnel` shows whether it leads here"
    from nbhelpers.tunnel.ngrok_program import binary_of

    try:
        checked_token(settings.ngrok_authtoken)
        return "tunnel", True, f"{binary_of(settings)} and a token are there: `lab.tunnel` opens it"
    except ServiceError as error:
        return "tunnel", False, f"{error.what} {error.seen} {error.next}"
