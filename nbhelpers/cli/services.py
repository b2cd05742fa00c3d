"""The commands that run, show and end the services: receiver, tunnel, JupyterLab and the rest."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbhelpers import __version__
from nbhelpers.cli import completion
from nbhelpers.cli.common import command, json_option, pairs, say
from nbhelpers.config.settings import MODES, Settings
from nbhelpers.errors import SettingsError

if TYPE_CHECKING:
    from nbhelpers.services.record import Owner

__all__ = ["board", "course", "lab", "receiver", "reset", "simulator", "status", "stop", "tunnel"]

_port_option = click.option("--port", type=click.IntRange(0, 65535), help="This port and no other; 0 for any free one.")


def _owner(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Owner | None:
    if value is None:
        return None
    from nbhelpers.services.record import Owner

    pid, _, created = value.partition(":")
    try:
        return Owner(int(pid), float(created))
    except ValueError:
        raise click.BadParameter("it is not PID:CREATED") from None


# Set by whoever starts a service in the background; not for people.
_owner_option = click.option("--owner", hidden=True, callback=_owner)


@command("simulator")
@_port_option
@_owner_option
@click.option("--inbound", metavar="URL", help="Where inbound webhooks go.")
@click.option("--status", metavar="URL", help="Where status webhooks go.")
@click.option("--demo", is_flag=True, help="With an application, a linked Page and a person who has just written.")
@click.option("--guide", is_flag=True, help="With --demo: the guide's Voice application and nested shape.")
@click.option("--accept-any", is_flag=True, help="Every sender is linked, every recipient has just written.")
@click.option("--quiet", is_flag=True, help="No line for each call of a webhook URL.")
@click.option(
    "--switch",
    "switched",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=completion.switches,
    help="Set a switch: `nbhelpers switches`.",
)
def simulator(
    settings: Settings, port: int | None, owner: Owner | None, quiet: bool, switched: tuple[str, ...], **options: Any
) -> None:
    """Play the Messages API and Facebook, in the foreground.

    Prints one line of JSON when it is ready, then on standard error a line for each call of a webhook URL. Webhooks go
    to the URLs given, else to the receiver of the same state directory, else they wait.
    """
    from nbhelpers.cli.calls import following
    from nbhelpers.simulator.app import Options
    from nbhelpers.simulator.server import simulate
    from nbhelpers.simulator.storage.switches import check

    if settings.mode != "simulator":
        raise SettingsError("There is no simulator here.", f"The mode is {settings.mode}.", "Use --mode simulator.")
    if options["guide"] and not options["demo"]:
        raise SettingsError("--guide says which demo.", "There is no --demo.", "Use both.")
    switches = check(pairs(switched))
    made = Options(**options, find_receiver=owner is None, switches=switches)
    simulate(settings, made, port, owner, None if quiet or owner else following)


@command("receiver")
@_port_option
@_owner_option
def receiver(settings: Settings, port: int | None, owner: Owner | None) -> None:
    """Receive webhooks into the inbox, in the foreground. Prints one line of JSON when it is ready."""
    from nbhelpers.webhooks.receiver import receive

    receive(settings, port, owner)


@command("tunnel")
@_owner_option
@click.option("--download", "fetch", is_flag=True, help="Fetch ngrok first (30 MB); asks before it does.")
@click.option("--update", "renew", is_flag=True, help="Let ngrok update itself first.")
@click.option("--yes", is_flag=True, help="With --download: do not ask.")
def tunnel(settings: Settings, owner: Owner | None, fetch: bool, renew: bool, yes: bool) -> None:
    """Hold a public URL open for the receiver, in the foreground. Prints one line of JSON when it is ready.

    With PUBLIC_URL set, or on a hub, there is nothing to run: it says whether that address leads here.
    """
    from nbhelpers.tunnel import ngrok_program
    from nbhelpers.tunnel.jupyter_address import jupyter_address
    from nbhelpers.tunnel.process import tunnel as hold
    from nbhelpers.tunnel.target import own_address

    if fetch:
        question = f"{ngrok_program.ANNOUNCED.format(place=ngrok_program.own_place(settings))} Go on?"
        if not yes and not click.confirm(question, err=True):
            raise SettingsError("Nothing was downloaded.", "You said no.", "PUBLIC_URL takes another tunnel's address.")
        click.echo(f"ngrok is at {ngrok_program.download(settings)}.", err=True)
    if renew:
        click.echo(f"ngrok is version {ngrok_program.update(settings)}.", err=True)
    if settings.tunnel == "url":
        say(True, own_address(settings), "")
        return
    if settings.tunnel == "jupyter":
        say(True, jupyter_address(settings, _page_origin(settings)), "")
        return
    hold(settings, owner)


def _page_origin(settings: Settings) -> str | None:
    from nbhelpers.inbox.inbox import Inbox

    inbox = Inbox(settings.folder / "lab.sqlite3")
    origin: str | None = inbox.facts().get("page_origin")
    inbox.close()
    return origin


@command("lab")
@click.option("--no-browser", is_flag=True, help="Do not open a browser; the address is printed.")
@_port_option
def lab(settings: Settings, no_browser: bool, port: int | None) -> None:
    """Open JupyterLab on the notebooks."""
    from nbhelpers.jupyter.launch import run_jupyterlab

    run_jupyterlab(settings, not no_browser, port)


@command("course")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def course(settings: Settings, folder: Path) -> None:  # noqa: ARG001 - every command has them
    """Copy the notebooks into a folder of your own. What you have changed there stays as it is."""
    from nbhelpers.services.course_copy import copy_course

    click.echo(f"{copy_course(folder)}\nNext: cd {shlex.quote(str(folder))}, then: nbhelpers lab")


@command("board")
@click.option(
    "--proxy",
    default="http://127.0.0.1:8000",
    show_default=True,
    metavar="URL",
    help="Where the board reaches the hub's servers: the address of the hub's proxy.",
)
def board(settings: Settings, proxy: str) -> None:  # noqa: ARG001 - every command has them
    """Show a room who is at which step: a service that a JupyterHub starts."""
    try:
        from nbhelpers.jupyter.board import run_board
    except ModuleNotFoundError as error:
        if error.name != "jupyterhub":
            raise
        raise SettingsError(
            "The board is a service of a JupyterHub.",
            "jupyterhub is not installed here.",
            "Install it beside the kit, and let the hub start the board: `deploy/README.md` says how.",
        ) from None
    run_board(proxy)


@command("status")
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """Say what runs and where."""
    from nbhelpers.services import launcher

    services, lines = [], [f"state directory: {settings.state}", f"mode: {settings.mode}"]
    for mode in MODES:
        for name in launcher.SERVICES:
            if found := launcher.find(name, dataclasses.replace(settings, mode=mode)):
                urls = {which: value for which, value in found.ready.items() if which.endswith("url")}
                services.append({"name": name, "mode": mode, "pid": found.pid, "url": found.url, **urls})
                lines.append(repr(found))
    lines += [*settings.notes, *([] if services else ["No service runs."])]
    say(as_json, {"state": str(settings.state), "mode": settings.mode, "services": services}, "\n".join(lines))


@command("stop")
def stop(settings: Settings) -> None:
    """End the services of this state directory, in all modes."""
    from nbhelpers.services import launcher

    click.echo("\n".join(launcher.stop(settings)) or "No service was running.")


@command("reset")
@click.option("--forget", is_flag=True, help="Delete the state instead of setting it aside.")
@click.option("--notebooks", is_flag=True, help="Bring the notebooks back too; yours are set aside.")
def reset(settings: Settings, forget: bool, notebooks: bool) -> None:
    """Begin again: stop this mode's services and set its state aside."""
    from nbhelpers.services.reset import restore_notebooks, set_aside

    place = set_aside(settings, forget)
    click.echo(f"The state of {settings.mode} mode is {f'in {place}' if place else 'empty'}.")
    if notebooks:
        click.echo(f"The notebooks are as they came. Yours are in {restore_notebooks(settings, __version__)}.")
