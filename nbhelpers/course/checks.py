"""Checks how each of the seven steps stands, and words the outcome; it changes nothing."""

from __future__ import annotations

import dataclasses
import functools
from datetime import timedelta
from typing import Any

import requests

from nbhelpers.api.applications import FIELDS, read
from nbhelpers.auth import tokens
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.course.destinations import destinations
from nbhelpers.course.outcome import Outcome, in_hand, last_four
from nbhelpers.errors import ApiError, CredentialsError, InboxError, KitError, cure_for
from nbhelpers.inbox.events import Delivery, channel_name, one_line
from nbhelpers.messages.inbound import MessageStatus
from nbhelpers.services import launcher
from nbhelpers.storage.sqlite import storable

__all__ = ["application", "jwt", "link", "page", "receive", "reply", "webhooks"]

_TIMEOUT = (3.05, 10.0)  # seconds: to connect, and to the answer
_LABELS = {"inbound_url": "Inbound Message", "status_url": "Delivery Receipt"}  # of the account's form


_done, _not_yet = functools.partial(Outcome, "done"), functools.partial(Outcome, "not yet")
_wrong, _unsure = functools.partial(Outcome, "wrong"), functools.partial(Outcome, "cannot tell")


def page(course: CourseContext) -> Outcome:
    """Step 1: there is a Page, and it is published."""
    if course.settings.mode == "sandbox":
        return _unsure(f"In the sandbox its own Page, {course.page_id}, stands in for yours. Step 6 will prove it.")
    if not course.simulated:
        return _unsure("Facebook does not let a notebook look. You will know in step 4, when the Page is on the list.")
    found = _page(course)
    if found is None:
        return _not_yet("There is no Page. Run *Make the Page*.")
    name = found["name"]
    if not found["published"]:
        return _wrong(f"“{name}” is not published, so nobody can write to it. Run `page.publish()`.")
    people = len(found["people"])
    if people == 0:
        return _done(f"Your Page is “{name}”. Nobody has written to it, so there is nobody you may write to.")
    return _done(f"Your Page is “{name}”. {people} {'person has' if people == 1 else 'people have'} written to it.")


def application(course: CourseContext) -> Outcome:
    """Step 2: the noted application exists, and the private key is the other half of the key it holds."""
    application_id = course.application_id
    settings = course.settings
    if not application_id and not course.simulated:
        return _not_yet("VONAGE_APPLICATION_ID is not set. Run `lab.configure()`.")
    if not application_id:
        return _not_yet("No application ID is noted. Run *Save both together*.")
    if not course.simulated and not settings.private_key:
        return _not_yet("The ID is set, but VONAGE_PRIVATE_KEY is not. Run `lab.configure()`.")
    try:
        key = course.key()
    except CredentialsError as error:
        if error.seen.startswith("There is no file"):
            return _not_yet(f"The ID is noted, but there {error.seen.removeprefix('There ')}")
        return _wrong(str(error))
    if not settings.api_key or not settings.api_secret:
        words = "Without API key and secret the stored half cannot be read: compare it with the credentials card."
        return _unsure(words)
    try:
        stored = read(settings, application_id).public_key
    except ApiError as error:
        if error.status != 404:
            return _unsure(str(error))
        if not course.simulated:
            return _wrong(str(error))
        stored = ""
    if not course.simulated and not key.fits(stored):
        return _wrong(
            f"{key.source} does not fit application {last_four(application_id)}. Most likely the pair was generated "
            "again and “Save changes” not pressed: press it, or generate again and take the new private.key."
        )
    if not key.fits(stored):
        return _wrong(
            f"{key.source} does not fit application {last_four(application_id)}. "
            "Run *Send it* and *Save both together* again, both."
        )
    return _done(
        f"Application {last_four(application_id)} exists, and your `private.key` fits the public key it holds."
    )


def jwt(course: CourseContext, token: Any = None) -> Outcome:
    """Step 3: the service believes the token."""
    if token is None:
        if course.facts.get("jwt"):
            return _done("The service has believed a token of yours.")
        return _not_yet("`token` holds no token. Run *Sign it*.")
    try:
        facts, (bare, _) = tokens.inspect(token), tokens.clean(token)
    except KitError as error:
        if "eyJ" in str(token)[:20]:
            return _wrong(f"This token is not whole. {error.seen} Copy all of it, or run *Sign it* again.")
        bare = ""
    if not (bare and bare.isascii() and bare.isprintable()):  # what no header can hold, no token has
        return _not_yet("`token` holds no token. Run *Sign it*.")
    if facts.remaining is not None and facts.remaining <= 0:
        return _ran_out(facts.remaining)
    said, wanted = facts.claims.get("application_id"), course.application_id
    if said != wanted:
        claim = "no application_id" if said is None else f"application_id {in_hand(said)}"
        return _wrong(f"It says {claim}; expected the ID of step 2, {last_four(wanted)}.")
    if facts.fault is not None:
        return _wrong(f"It says {one_line(facts.fault[0])}; expected {facts.fault[1]}.")
    try:
        answer = requests.post(
            f"{course.host}/v0.1/messages", json={}, headers={"Authorization": f"Bearer {bare}"}, timeout=_TIMEOUT
        )
    except requests.RequestException as error:
        claims = one_line(", ".join(facts.claims))
        return _unsure(f"No answer within 10 s ({type(error).__name__}). The token itself reads well: {claims}.")
    # What the service has aged, it has aged without a word in the token.
    aged = course.control.aged(facts.issued.timestamp()) if course.simulated and facts.issued else 0.0
    if aged and facts.expires is not None:
        facts = dataclasses.replace(facts, expires=facts.expires - timedelta(seconds=aged))
    if answer.status_code == 401 and (facts.remaining or 0.0) < 0:
        return _ran_out(facts.remaining or 0.0)
    if answer.status_code == 401:
        return _wrong(f"Its key does not fit application {last_four(wanted)}. Or a letter was changed on the way.")
    if answer.status_code not in (400, 422):  # believed, but there is no message
        return _unsure(f"The service answered {answer.status_code}, which says nothing of the token. Try again.")
    return _done(
        f"The service believes this token. It is good for another {facts.remaining_text.removesuffix(' left')}."
    )


