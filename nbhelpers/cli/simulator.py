"""The commands that act on the simulator: the person, the switches, the lessons, the time."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from nbhelpers.cli import completion
from nbhelpers.cli.calls import painted
from nbhelpers.cli.common import command, control_of, json_option, pairs, say, with_state
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.simulator.rules.scenes import SCENES

if TYPE_CHECKING:
    from nbhelpers.simulator.control.client import ControlClient

__all__ = ["advance", "fault", "pace", "switches", "trigger"]

_DOES = {"tap": "tapped a button of", "location": "sent a place to", "react": "reacted to a message of"}
_WRITES = ("text", "image", "audio", "video", "file", "sticker", "like", "unsupported")


@command("trigger")
@click.argument("kind", type=click.Choice([*_WRITES, *_DOES, *SCENES, "read", "block", "unblock"]))
@click.option("--psid", help="Who: a person by PSID.")
@click.option(
    "--person",
    shell_complete=completion.people,
    help="Who: a person by name; a new name is a new person. (default: Ada)",
)
@click.option("--page", shell_complete=completion.pages, help="To which Page, by ID or name. (default: the newest)")
@click.option("--text", help="What they write, or tap: a title or payload. (default: the guide's hello)")
@click.option("--url", help="What they send: the address of a picture, sound, film or file.")
@click.option("--at", metavar="LAT,LONG", help="With location: where, in degrees. (default: 52.52,13.405)")
@click.option("--emoji", help="With react: which. (default: 👍)")
@click.option("--wait", is_flag=True, help="Wait for your server's answer; the exit code is 1 unless it took the call.")
@json_option
def trigger(settings: Settings, kind: str, wait: bool, as_json: bool, **details: str | None) -> None:
    """Let the simulated person act: write, tap a button, send a place, react, read, block; or several, in a scene."""
    control = control_of(settings)
    if wait and kind in ("block", "unblock"):
        raise SettingsError("No webhook is called then.", f"A person {kind}s the Page.", "Leave out --wait.")
    facts: dict[str, Any]
    uuids: tuple[str, ...]
    if kind in ("block", "unblock"):
        done = control.block(details["person"], details["page"], kind == "block")
        say(as_json, done, f"PSID {done['psid']} has {kind}ed Page {done['page_id']}.")
        return
    if kind == "read":
        count = control.read(**{name: details[name] for name in ("psid", "person", "page")})
        facts = {"read": count, "message_uuid": count.message_uuid, "message_uuids": count.message_uuids}
        words, uuids = f"{count} message{'' if count == 1 else 's'} read.", count.message_uuids
    elif kind in SCENES:
        given = [f"--{name}" for name in ("psid", "person", "text", "url") if details[name]]
        if given:
            raise SettingsError("A scene has its own people.", f"You gave {', '.join(given)}.", "Leave that out.")
        messages = control.play(kind, details["page"])
        people, uuids = len({each["psid"] for each in messages}), tuple(each["message_uuid"] for each in messages)
        words = f"{len(messages)} messages from {people} {'person' if people == 1 else 'people'}."
        facts = {"messages": len(messages), "people": people, "message_uuids": uuids}
    else:
        facts = _acted(control, kind, details)
        where = "passed on" if facts["passed_on"] else "not passed on: this Page is linked to no application"
        words = f"PSID {facts['psid']} {_DOES.get(kind, 'wrote to')} Page {facts['page_id']} ({where})."
        uuids = (facts["message_uuid"],)
    if not wait:
        say(as_json, facts, words)
    elif not _waited(control, facts, words, uuids, "read" if kind == "read" else "inbound", as_json):
        raise SystemExit(1)


def _acted(control: ControlClient, kind: str, details: dict[str, str | None]) -> dict[str, Any]:
    """Let the person do one thing, and return what the simulator says of it."""
    at, emoji = details.pop("at"), details.pop("emoji")
    who = {name: details[name] for name in ("psid", "person", "page")}
    if kind == "tap":
        return control.tap(details["text"] or "", **who)
    if kind == "location":
        latitude, longitude = _place(at)
        return control.send_location(latitude, longitude, **who)
    if kind == "react":
        return control.react(emoji or "👍", **who)
    if kind == "text" and not details["text"]:
        details["text"] = "Hello from Facebook Messenger!"
    return control.write(kind, **details)


def _place(at: str | None) -> tuple[float, float]:
    latitude, _, longitude = (at or "52.52,13.405").partition(",")
    try:
        return float(latitude), float(longitude)
    except ValueError:
        raise SettingsError("This is no place.", f"You wrote “{at}”.", "Such as --at 52.52,13.405.") from None


def _waited(
    control: ControlClient, facts: dict[str, Any], words: str, uuids: tuple[str, ...], webhook: str, as_json: bool
) -> bool:
    """Wait for the answers to the webhooks of these messages, show them, and say whether each was taken."""
    from nbhelpers.simulator.control.call_lines import call_line, was_taken

    if not as_json:
        say(False, facts, words)
    if not facts.get("passed_on", True):
        raise ServiceError("No webhook is called.", "This Page is linked to no application.", "Link it first.")
    called = control.wait_for_answers(uuids, webhook)
    if as_json:
        say(True, facts | {"calls": called}, "")
    for call in [] if as_json else called:
        click.echo(painted(call_line(call), was_taken(call), sys.stdout))
    return all(map(was_taken, called))


@command("switches")
@click.argument("settings_of", nargs=-1, metavar="[NAME=VALUE]...", shell_complete=completion.switches)
@json_option
def switches(settings: Settings, settings_of: tuple[str, ...], as_json: bool) -> None:
    """Show, or set, what the simulator does where nobody knows what the service does.

    A name alone shows that one. Each has its choices, the likelier first, with the source. They are kept until
    `nbhelpers reset`.
    """
    control = control_of(settings)
    wanted = pairs(tuple(text for text in settings_of if "=" in text))
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


@command("fault")
@click.argument("name", required=False, shell_complete=completion.lessons)
@click.option(
    "--times", type=click.IntRange(0, 1000), help="How often it happens. (default: as its table says; 0: until cleared)"
)
@click.option("--clear", is_flag=True, help="End this lesson, or all of them.")
@json_option
def fault(settings: Settings, name: str | None, times: int | None, clear: bool, as_json: bool) -> None:
    """Let something go wrong, as a lesson; without a name, show what there is and what is on."""
    control = control_of(settings)
    if times is not None and (clear or name is None):
        raise SettingsError("--times says how often a lesson happens.", "No lesson is started.", "Name one.")
    if clear:
        control.clear_faults(name)
        say(as_json, {"cleared": name}, f"{name or 'Every lesson'} is over.")
        return
    if name is not None:
        started = control.fault(name, times)
        often = f" ({started['left']}×)" if started["left"] else ""
        words = f"{started['name']}{often}: {started['does']}\n    You see: {started['see']}"
        say(as_json, started, with_state(words))
        return
    now = control.pace()
    if now != 1 and not as_json:
        click.echo(f"Between two tries of a webhook {now:g} seconds pass in one (`nbhelpers pace 1` ends that).")
    for each in control.faults():
        lasts = f"{each['left']}×" if each["left"] else "until it is cleared"
        on = "" if each["left"] is None else f" (on, {lasts})"
        words = f"{each['name']}{on}\n    {each['does']}\n    You see: {each['see']}"
        click.echo(json.dumps(each) if as_json else words)


@command("pace")
@click.argument("seconds", type=float)
@json_option
def pace(settings: Settings, seconds: float, as_json: bool) -> None:
    """Let so many seconds between two tries of a webhook pass in one; 1 is as it really is."""
    now = control_of(settings).pace(seconds)
    say(as_json, {"pace": now}, f"Between two tries of a webhook {now:g} seconds pass in one now.")


@command("advance")
@click.argument("hours", type=float)
@json_option
def advance(settings: Settings, hours: float, as_json: bool) -> None:
    """Let hours pass for what is there already; what you make afterwards is fresh."""
    done = control_of(settings).advance(hours)
    words = f"{done['hours']:g} hours have passed for people's messages, links, tokens and whatever waits in the queue."
    say(as_json, done, words)
