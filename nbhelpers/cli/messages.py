"""The commands about messages: mint a token, send, show the inbox, replay a delivery, explain a code."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import click

from nbhelpers.cli.common import command, json_option, say
from nbhelpers.config.settings import API_VERSIONS, Settings
from nbhelpers.errors import ServiceError, SettingsError

if TYPE_CHECKING:
    from nbhelpers.api.identity import Identity
    from nbhelpers.inbox.events import Event
    from nbhelpers.inbox.inbox import Inbox

__all__ = ["explain", "inbox", "replay", "send", "token"]

_SENDS = ("text", "image", "audio", "video", "file")


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
    from nbhelpers.messages.outbound import OutboundMessage

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


def _identity(settings: Settings, page: str | None = None) -> Identity:
    from nbhelpers.api.identity import identify
    from nbhelpers.services import launcher

    found = launcher.find("simulator", settings) if settings.mode == "simulator" else None
    store = _inbox(settings)
    try:
        return identify(settings, store.facts(), found.ready if found else None, page)
    finally:
        store.close()


def _inbox(settings: Settings) -> Inbox:
    from nbhelpers.inbox.inbox import Inbox

    return Inbox(settings.folder / "lab.sqlite3")


def _show(events: list[Event], as_json: bool) -> None:
    for event in events:
        fields = {name: getattr(event, name) for name in ("kind", "status", "psid", "page_id", "text", "message_uuid")}
        fields |= {"channel": event.channel, "deliveries": event.deliveries, "origin": event.origin}
        if event.kind == "call":
            fields |= {"call": event.message_type, "next": event.next}
        facts = {"received": event.received.isoformat(), **fields, "body": event.json}
        click.echo(json.dumps(facts) if as_json else event.line)
