"""The `nbhelpers` command: the whole round from a shell."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from nbhelpers import __version__, background
from nbhelpers import managing as managing  # its commands register themselves
from nbhelpers import playing as playing  # and so do these
from nbhelpers import settings as configuration
from nbhelpers.command import command, json_option, main, pairs, say
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.events import Event
from nbhelpers.identity import Identity, identify
from nbhelpers.inbox import Inbox
from nbhelpers.outbound import OutboundMessage
from nbhelpers.private import make_private_folder
from nbhelpers.service import Owner
from nbhelpers.settings import API_VERSIONS, MODES, Settings
from nbhelpers.tokens import TTL

__all__ = ["main"]

_SENDS = ("text", "image", "audio", "video", "file")


_port_option = click.option("--port", type=click.IntRange(0, 65535), help="This port and no other; 0 for any free one.")


def _owner(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Owner | None:
    if value is None:
        return None
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
@click.option("--switch", "switched", multiple=True, metavar="NAME=VALUE", help="Set a switch: `nbhelpers switches`.")
def simulator(
    settings: Settings, port: int | None, owner: Owner | None, switched: tuple[str, ...], **options: Any
) -> None:
    """Play the Messages API and Facebook, in the foreground.

    Prints one line of JSON when it is ready. Webhooks go to the URLs given, else to the receiver of the same state
    directory, else they wait.
    """
    from nbhelpers.simulator.server import Options, simulate
    from nbhelpers.simulator.switches import check

    if settings.mode != "simulator":
        raise SettingsError("There is no simulator here.", f"The mode is {settings.mode}.", "Use --mode simulator.")
    if options["guide"] and not options["demo"]:
        raise SettingsError("--guide says which demo.", "There is no --demo.", "Use both.")
    switches = check(pairs(switched))
    simulate(settings, Options(**options, find_receiver=owner is None, switches=switches), port, owner)


@command("receiver")
@_port_option
@_owner_option
def receiver(settings: Settings, port: int | None, owner: Owner | None) -> None:
    """Receive webhooks into the inbox, in the foreground. Prints one line of JSON when it is ready."""
    from nbhelpers.receiver import receive

    receive(settings, port, owner)


@command("tunnel")
@_owner_option
@click.option("--download", "fetch", is_flag=True, help="Fetch ngrok first (30 MB); asks before it does.")
@click.option("--update", "renew", is_flag=True, help="Let ngrok update itself first.")
@click.option("--yes", is_flag=True, help="With --download: do not ask.")
def tunnel(settings: Settings, owner: Owner | None, fetch: bool, renew: bool, yes: bool) -> None:
    """Hold a public URL open for the receiver, in the foreground. Prints one line of JSON when it is ready.

    With PUBLIC_URL set there is nothing to run: it says whether that address leads here.
    """
    from nbhelpers.tunnel import binary
    from nbhelpers.tunnel.serve import tunnel as hold
    from nbhelpers.tunnel.target import own_address

    if fetch:
        question = f"{binary.ANNOUNCED.format(place=binary.own_place(settings))} Go on?"
        if not yes and not click.confirm(question, err=True):
            raise SettingsError("Nothing was downloaded.", "You said no.", "PUBLIC_URL takes another tunnel's address.")
        click.echo(f"ngrok is at {binary.download(settings)}.", err=True)
    if renew:
        click.echo(f"ngrok is version {binary.update(settings)}.", err=True)
    if settings.public_url and settings.mode != "simulator":
        say(True, own_address(settings), "")
        return
    hold(settings, owner)


@command("token")
@click.option("--application-id", help="For which application. (default: the one of this state directory)")
@click.option("--private-key", help="Path of its private key.")
@click.option("--ttl", type=int, default=TTL, show_default=True, help="Its life in seconds.")
def token(settings: Settings, application_id: str | None, private_key: str | None, ttl: int) -> None:
    """Print a JWT and nothing else."""
    from nbhelpers import credentials

    key = credentials.load(private_key) if private_key else None
    if application_id is None or key is None:
        known = _identity(settings)
        application_id, key = application_id or known.application_id, key or known.key
    click.echo(str(Identity(application_id, key, None, "", "").token(ttl)))


@command("send")
@click.option("--to", "recipient", required=True, metavar="PSID", help="The person.")
@click.option("--from", "sender", metavar="PAGE", help="Your Page ID. (default: the linked one)")
@click.option("--text", help="What to say.")
@click.option("--type", "kind", type=click.Choice(_SENDS), default="text", show_default=True, help="What to send.")
@click.option("--url", help="With another type: the address of the file.")
@click.option("--api-version", type=click.Choice(API_VERSIONS), help="Which shape to send.")
def send(
    settings: Settings,
    recipient: str,
    sender: str | None,
    text: str | None,
    kind: str,
    url: str | None,
    api_version: str | None,
) -> None:
    """Send one message and print its message_uuid."""
    identity = _identity(settings, sender)
    if identity.page_id is None:
        raise SettingsError("There is no sender.", "No Page ID is noted or set.", "Give it with --from.")
    content = text if kind == "text" else url
    message = OutboundMessage(identity.page_id, recipient, content or "", kind)
    inbox = _inbox(settings)
    try:
        click.echo(identity.client(inbox, api_version).send(message).message_uuid)
    finally:
        inbox.close()


@command("inbox")
@click.option("--follow", is_flag=True, help="Go on until Ctrl+C.")
@click.option("--limit", type=click.IntRange(1), help="Only the newest so many.")
@json_option
def inbox(settings: Settings, follow: bool, limit: int | None, as_json: bool) -> None:
    """Show the captured events, one line each."""
    store = _inbox(settings)
    try:
        after = store.revision()
        events = store.events(limit=limit)
        _show(events, as_json)
        if not events and not follow and not as_json:
            click.echo("The inbox is empty. When a person writes to the Page, it appears here.", err=True)
        if follow:
            watcher = store.watch(lambda events: _show(events, as_json), after=after)
            while watcher.error is None:
                time.sleep(0.1)
    except (KeyboardInterrupt, BrokenPipeError):
        return
    finally:
        store.close()


@command("replay")
@click.argument("delivery", type=click.IntRange(1), required=False, metavar="[DELIVERY_ID]")
@click.option("--edit", "edits", multiple=True, metavar="PATH=VALUE", help="Change it, such as text=Hi or from.id=12.")
@click.option("--list", "listed", is_flag=True, help="Only show the newest deliveries, with their IDs.")
@json_option
def replay(settings: Settings, delivery: int | None, edits: tuple[str, ...], listed: bool, as_json: bool) -> None:
    """Send a stored delivery to the receiver again (by default the newest message), edited or as it came."""
    from nbhelpers import replay as replaying

    store = _inbox(settings)
    try:
        for each in store.deliveries(limit=50) if listed else ():
            names = ("id", "method", "path", "answer", "verdict", "origin")
            say(as_json, {name: getattr(each, name) for name in names}, each.line)
        if listed:
            return
        door, played = (background.find(name, settings) for name in ("receiver", "simulator"))
        if door is None:
            raise ServiceError("The receiver does not run.", "None is recorded here.", "Run `nbhelpers receiver`.")
        facts = played.ready if played else vars(settings)
        signing = {"secret": facts["signature_secret"], "api_key": facts["api_key"]}
        done = replaying.replay(store, delivery, door.url, replaying.typed(edits), **signing)
        say(as_json, done.facts, repr(done))
    finally:
        store.close()


@command("explain")
@click.argument("code")
@json_option
def explain(settings: Settings, code: str, as_json: bool) -> None:  # noqa: ARG001 - every command is given them
    """Say what a code means, such as 1340, #1120, low-balance, 401 or ERR_NGROK_108, and what to do."""
    from nbhelpers import explain as explaining

    explained = explaining.explain(code)
    say(as_json, explained.facts, repr(explained))