def _ran_out(remaining: float) -> Outcome:
    minutes = max(1, round(-remaining / 60))
    return _wrong(f"This token ran out {minutes} minute{'' if minutes == 1 else 's'} ago: sign a new one.")


def link(course: CourseContext) -> Outcome:
    """Step 4: the Page is linked to the noted application, and its ID is noted."""
    application_id = course.application_id
    if course.settings.mode == "sandbox":
        return _unsure(
            "In the sandbox no Page is linked. Your phone must be on its allow-list: send the passphrase that the "
            "dashboard's sandbox page shows. Step 6 will prove it."
        )
    if not course.simulated:
        return _unsure(
            f"Only the dashboard shows this: application {last_four(application_id)}, Linked social channels. "
            "Step 6 will prove it."
        )
    found = _page(course)
    if found is None:
        return _not_yet("There is no Page. Open 01 and run *Make the Page*.")
    name, linked = found["name"], found["application_id"]
    if linked is None and found["refused"]:
        return _wrong(f"Refused: {found['refused']} Copy a new JWT and try again.")
    if linked is None:
        return _not_yet(f"“{name}” exists, but is not linked. Paste a JWT on the link page, or run *Send the form*.")
    if linked != application_id and "link" in course.filled():
        # Not the learner's doing: step 4 was filled in, and step 2 was done by hand since.
        return _not_yet(
            f"“{name}” is linked to a sample application. Paste a JWT on the link page, or run *Send the form*."
        )
    if linked != application_id:
        return _wrong(f"“{name}” is linked to {last_four(linked)}, not to {last_four(application_id)}.")
    if course.page_id is None:
        return _not_yet(f"“{name}” is linked, but its ID is not noted. Run *Note it*.")
    if course.page_id != found["id"]:
        return _wrong(
            f"You noted {one_line(course.page_id)}; the ID of “{name}” is {found['id']}. Run *Note it* again."
        )
    return _done(f"“{name}” is linked. Your Page ID is {found['id']}: the SENDER_ID of step 7.")


def webhooks(course: CourseContext, call: bool = True) -> Outcome:
    """Step 5: both addresses are this receiver's, the method is POST, and the receiver answers.

    Without `call` the last is left out: looking at the progress must not be seen in “Last call”.
    """
    receiver = launcher.find("receiver", course.settings)
    if not course.simulated:
        if receiver is None:
            return _not_yet("Your receiver does not run. Run `lab.receiver`.")
        return _held(course)
    found = destinations(course)
    empty = [_LABELS[each.which] for each in found.both if each.leads == "nowhere"]
    if any(each.leads == "server" for each in found.both):
        return _done(f"Webhooks go to a server of your own. {' '.join(map(str, found.both))}")
    if empty and found.finds_receiver:
        return _not_yet("No URL is set, so webhooks wait until your receiver runs. Run `lab.receiver`.")
    if empty and found.holder == "application":
        words = f"Application {last_four(found.application_id)} has the messages capability, so its own URLs count."
        return _not_yet(f"{words} {' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty there.")
    if len(empty) == 2:
        return _not_yet("Inbound Message and Delivery Receipt are empty. Run *Save*, then *Mend*.")
    if empty:
        other = next(label for label in _LABELS.values() if label not in empty)
        return _not_yet(f"{other} is set, {empty[0]} is empty. Run *Save*, then *Mend*.")
    if receiver is None:
        return _not_yet("The addresses are set, but your receiver does not run. Run `lab.receiver`.")
    if all(each.leads == "swapped" for each in found.both):
        return _wrong("The addresses are swapped.")
    for each in found.both:
        if each.leads != "receiver":
            holder = "The form" if each.source == "account" else f"Application {last_four(found.application_id)}"
            return _wrong(f"{holder} holds {each.shown}; your receiver is {each.wanted}.")
        if not each.right:
            return _wrong(f"The method is {each.method}: set POST.")
    if any(each.source != "account" for each in found.both):  # the form's test call is about the account's two
        return _done("Both addresses are your receiver's, by POST. The receiver runs.")
    calls = course.control.try_webhooks() if call else []
    if any(call["status"] != 200 for call in calls):
        seen = "; ".join(f"{call['url']}: {call['words']}" for call in calls)
        return _wrong(f"The service called, and was refused: {seen}.")
    return _done("Both addresses answered a POST with 200. The receiver runs.")


