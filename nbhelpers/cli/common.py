"""What every `nbhelpers` command has: --state and --mode, errors in one line, facts as JSON or in words."""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import MODES, Settings
from nbhelpers.errors import KitError, SettingsError
from nbhelpers.errors.in_shell import in_shell

if TYPE_CHECKING:
    from nbhelpers.course.context import CourseContext
    from nbhelpers.inbox.inbox import Inbox
    from nbhelpers.simulator.control.client import ControlClient

__all__ = [
    "command",
    "control_of",
    "course_of",
    "inbox_of",
    "json_option",
    "main",
    "own_server",
    "pairs",
    "say",
    "with_state",
]


# What `--help` lists, in the order in which it is needed.
_SECTIONS = {
    "The round": ("receiver", "trigger", "send", "inbox", "replay", "doctor", "explain", "token"),
    "The simulator": ("simulator", "calls", "fault", "advance", "pace", "switches"),
    "Going live": ("credentials", "webhooks", "tunnel"),
    "Housekeeping": ("course", "lab", "board", "status", "stop", "reset"),
}


_COMMAND = re.compile(r"`(nbhelpers [a-z][^`]*)`")


class _Group(click.Group):
    """The group of all commands: `--help` lists them by what they are for, each with its whole first sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the sections into the help."""
        for title, names in self.sections().items():
            first = [" ".join((self.commands[name].help or "").split()).partition(". ")[0] for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, words.removesuffix(".")) for name, words in zip(names, first, strict=True)])

    def sections(self) -> dict[str, list[str]]:
        """Return the names of the commands by section; one that stands in none comes last."""
        known = {title: [name for name in names if name in self.commands] for title, names in _SECTIONS.items()}
        other = sorted(set(self.commands).difference(*known.values()))
        return known | ({"Other": other} if other else {})


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbhelpers")
def main() -> None:
    """Run the Messages API on Facebook Messenger, offline and for real over HTTP."""
    configuration.spare_loopback()


def command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that takes --state and --mode, is given the settings, and says its errors in one line."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(state: Path | None, mode: str | None, **options: Any) -> None:
            try:
                function(configuration.load(mode, state), **options)
            except KitError as error:
                # What a service says that a notebook started is read there.
                words = str(error) if options.get("owner") else with_state(in_shell(str(error)))
                raise click.ClickException(words) from None

        run = click.option("--mode", type=click.Choice(MODES), help="simulator (default), sandbox or live.")(run)
        run = click.option("--state", type=click.Path(path_type=Path), help="State directory (default: .lab).")(run)
        return main.command(name)(run)

    return decorate


#: The option --json, for commands that print facts.
json_option = click.option("--json", "as_json", is_flag=True, help="Facts as JSON, for a program.")


def control_of(settings: Settings) -> ControlClient:
    """Return the controls of the running simulator. Raises SettingsError or ServiceError when there is none."""
    from nbhelpers.services import launcher
    from nbhelpers.simulator.control.client import ControlClient

    if settings.mode != "simulator":
        raise SettingsError(
            "Nobody can be simulated here.",
            f"The mode is {settings.mode}.",
            "Write from a phone, or use --mode simulator.",
        )
    found = launcher.found_simulator(settings)
    return ControlClient(found.url, found.control)


def inbox_of(settings: Settings) -> AbstractContextManager[Inbox]:
    """Open the inbox of this mode for a `with` block, which closes it."""
    from nbhelpers.inbox.inbox import Inbox

    return closing(Inbox(settings.folder / "lab.sqlite3"))


@contextmanager
def course_of(settings: Settings) -> Iterator[CourseContext]:
    """Open what a lab of this mode has, for a `with` block. Raises ServiceError when its simulator does not run."""
    from nbhelpers.course.context import CourseContext, as_simulated
    from nbhelpers.services import launcher

    simulator = launcher.found_simulator(settings) if settings.mode == "simulator" else None
    with inbox_of(settings) as inbox:
        yield CourseContext(as_simulated(settings, simulator) if simulator else settings, inbox, simulator)


def own_server(settings: Settings) -> str | None:
    """Return the URL of somebody's own server if inbound messages go there and not to the receiver, else None."""
    from nbhelpers.course.destinations import destinations
    from nbhelpers.services import launcher

    if settings.mode != "simulator" or launcher.find("simulator", settings) is None:
        return None
    with course_of(settings) as course:
        inbound = destinations(course).inbound
    return inbound.shown if inbound.leads == "server" else None


def with_state(words: str) -> str:
    """Return a message in which each command takes the --state that this one was given."""
    context = click.get_current_context(silent=True)
    state = context.params.get("state") if context else None
    if state is None:
        return words
    given = f" --state {shlex.quote(str(state))}"
    return _COMMAND.sub(lambda found: found[0] if "--state" in found[0] else f"`{found[1]}{given}`", words)


def pairs(texts: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE texts. Raises SettingsError for one without an equals sign."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError("A switch is set with NAME=VALUE.", f"You wrote “{text}”.", "Such as window=24+1.")
        found[name.strip()] = value.strip()
    return found


def say(as_json: bool, facts: dict[str, Any], words: str) -> None:
    """Print facts as JSON, or the same in words."""
    from nbhelpers.inbox.events import one_line

    click.echo(json.dumps(facts) if as_json else "\n".join(one_line(line, 4000) for line in words.splitlines()))