@command("status")
@json_option
def status(settings: Settings, as_json: bool) -> None:
    """Say what runs and where."""
    running = [
        found
        for mode in MODES
        for name in background.SERVICES
        if (found := background.find(name, dataclasses.replace(settings, mode=mode)))
    ]
    facts: dict[str, Any] = {"state": str(settings.state), "mode": settings.mode, "services": []}
    for found in running:
        urls = {name: value for name, value in found.ready.items() if name.endswith("url")}
        facts["services"].append({"name": found.name, "mode": found.mode, "pid": found.pid, "url": found.url, **urls})
    lines = [f"state directory: {settings.state}", f"mode: {settings.mode}", *map(repr, running)]
    lines += [note for note in settings.notes if note]
    say(as_json, facts, "\n".join(lines if running else [*lines, "No service runs."]))


@command("stop")
def stop(settings: Settings) -> None:
    """End the services of this state directory, in all modes."""
    click.echo("\n".join(background.stop(settings)) or "No service was running.")


@command("reset")
@click.option("--forget", is_flag=True, help="Delete the state instead of setting it aside.")
@click.option("--notebooks", is_flag=True, help="Bring the notebooks back too; yours are set aside.")
def reset(settings: Settings, forget: bool, notebooks: bool) -> None:
    """Begin again: stop this mode's services and set its state aside."""
    from nbhelpers.reset import restore_notebooks, set_aside

    place = set_aside(settings, forget)
    click.echo(f"The state of {settings.mode} mode is {f'in {place}' if place else 'empty'}.")
    if notebooks:
        click.echo(f"The notebooks are as they came. Yours are in {restore_notebooks(settings, __version__)}.")


