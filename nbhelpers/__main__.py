"""The `nbhelpers` command: the whole round from a shell."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbhelpers import __version__, background
from nbhelpers import settings as configuration
from nbhelpers.errors import KitError, ServiceError, SettingsError
from nbhelpers.events import Event, one_line
from nbhelpers.identity import Identity, identify
from nbhelpers.inbox import Inbox
from nbhelpers.outbound import OutboundMessage
from nbhelpers.private import make_private_folder
from nbhelpers.service import Owner
from nbhelpers.settings import API_VERSIONS, MODES, Settings
from nbhelpers.simulator.control import Control
from nbhelpers.tokens import TTL, Minter

__all__ = ["main"]

_WRITES = ("text", "image", "audio", "video", "file", "unsupported")
_SENDS = ("text", "image", "audio", "video", "file")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nbhelpers")
def main() -> None:
    """The Messages API on Facebook Messenger, offline and for real over HTTP."""
    configuration.spare_loopback()


def _command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command that takes --state and --mode, is given the settings, and says its errors in one line."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def run(state: Path | None, mode: str | None, **options: Any) -> None:
            try:
                function(configuration.load(mode, state), **options)
            except KitError as error:
                raise click.ClickException(str(error)) from None

        run = click.option("--mode", type=click.Choice(MODES), help="simulator (default), sandbox or live.")(run)
        run = click.option("--state", type=click.Path(path_type=Path), help="State directory (default: .lab).")(run)
        return main.command(name)(run)

    return decorate


_json_option = click.option("--json", "as_json", is_flag=True, help="Facts as JSON, for a program.")
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


@_command("simulator")
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
    switches = check(_pairs(switched))
    simulate(settings, Options(**options, find_receiver=owner is None, switches=switches), port, owner)


@_command("switches")
@click.argument("settings_of", nargs=-1, metavar="[NAME=VALUE]...")
@_json_option
def switches(settings: Settings, settings_of: tuple[str, ...], as_json: bool) -> None:
    """Show, or set, what the simulator does where nobody knows what the service does.

    A name alone shows that one. Each has its choices, the likelier first, with the source. They are kept until
    `nbhelpers reset`.
    """
    control = _control(settings)
    wanted = _pairs(tuple(text for text in settings_of if "=" in text))
    names = {text.partition("=")[0].strip() for text in settings_of}
    if wanted:
        control.switch(**wanted)
    table = control.switches()
    unknown = sorted(names - {each["name"] for each in table})
    if unknown:
        raise SettingsError("There is no such switch.", f"You named {', '.join(unknown)}.", "See `nbhelpers switches`.")
    for each in table:
        if names and each["name"] not in names:
            continue
        choices = " | ".join(f"[{choice}]" if choice == each["value"] else choice for choice in each["choices"])
        if each["value"] not in each["choices"]:
            choices += f" [{each['value']}]"
        lines = (f"{each['name']}: {choices}", each["says"], f"{each['sure']}: {each['source']}")
        click.echo(json.dumps(each) if as_json else "\n    ".join(lines))


@_command("receiver")
@_port_option
@_owner_option
def receiver(settings: Settings, port: int | None, owner: Owner | None) -> None:
    """Receive webhooks into the inbox, in the foreground. Prints one line of JSON when it is ready."""
    from nbhelpers.receiver import receive

    receive(settings, port, owner)


@_command("trigger")
@click.argument("kind", type=click.Choice([*_WRITES, "read", "block", "unblock"]))
@click.option("--psid", help="Who: a person by PSID.")
@click.option("--person", help="Who: a person by name; a new name is a new person. (default: Ada)")
@click.option("--page", help="To which Page, by ID or name. (default: the newest)")
@click.option("--text", help="What they write. (default: the guide's hello)")
@click.option("--url", help="What they send: the address of a picture, sound, film or file.")
@_json_option
def trigger(settings: Settings, kind: str, as_json: bool, **details: str | None) -> None:
    """Let the simulated person act: write, read what was delivered, block the Page."""
    control = _control(settings)
    if kind == "read":
        count = control.read(**{name: details[name] for name in ("psid", "person", "page")})
        _say(as_json, {"read": count}, f"{count} message{'' if count == 1 else 's'} read.")
        return
    if kind in ("block", "unblock"):
        done = control.block(details["person"], details["page"], kind == "block")
        _say(as_json, done, f"PSID {done['psid']} has {kind}ed Page {done['page_id']}.")
        return
    if kind == "text" and not details["text"]:
        details["text"] = "Hello from Facebook Messenger!"
    said = control.write(kind, **details)
    where = "passed on" if said["passed_on"] else "not passed on: this Page is linked to no application"
    _say(as_json, said, f"PSID {said['psid']} wrote to Page {said['page_id']} ({where}).")


@_command("token")
@click.option("--application-id", help="For which application. (default: the one of this state directory)")
@click.option("--private-key", help="Path of its private key.")
@click.option("--ttl", type=int, default=TTL, show_default=True, help="Its life in seconds.")
def token(settings: Settings, application_id: str | None, private_key: str | None, ttl: int) -> None:
    """Print a JWT and nothing else."""
    from nbhelpers import credentials

    if application_id is None or private_key is None:
        known = _identity(settings)
        application_id = application_id or known.application_id
        key = credentials.load(private_key) if private_key else known.key
    else:
        key = credentials.load(private_key)
    click.echo(str(Minter(application_id, key, ttl)()))


@_command("send")
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


@_command("inbox")
@click.option("--follow", is_flag=True, help="Go on until Ctrl+C.")
@click.option("--limit", type=click.IntRange(1), help="Only the newest so many.")
@_json_option
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


@_command("replay")
@click.argument("delivery", type=click.IntRange(1), required=False, metavar="[DELIVERY_ID]")
@click.option("--edit", "edits", multiple=True, metavar="PATH=VALUE", help="Change it, such as text=Hi or from.id=12.")
@click.option("--list", "listed", is_flag=True, help="Only show the newest deliveries, with their IDs.")
@_json_option
def replay(settings: Settings, delivery: int | None, edits: tuple[str, ...], listed: bool, as_json: bool) -> None:
    """Send a stored delivery to the receiver again (by default the newest message), edited or as it came."""
    from nbhelpers import replay as replaying

    store = _inbox(settings)
    try:
        for each in store.deliveries(limit=50) if listed else ():
            names = ("id", "method", "path", "answer", "verdict", "origin")
            _say(as_json, {name: getattr(each, name) for name in names}, each.line)
        if listed:
            return
        door, played = (background.find(name, settings) for name in ("receiver", "simulator"))
        if door is None:
            raise ServiceError("The receiver does not run.", "None is recorded here.", "Run `nbhelpers receiver`.")
        facts = played.ready if played else vars(settings)
        signing = {"secret": facts["signature_secret"], "api_key": facts["api_key"]}
        done = replaying.replay(store, delivery, door.url, replaying.typed(edits), **signing)
        _say(as_json, done.facts, repr(done))
    finally:
        store.close()


@_command("status")
@_json_option
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
    _say(as_json, facts, "\n".join(lines if running else [*lines, "No service runs."]))


@_command("stop")
def stop(settings: Settings) -> None:
    """End the services of this state directory, in all modes."""
    click.echo("\n".join(background.stop(settings)) or "No service was running.")


@_command("reset")
@click.option("--forget", is_flag=True, help="Delete the state instead of setting it aside.")
@click.option("--notebooks", is_flag=True, help="Bring the notebooks back too; yours are set aside.")
def reset(settings: Settings, forget: bool, notebooks: bool) -> None:
    """Begin again: stop this mode's services and set its state aside."""
    from nbhelpers.reset import restore_notebooks, set_aside

    place = set_aside(settings, forget)
    click.echo(f"The state of {settings.mode} mode is {f'in {place}' if place else 'empty'}.")
    if notebooks:
        click.echo(f"The notebooks are as they came. Yours are in {restore_notebooks(settings, __version__)}.")


