"""What every `nbhelpers` command has: --state and --mode, errors in one line, facts as JSON or in words."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbhelpers import __version__
from nbhelpers.config import settings as configuration
from nbhelpers.config.settings import MODES, Settings
from nbhelpers.errors import KitError, ServiceError, SettingsError
from nbhelpers.errors.in_shell import in_shell

if TYPE_CHECKING:
    from nbhelpers.simulator.control.client import ControlClient

__all__ = ["command", "control_of", "json_option", "main", "pairs", "say"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
                words = str(error) if options.get("owner") else in_shell(str(error))
                raise click.ClickException(words) from None

        run = click.option("--mode", type=click.Choice(MODES), help="simulator (default), sandbox or live.")(run)
        run = click.option("--state", type=click.Path(path_type=Path), help="State directory (default: .lab).")(run)
        return main.command(name)(run)

    return decorate


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
    found = launcher.find("simulator", settings)
    if found is None:
        raise ServiceError(
            "The simulator does not run.", f"Nothing is recorded in {settings.folder}.", "Run `nbhelpers simulator`."
        )
    return ControlClient(found.url, found.control)


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