@command("lab")
@click.option("--no-browser", is_flag=True, help="Do not open a browser; the address is printed.")
@_port_option
def lab(settings: Settings, no_browser: bool, port: int | None) -> None:
    """Open JupyterLab on the notebooks."""
    from nbhelpers.reset import keep_pristine, notebooks_folder

    folder = notebooks_folder()
    keep_pristine(settings, __version__)
    os.environ["NBHELPERS_STATE"] = str(settings.state)
    if settings.mode != configuration.load(state=settings.state).mode:  # said by --mode: else .env may still change it
        os.environ["NBHELPERS_MODE"] = settings.mode
    os.environ["NBHELPERS_PREFIX"] = sys.prefix  # the pre-flight check compares it with the kernel's
    # Jupyter's own files too: nothing is written outside the kit, and nothing of another Jupyter is read.
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        os.environ[name] = str(make_private_folder(settings.state / "jupyter" / name.lower()))
    options = [
        f"--ServerApp.root_dir={folder}",
        "--LabApp.default_url=/lab/tree/00_start_here.ipynb",
        # Nothing in the offline course may wait for a network, or ask about one.
        f"--LabApp.app_settings_dir={Path(__file__).parent / 'jupyter'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    options += ["--no-browser"] if no_browser else []
    options += [f"--port={port}"] if port is not None else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    command = [sys.executable, "-m", "jupyterlab", *options]
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606 - signals then go to Jupyter itself
    raise SystemExit(subprocess.run(command, check=False).returncode)  # noqa: S603


def _identity(settings: Settings, page: str | None = None) -> Identity:
    found = background.find("simulator", settings) if settings.mode == "simulator" else None
    store = _inbox(settings)
    try:
        return identify(settings, store.facts(), found.ready if found else None, page)
    finally:
        store.close()


def _inbox(settings: Settings) -> Inbox:
    return Inbox(settings.folder / "lab.sqlite3")


def _show(events: list[Event], as_json: bool) -> None:
    for event in events:
        fields = {name: getattr(event, name) for name in ("kind", "status", "psid", "page_id", "text", "message_uuid")}
        fields |= {"deliveries": event.deliveries, "origin": event.origin}
        facts = {"received": event.received.isoformat(), **fields, "body": event.json}
        click.echo(json.dumps(facts) if as_json else event.line)


if __name__ == "__main__":
    main(prog_name="nbhelpers")
