"""The commands about messages: mint a token, send, show the inbox, replay a delivery, explain a code."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from nbhelpers.cli.common import command, json_option, say
from nbhelpers.config.settings import API_VERSIONS, Settings
from nbhelpers.errors import MessageError, ServiceError, SettingsError

if TYPE_CHECKING:
    from nbhelpers.api.identity import Identity
    from nbhelpers.inbox.events import Event
    from nbhelpers.inbox.inbox import Inbox

__all__ = ["explain", "inbox", "replay", "send", "token"]


_FORMS = ("json", "csv", "har", "postman")


@command("token")
@click.option("--application-id", help="For which application. (default: the one of this state directory)")
@click.option("--private-key", help="Path of its private key.")
@click.option("--ttl", type=int, help="Its life in seconds. (default: 900)")
def token(settings: Settings, application_id: str | None, private_key: str | None, ttl: int | None) -> None:
    """Print a JWT and nothing else."""
    from nbhelpers.api.identity import Identity
    from nbhelpers.auth.private_key import load_key
    from nbhelpers.auth.tokens import TTL

    key = load_key(private_key) if private_key else None
    if application_id is None or key is None:
        known = _identity(settings)
        application_id, key = application_id or known.application_id, key or known.key
    click.echo(str(Identity(application_id, key, None, "", "").token(TTL if ttl is None else ttl)))


@command("send")
@click.option("--to", "recipient", required=True, metavar="PSID", help="The person.")
@click.option("--from", "sender", metavar="PAGE", help="Your Page ID. (default: the linked one)")
@click.option("--text", help="What to say; `-`, or nothing at all, reads it from standard input.")
@click.option("--image", metavar="URL", help="Send a picture from this address.")
@click.option("--audio", metavar="URL", help="Send a sound.")
@click.option("--video", metavar="URL", help="Send a film.")
@click.option("--file", metavar="URL", help="Send a file.")
@click.option("--tag", help="A message tag, such as HUMAN_AGENT: for an answer after 24 hours.")
@click.option("--client-ref", metavar="REF", help="A reference of yours, which comes back in every status.")
@click.option("--api-version", type=click.Choice(API_VERSIONS), help="Which shape to send.")
def send(
    settings: Settings,
    recipient: str,
    sender: str | None,
    tag: str | None,
    client_ref: str | None,
    api_version: str | None,
    **contents: str | None,
) -> None:
    """Send one message and print its message_uuid."""
    from nbhelpers.messages.outbound import OutboundMessage

    kind, content = _content(contents)
    identity = _identity(settings, sender)
    if identity.page_id is None:
        raise SettingsError("There is no sender.", "No Page ID is noted or set.", "Give it with --from.")
    category = "message_tag" if tag else None
    message = OutboundMessage(identity.page_id, recipient, content, kind, category, tag, client_ref)
    inbox = _inbox(settings)
    try:
        click.echo(identity.client(inbox, api_version).send(message).message_uuid)
    finally:
        inbox.close()


@command("inbox")
@click.option("--follow", is_flag=True, help="Go on until Ctrl+C.")
@click.option("--limit", type=click.IntRange(1), help="Only the newest so many.")
@click.option("--as", "form", type=click.Choice(_FORMS), help="The whole as one document for another program.")
@json_option
def inbox(settings: Settings, follow: bool, limit: int | None, form: str | None, as_json: bool) -> None:
    """Show the captured events, one line each."""
    if form and (follow or as_json):
        raise SettingsError(
            "--as writes one document.", f"You gave {'--follow' if follow else '--json'} too.", "Leave one of them out."
        )
    store = _inbox(settings)
    try:
        if form:
            from nbhelpers.inbox.export import exported

            click.echo(exported(store, form, _host(settings), limit), nl=form != "csv")
            return
        after = store.revision()
        events = store.events(limit=limit)
        _show(events, as_json)
        if not events and not follow and not as_json:
            click.echo("The inbox is empty. When a person writes to the Page, it appears here.", err=True)
        if follow:
            from nbhelpers.inbox.watcher import Watcher

            watcher = Watcher(store, lambda events: _show(events, as_json), after=after)
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
    from nbhelpers.services import launcher
    from nbhelpers.webhooks import replay as replaying
    from nbhelpers.webhooks.edits import typed

    store = _inbox(settings)
    try:
        for each in store.deliveries(limit=50) if listed else ():
            names = ("id", "method", "path", "answer", "verdict", "origin")
            say(as_json, {name: getattr(each, name) for name in names}, each.line)
        if listed:
            return
        receiver, simulated = (launcher.find(name, settings) for name in ("receiver", "simulator"))
        if receiver is None:
            raise ServiceError("The receiver does not run.", "None is recorded here.", "Run `nbhelpers receiver`.")
        facts = simulated.ready if simulated else vars(settings)
        signing = {"secret": facts["signature_secret"], "api_key": facts["api_key"]}
        done = replaying.replay(store, delivery, receiver.url, typed(edits), **signing)
        say(as_json, done.facts, repr(done))
    finally:
        store.close()


@command("explain")
@click.argument("code")
@json_option
def explain(settings: Settings, code: str, as_json: bool) -> None:  # noqa: ARG001 - every command is given them
    """Say what a code means, such as 1340, #1120, low-balance, 401 or ERR_NGROK_108, and what to do."""
    from nbhelpers.errors import explain as explaining

    explained = explaining.explain(code)
    say(as_json, explained.facts, repr(explained))


def _content(contents: dict[str, str | None]) -> tuple[str, str]:
    """Return kind and content of the message: the one option that was given, or a text from standard input."""
    given = {kind: content for kind, content in contents.items() if content is not None}
    if len(given) > 1:
        seen = f"You gave {', '.join(f'--{kind}' for kind in given)}."
        raise MessageError("One message has one content.", seen, "Send one after the other.")
    kind, content = next(iter(given.items()), ("text", "-"))
    if (kind, content) != ("text", "-"):
        return kind, content
    if not given and sys.stdin.isatty():
        raise MessageError(
            "There is nothing to send.", "You gave no content.", "Use --text or --image, or pipe a text into it."
        )
    try:
        return kind, sys.stdin.buffer.read().decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise MessageError("The text cannot be read.", f"{error}.", "Write it in UTF-8.") from None


def _identity(settings: Settings, page: str | None = None) -> Identity:
    from nbhelpers.api.identity import identify
    from nbhelpers.services import launcher

    found = launcher.find("simulator", settings) if settings.mode == "simulator" else None
    store = _inbox(settings)
    try:
        return identify(settings, store.facts(), found.ready if found else None, page)
    finally:
        store.close()


def _host(settings: Settings) -> str:
    """Return the base URL of the API; of the simulator, while it does not run, where it would be."""
    from nbhelpers.services import launcher

    found = launcher.find("simulator", settings) if settings.mode == "simulator" else None
    return found.url if found else settings.host or f"http://127.0.0.1:{settings.simulator_port}"


def _inbox(settings: Settings) -> Inbox:
    from nbhelpers.inbox.inbox import Inbox

    return Inbox(settings.folder / "lab.sqlite3")


def _show(events: list[Event], as_json: bool) -> None:
    for event in events:
        click.echo(json.dumps(event.facts) if as_json else event.line)
