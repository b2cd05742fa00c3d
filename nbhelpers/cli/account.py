"""The commands about an account: the credentials check, the application's webhooks, the doctor."""

from __future__ import annotations

import click

from nbhelpers.cli.common import command, course_of, json_option, say, with_state
from nbhelpers.config.settings import Settings
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.errors.in_shell import in_shell

__all__ = ["check_credentials", "doctor", "webhooks"]


@command("credentials")
@json_option
def check_credentials(settings: Settings, as_json: bool) -> None:
    """Say whether ID, key, token, clock and account fit together; no message is sent.

    The exit code is 1 when something is to do.
    """
    from nbhelpers.diagnosis.credentials_check import examine_credentials

    with course_of(settings) as course:
        found = examine_credentials(course).in_shell()
    say(as_json, found.facts, with_state(repr(found)))
    if not found.ready:
        raise SystemExit(1)


@command("webhooks")
@click.option("--set", "setting", is_flag=True, help="Set both to your public addresses; shows old and new, and asks.")
@click.option("--put-back", "back", is_flag=True, help="Put back what was there before; shows old and new, and asks.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def webhooks(settings: Settings, setting: bool, back: bool, yes: bool, as_json: bool) -> None:
    """Show which webhook URLs count, and what says so; set them, or put the old ones back.

    In live mode with API key and secret: the application's, and nothing else of it is changed. In simulator mode --set
    saves the receiver's in the account's form, by POST.
    """
    from nbhelpers.api.applications import FIELDS
    from nbhelpers.api.webhook_settings import Changed, Proposal
    from nbhelpers.course.dashboard import LiveWebhooks

    if setting and back:
        raise SettingsError("--set and --put-back are opposites.", "You gave both.", "Give one.")
    if settings.mode == "simulator":
        _simulated_webhooks(settings, setting, back, as_json)
        return
    with course_of(settings) as course:
        live = LiveWebhooks(course)
        if not setting and not back:
            try:
                say(as_json, look := live.look(), in_shell(look["text"]))
            except SettingsError as error:  # what to copy where: an answer too
                words = in_shell("\n".join((error.what, error.seen, error.next)))
                say(as_json, {"application_id": course.application_id, "text": words}, words)
            return
        proposal = live.put_back() if back else live.save()
        if not yes and isinstance(proposal, Proposal) and proposal.changes:
            click.echo(in_shell("\n".join(proposal.lines)), err=as_json)
            if not click.confirm("Change it?", err=as_json):
                say(as_json, proposal.facts, "Nothing was changed.")
                return
        new = [proposal.facts[which]["new"] for which in FIELDS]  # what was asked about is what is done
        done = live.put_back(yes=True) if back else live.save(*new, yes=True)
        say(as_json, done.facts, in_shell("\n".join(done.lines)))
        if isinstance(done, Changed) and (done.trouble or done.differences):
            raise SystemExit(1)


def _simulated_webhooks(settings: Settings, setting: bool, back: bool, as_json: bool) -> None:
    from nbhelpers.course.destinations import destinations
    from nbhelpers.services import launcher

    if back:
        raise SettingsError(
            "Nothing is put back here.", "The mode is simulator.", "--set sets both to your receiver's."
        )
    with course_of(settings) as course:
        if setting:
            receiver = launcher.find("receiver", settings)
            if receiver is None:
                seen = f"None is recorded in {settings.folder}."
                raise ServiceError("Your receiver does not run.", seen, "Run `nbhelpers receiver` first.")
            if destinations(course).holder == "application":
                raise SettingsError(
                    "The account's form does not count.",
                    "The application has the messages capability, so its own URLs do.",
                    "Change them with `PUT /v2/applications/…`.",
                )
            urls = {which: receiver.ready[which] for which in ("inbound_url", "status_url")}
            course.control.change_settings(**urls, http_method="POST")
        found = destinations(course)
        say(as_json, found.facts, str(found))


@command("doctor")
@json_option
def doctor(settings: Settings, as_json: bool) -> None:
    """Say why nothing arrives: the way of a message, up to the first broken hop.

    Nothing is sent to a person. The exit code is 1 when a hop is broken.
    """
    from nbhelpers.diagnosis.doctor import examine

    with course_of(settings) as course:
        found = examine(course).in_shell()
    say(as_json, found.facts, with_state(repr(found)))
    if found.stop is not None and found.stop.state == "broken":
        raise SystemExit(1)