def _held(course: CourseContext) -> Outcome:
    """Step 5 where the form is the dashboard's: what the application holds, as far as that can be read."""
    if not course.is_public:
        return _not_yet("Your receiver runs, but is not public. Run `lab.tunnel`.")
    live = LiveWebhooks(course)
    if not live.settable:
        return _unsure("Your receiver answers. What the dashboard holds cannot be read: compare letter by letter.")
    try:
        held = live.look()
    except KitError as error:
        return _unsure(f"What the application holds could not be read: {error}")
    for which, label in FIELDS.items():
        if not held[which]["right"]:
            address = one_line(held[which]["address"] or "(empty)", 150)
            return _wrong(f"{label} is {address}; your receiver is {held[which]['wanted']}. Run `lab.webhooks.save()`.")
    return _done("The application holds both of your public addresses, with POST.")


def receive(course: CourseContext, psid: Any = None) -> Outcome:
    """Step 6: a message came, and the PSID in hand is the person's."""
    try:
        person = storable(psid) if isinstance(psid, str) else None
        event = course.inbox.newest_message(person) or course.inbox.newest_message()
        refused = _refused_message(course)
    except InboxError as error:
        return _unsure(f"The inbox cannot be read: {error.seen} Nothing is deleted.")
    if event is None:
        if refused is not None:
            return _wrong(f"A call came with {refused.method}, and was refused: see step 5.")
        beside = reversed(course.inbox.beside())
        other = next((each for each in beside if each.kind == "inbound" and each.trusted), None)
        elsewhere = f" One came on {channel_name(other.channel)}: this step is about Messenger." if other else ""
        return _not_yet(f"No message so far.{elsewhere} Write one; if you did, `lab.doctor()` finds where it stopped.")
    if psid is not None and psid == event.page_id:
        return _wrong("`psid` holds your Page ID. The person is in `from`.")
    if psid is not None and psid != event.psid:
        return _wrong(f"`psid` holds {in_hand(psid)}; the person who wrote last is {event.psid}.")
    came = f"{event.received.astimezone():%H:%M:%S}"
    said = event.said if event.text else f"A message ({event.said})"
    return _done(f"{said} came at {came}. PSID {event.psid}: the person. Page ID {event.page_id}: you.")


def reply(course: CourseContext) -> Outcome:
    """Step 7: the newest answer, and what became of it."""
    try:
        events = course.inbox.last_answer()
    except InboxError as error:
        return _unsure(f"The inbox cannot be read: {error.seen} Nothing is deleted.")
    if not events:
        return _not_yet('No answer was sent. Run *Send it*, or `lab.reply("…")`.')
    psid, page_id = events[0].psid, course.page_id
    if page_id is not None and psid == page_id:
        newest = course.inbox.newest_message()
        person = f" The person is {newest.psid}." if newest else ""
        return _wrong(f"You wrote to {page_id}: that is your own Page.{person}")
    states = {event.status: event for event in events}
    for ended in ("rejected", "undeliverable"):
        if ended in states and isinstance(message := states[ended].message, MessageStatus):
            cure = cure_for("status", message.error_code)
            words = f"Refused: {message.error_code} {one_line(message.error_text)}."
            return _wrong(words + (f" {cure.what} {cure.next}" if cure else ""))
    clocks = {state: f"{event.received.astimezone():%H:%M:%S}" for state, event in states.items()}
    if "read" in clocks:
        return _done(
            f"Your answer to {psid} was delivered at {clocks.get('delivered', '?')} and read at {clocks['read']}."
        )
    if "delivered" in clocks:
        return _done(f"Your answer to {psid} was delivered at {clocks['delivered']}; not read yet.")
    taken = f"{events[0].received.astimezone():%H:%M:%S}"
    if course.simulated:
        status = destinations(course, message_url=events[0].json.get("webhook_url")).status
        if status.leads in ("elsewhere", "server", "swapped"):
            return _unsure(f"Accepted, but receipts go to {status.shown}, which is not this receiver.")
    return _not_yet(f"Accepted at {taken}, no receipt yet. After 20 s, run `lab.doctor()`.")


def _refused_message(course: CourseContext) -> Delivery | None:
    """Return the newest call that brought a message, if it was refused for its method."""
    # The test calls of step 5 name no message: *Wrong on purpose* there must not make step 6 wrong.
    calls = [call for call in course.inbox.deliveries() if call.answer == 200 or "message_uuid=" in call.path]
    return calls[-1] if calls and calls[-1].answer == 405 else None


def _page(course: CourseContext) -> dict[str, Any] | None:
    """Return the Page of step 1, as the simulator has it."""
    name = course.facts.get("page_name")
    return next((page for page in course.control.pages() if page["name"] == name), None)
