"""The commands about messages: mint a token, send, show the inbox, replay a delivery, explain a code."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

import click

from nbhelpers.cli.common import command, course_of, inbox_of, json_option, own_server, say, with_state
from nbhelpers.config.settings import API_VERSIONS, Settings
from nbhelpers.errors import MessageError, ServiceError, SettingsError

if TYPE_CHECKING:
    from nbhelpers.inbox.events import Event

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
        with course_of(settings) as course:
            known = course.identity()
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
    with course_of(settings) as course:
        identity = course.identity(sender)
        if identity.page_id is None:
            raise SettingsError("There is no sender.", "No Page ID is noted or set.", "Give it with --from.")
        category = "message_tag" if tag else None
        message = OutboundMessage(identity.page_id, recipient, content, kind, category, tag, client_ref)
        click.echo(identity.client(course.inbox, api_version).send(message).message_uuid)


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
    with inbox_of(settings) as store, contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        if form:
            from nbhelpers.inbox.export import exported

            click.echo(exported(store, form, _host(settings), limit), nl=form != "csv")
            return
        after = store.revision()
        events = store.events(limit=limit)
        _show(events, as_json)
        if not events and not follow and not as_json:
            click.echo(with_state(_empty(settings)), err=True)
        if follow:
            from nbhelpers.inbox.watcher import Watcher

            watcher = Watcher(store, lambda events: _show(events, as_json), after=after)
            while watcher.error is None:
                time.sleep(0.1)


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

    with inbox_of(settings) as store:
        for each in store.deliveries(limit=50) if listed else ():
            names = ("id", "method", "path", "answer", "verdict", "origin")
            say(as_json, {name: getattr(each, name) for name in names}, each.line)
        if listed:
            return
        receiver, simulated = (launcher.find(name, settings) for name in ("receiver", "simulator"))
        if receiver is None:
            server = own_server(settings)
            if server:
                next_action = (
                    "`nbhelpers trigger text` sends one; after `nbhelpers fault duplicate-delivery` it comes twice."
                )
                raise ServiceError("There is nothing to send again.", f"Webhooks go to {server}.", next_action)
            raise ServiceError("The receiver does not run.", "None is recorded here.", "Run `nbhelpers receiver`.")
        facts = simulated.ready if simulated else vars(settings)
        signing = {"secret": facts["signature_secret"], "api_key": facts["api_key"]}
        done = replaying.replay(store, delivery, receiver.url, typed(edits), **signing)
        say(as_json, done.facts, repr(done))


@command("explain")
@click.argument("error", nargs=-1, required=True)
@json_option
def explain(settings: Settings, error: tuple[str, ...], as_json: bool) -> None:  # noqa: ARG001 - every command is given them
    """Say what an error means, and what to do.

    A code such as 1340, #1120, low-balance, 401 or ERR_NGROK_108, a sentence, JSON or the last line of a traceback; a
    dash reads it from the input.
    """
    from nbhelpers.errors import explain as explaining

    explained = explaining.explain(sys.stdin.read() if error == ("-",) else " ".join(error))
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


def _empty(settings: Settings) -> str:
    server = own_server(settings)
    if server:
        return f"The inbox is empty: webhooks go to {server}, not to the kit's receiver. `nbhelpers calls` shows them."
    return "The inbox is empty. When a person writes to the Page, it appears here."


def _host(settings: Settings) -> str:
    """Return the base URL of the API; of the simulator, while it does not run, where it would be."""
    from nbhelpers.services import launcher

    found = launcher.find("simulator", settings) if settings.mode == "simulator" else None
    return found.url if found else settings.host or f"http://127.0.0.1:{settings.simulator_port}"


def _show(events: list[Event], as_json: bool) -> None:
    for event in events:
        click.echo(json.dumps(event.facts) if as_json else event.line)