@_command("lab")
@click.option("--no-browser", is_flag=True, help="Do not open a browser; the address is printed.")
@_port_option
def lab(settings: Settings, no_browser: bool, port: int | None) -> None:
    """Open JupyterLab on the notebooks."""
    from nbhelpers.reset import keep_pristine, notebooks_folder

    folder = notebooks_folder()
    keep_pristine(settings, __version__)
    os.environ["NBHELPERS_STATE"] = str(settings.state)
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


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError("A switch is set with NAME=VALUE.", f"You wrote “{text}”.", "Such as window=24+1.")
        pairs[name.strip()] = value.strip()
    return pairs


def _control(settings: Settings) -> Control:
    if settings.mode != "simulator":
        raise SettingsError(
            "Nobody can be played here.",
            f"The mode is {settings.mode}.",
            "Write from a phone, or use --mode simulator.",
        )
    found = background.find("simulator", settings)
    if found is None:
        raise ServiceError(
            "The simulator does not run.", f"Nothing is recorded in {settings.folder}.", "Run `nbhelpers simulator`."
        )
    return Control(found.url, found.control)


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


def _say(as_json: bool, facts: dict[str, Any], words: str) -> None:
    click.echo(json.dumps(facts) if as_json else "\n".join(one_line(line, 400) for line in words.splitlines()))


if __name__ == "__main__":
    main(prog_name="nbhelpers")
