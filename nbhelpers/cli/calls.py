"""The command that shows calls of webhook URLs, and the lines that the simulator writes while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

import click

from nbhelpers.cli.common import command, control_of, json_option, say, with_state
from nbhelpers.config.settings import Settings
from nbhelpers.errors import SettingsError

if TYPE_CHECKING:
    from nbhelpers.simulator.storage.calls import Calls

__all__ = ["calls", "following", "painted"]

_LOOK, _LOOK_INSIDE = 0.25, 0.05  # seconds between two looks for new calls: over HTTP, and inside the simulator
_LEAVE = 0.5  # seconds that the last lines may take when the simulator ends


@command("calls")
@click.argument("number", type=click.IntRange(1), required=False, metavar="[N]")
@click.option("--follow", is_flag=True, help="Go on until Ctrl+C.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Only the newest so many.")
@json_option
def calls(settings: Settings, number: int | None, follow: bool, limit: int, as_json: bool) -> None:
    """Show the simulator's calls of your webhook URLs, one line each, or call N in full.

    In full: request, headers, body, what was answered, and every try. The newest thousand are kept.
    """
    from nbhelpers.simulator.control.call_lines import CallLines, call_line, in_full, was_taken

    control = control_of(settings)
    if number is not None:
        if follow:
            raise SettingsError("One call is not followed.", f"You named call {number}.", "Leave out one of the two.")
        call = control.call(number)
        say(as_json, call, "\n".join(in_full(call)))
        return

    def show(found: list[dict[str, Any]], lines: Iterator[tuple[str, bool]]) -> None:
        if as_json:
            for call in found:
                click.echo(json.dumps(call))
            return
        for line, good in lines:
            click.echo(painted(line, good, sys.stdout))

    try:
        found = control.calls(limit=limit)
        show(found, ((call_line(call), was_taken(call)) for call in found))
        if not found and not follow and not as_json:
            words = "No webhook URL was called yet. `nbhelpers trigger text` lets a person write."
            click.echo(with_state(words), err=True)
        shown, told = found[-1]["id"] if found else 0, CallLines()
        while follow:
            time.sleep(_LOOK)
            found = control.calls(limit=1000, after=shown)
            show(found, told.lines(found))
            shown = found[-1]["id"] if found else shown
    except (KeyboardInterrupt, BrokenPipeError):
        return


@contextlib.contextmanager
def following(log: Calls) -> Iterator[None]:
    """Write a line on standard error for each call, for as long as the block lasts.

    From a thread of its own, which looks into the log: a terminal that is held, or a pipe that nobody reads, stops the
    lines and nothing else.
    """
    from nbhelpers.simulator.control.call_lines import CallLines

    shown, told, ending = log.newest(), CallLines(), threading.Event()

    def look() -> None:
        nonlocal shown
        found = log.listed(after=shown)
        if not found:
            return
        if found[0]["id"] > shown + 1:
            _write(f"… {found[0]['id'] - shown - 1} calls more, too many to show each\n")
        shown = found[-1]["id"]
        for line, good in told.lines(found):
            _write(f"{painted(line, good, sys.stderr)}\n")

    def run() -> None:
        with contextlib.suppress(OSError):  # nobody reads any more
            while not ending.wait(_LOOK_INSIDE):
                look()
            look()

    thread = threading.Thread(target=run, name="follow calls", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(_LEAVE)


def painted(line: str, good: bool, stream: IO[str], environ: Mapping[str, str] = os.environ) -> str:
    """Return a line in green or red where a person looks at a terminal; else, or with NO_COLOR set, as it is."""
    if not stream.isatty() or environ.get("NO_COLOR") or environ.get("TERM") == "dumb" or os.name == "nt":
        return line
    return click.style(line, fg="green" if good else "red")


def _write(text: str) -> None:
    # Not through sys.stderr: its lock, held by a write that hangs, would keep the process from ending.
    os.write(2, text.encode())
