"""The doctor: walks the way of a message hop by hop, up to the first broken one, and gives one next action."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.api.applications import FIELDS
from nbhelpers.course import checks
from nbhelpers.course.context import CourseContext
from nbhelpers.course.dashboard import LiveWebhooks
from nbhelpers.course.destinations import destinations
from nbhelpers.diagnosis import own_server
from nbhelpers.diagnosis.evidence import Evidence
from nbhelpers.diagnosis.hop_map import Hop, HopMap
from nbhelpers.diagnosis.jupyter_server import ENDS_WITH_SERVER, jupyter_server
from nbhelpers.diagnosis.own_server import Found
from nbhelpers.diagnosis.state_folder import state_folder
from nbhelpers.errors import KitError, ServiceError
from nbhelpers.inbox.events import Event, channel_name, one_line
from nbhelpers.messages.addresses import INBOUND_PATH, STATUS_PATH, webhook_urls
from nbhelpers.messages.inbound import MESSENGER
from nbhelpers.services.record import read_record
from nbhelpers.tunnel.reach import reach

__all__ = ["HOPS", "examine"]

_GOES_ON = ("well", "not verified", "not needed")
_REOPEN = "Run `lab.stop()`, then `lab = Lab()`, `lab.receiver` and `lab.tunnel`."
_OTHER_CHANNEL = "It is kept, and answered by nobody: the Page is Messenger's."
_MOST_BESIDE = 5
_PATIENCE = 20  # seconds after which a receipt is missed


def examine(course: CourseContext) -> HopMap:
    """Walk the hops and stop at the first that is broken. Nothing is sent to a person, and nothing is changed.

    Test calls are made to your receiver alone; they are marked as the doctor's wherever they are shown. Where webhooks
    go to a server of your own, that way is walked, by the simulator's log of its calls.
    """
    way = Evidence(course)
    try:
        found = destinations(course) if course.simulated else None
    except ServiceError:  # the simulator has gone: the walk says at which hop that is felt
        found = None
    if found is not None and found.inbound.leads == "server":
        looks = own_server.hops(course, found)
    else:
        looks = [(name, functools.partial(look, way)) for name, look in _hops(course)]
    hops: list[Hop] = []
    for name, look in looks:
        if hops and hops[-1].state not in _GOES_ON:
            hops.append(Hop(name, "not looked at", ""))
            continue
        try:
            state, seen, *following = look()
        except KitError as error:
            state, seen, following = "broken", f"{error.what} {error.seen}".strip(), [error.next]
        hops.append(Hop(name, state, seen, following[0] if following else ""))
        if state in _GOES_ON or hops[-1].next:
            continue
        hops[-1] = Hop(name, state, seen, "Mend it, then run `lab.doctor()` again.")
    return HopMap(course.settings.mode, tuple(hops), _beside(way, hops))


def _beside(way: Evidence, hops: list[Hop]) -> tuple[str, ...]:
    """Name what else calls, each kind once, with its one next action: unless the map stops at it anyway."""
    newest = {(each.kind, each.channel, each.message_type if each.kind == "call" else ""): each for each in way.others}
    newest |= {("read", "", each.notes): each for each in way.packed}
    lines = []
    for each in sorted(newest.values(), key=lambda event: event.delivery):
        told = _told(each)
        if any(told in hop.seen for hop in hops):
            continue
        following = f"Next: {each.next}" if each.next else _OTHER_CHANNEL
        lines.append(f"{_when(each.received).capitalize()} {told}. {following}")
    return (*state_folder(way.course.settings), *lines[-_MOST_BESIDE:])


def _told(event: Event) -> str:
    if event.kind == "call":
        return f"came {one_line(event.message_type, 200)}"
    if event.channel != MESSENGER:
        return f"a {_named(event)} came on {channel_name(event.channel)}, not on Messenger"
    return f"a {_named(event)} came {event.notes}"


def _receiver(way: Evidence) -> Found:
    if way.receiver is None:
        ended = ENDS_WITH_SERVER if way.course.settings.tunnel == "jupyter" else ""
        seen = f"Your receiver does not run: none of this state directory is found.{ended}"
        return "broken", seen, "Run `lab.receiver`."
    return "well", f"up at {way.receiver.url}"


def _loopback(way: Evidence) -> Found:
    for url in (way.receiver.ready["inbound_url"], way.receiver.ready["status_url"]) if way.receiver else ():
        status, seen, following = way.post(url)
        if status in (401, 503) and ("signature" in seen or "unsigned" in seen):
            return "broken", f"{seen} Your receiver was started with another signature secret.", _REOPEN
        if status != 200:
            better = "Check the disk, and that the state directory can be written; then `lab.stop()` and `lab = Lab()`."
            return "broken", seen, following or (better if status == 503 else "Read logs/receiver.log of the state.")
    return "well", "both paths answered a POST with 200"


def _jupyter(way: Evidence) -> Found:
    return jupyter_server(way.course.settings)


def _public(way: Evidence) -> Found:
    if way.course.simulated:
        return "not needed", "The service runs on this computer."
    status, seen, following = way.post(webhook_urls(way.base)["inbound_url"])
    if status != 200:
        return "broken", seen, following or "Let the tunnel lead to your receiver: run `lab.tunnel` again."
    return "well", f"a POST through {way.base} was answered 200"


def _this_one(way: Evidence) -> Found:
    if way.course.simulated:
        return "not needed", "There is no tunnel."
    record = read_record(way.course.settings.folder, "receiver")
    met = reach(way.base, record.nonce if record else "")
    if not met.here:
        return "broken", met.seen, met.next
    return "well", "the nonce came back: it is your receiver"


def _both(way: Evidence) -> Found:
    if way.course.simulated:
        outcome = checks.webhooks(way.course)
        if outcome.good:
            way.urls_are_right = True
            return "well", outcome.words
        if destinations(way.course).holder == "application":
            return "broken", outcome.words, "Change the application's webhooks: `PUT /v2/applications/…`."
        return "broken", outcome.words, 'Run *Mend* of 05: `lab.webhooks.save(method="POST")`.'
    status, seen, following = way.post(webhook_urls(way.base)["status_url"])
    if status != 200:
        return "broken", seen, following
    live = LiveWebhooks(way.course)
    if not live.settable:
        words = "what the dashboard holds cannot be read: compare it letter by letter"
        return "well", f"both public URLs answered a POST with 200; {words}"
    try:
        held = live.look()
    except KitError as error:
        return "well", f"both public URLs answered a POST with 200; what the application holds is not known: {error}"
    wrong = [label for which, label in FIELDS.items() if held[which]["right"] is False]
    if wrong:
        return "broken", f"{' and '.join(wrong)} of the application: wrong. {_held(held)}", "Run `lab.webhooks.save()`."
    way.urls_are_right = True
    return "well", "both public URLs answered a POST with 200, and the application holds them"


def _held(held: dict[str, Any]) -> str:
    words = []
    for which, label in FIELDS.items():
        field = held[which]
        words.append(f"{label} is {one_line(field['address'] or '(empty)', 120)}, your receiver is {field['wanted']}.")
    return " ".join(words)


def _anything(way: Evidence) -> Found:
    newest = way.newest_webhook
    if newest is not None:
        whose = "" if newest.verdict == "signed" else "; who sent it was not verified"
        return "well", f"the newest webhook came {_when(newest.received)}{whose}"
    if way.course.simulated:  # the form itself was looked at, one hop before
        return _not_played_yet(way)
    # Where the URLs were read and are right, an older call says what was wrong before.
    if way.others and not way.urls_are_right:
        other = way.others[-1]
        seen = f"{_when(other.received).capitalize()} {_told(other)}."
        if other.kind != "call":
            return "not yet", seen, "Write to your Page on Messenger: its webhooks come to the same URL."
        return "broken", seen, f"{other.next} If you have mended that since, let the person write again."
    return _nothing_live(way)


def _not_played_yet(way: Evidence) -> Found:
    course = way.course
    for check in () if course.demo else (checks.page, checks.application, checks.link):
        outcome = check(course)
        if not outcome.good:
            return "broken", outcome.words, "Do that step again, then let somebody write."
    unheard = [row for row in course.control.webhooks() if row["outcome"] is None]
    if unheard and unheard[0]["answer"]:
        seen = f"The service has called, and got: {one_line(str(unheard[0]['answer']))}."
        return "broken", seen, "It tries again by itself; `lab.simulator.advance(0.1)` lets the time pass."
    return own_server.nobody_wrote(course)


def _nothing_live(way: Evidence) -> Found:
    urls = way.course.public_urls() or {}
    if way.course.settings.mode == "sandbox":
        where = "(2) your phone is on the sandbox's allow-list; (3) you wrote to the sandbox's Page"
    else:
        end = (way.course.application_id or "")[-4:]
        where = f"(2) the Page is linked to application …{end}; (3) you wrote to the Page, and not to a person"
    seen = "Your side works end to end. Nothing has come from Vonage yet."
    return "not yet", seen, f"Check in this order: (1) Inbound URL equals {urls.get('inbound_url')}; {where}."


def _inbound(way: Evidence) -> Found:
    newest = {event.kind: event for event in way.newest}
    swapped = [event for event in way.newest if urlsplit(event.path).path != _own_path(event)]
    if swapped:
        which, path = _named(swapped[-1]), one_line(urlsplit(swapped[-1].path).path)
        seen = f"The newest {which} came to {path}, {_when(swapped[-1].received)}."
        if way.urls_are_right:
            return "not yet", f"{seen} The URLs are right now.", "Let the person write once more."
        return "broken", f"{seen} The two URLs look swapped.", f"Exchange them: {' and '.join(FIELDS.values())}."
    if "inbound" not in newest:
        seen = "Receipts have come, but no message."
        return "broken", seen, "Check that Inbound URL is set, and that the Page is linked to this application."
    return "well", newest["inbound"].said


def _own_path(event: Event) -> str:
    return INBOUND_PATH if event.kind == "inbound" else STATUS_PATH


def _named(event: Event) -> str:
    return "message" if event.kind == "inbound" else "receipt"


def _signature(way: Evidence) -> Found:
    newest = way.newest_webhook
    assert newest is not None  # noqa: S101 - the hop before would have stopped
    if newest.verdict == "signed":
        return "well", "the newest webhook is signed, and the signature fits"
    if newest.verdict == "unchecked" and way.course.settings.signature_secret:
        seen = "VONAGE_SIGNATURE_SECRET is set, but nobody looked at the newest webhook."
        return "broken", seen, f"{_REOPEN} Then let the person write once more."
    if newest.verdict == "unchecked":
        return "not verified", "VONAGE_SIGNATURE_SECRET is not set, so nobody looked."
    refused = f", and was refused with {newest.answer}" if newest.answer != 200 else ""
    if newest.verdict == "unsigned":
        return "broken", f"The newest webhook has no signature{refused}.", "Switch signed webhooks on for the account."
    if "clock" in newest.why:
        following = "Set the clock of this computer."
    elif "does not fit" in newest.why:
        following = "Copy the signature secret from the account's settings again, into VONAGE_SIGNATURE_SECRET."
    else:
        following = "Somebody else may have sent it: let the person write once more, and look again."
    return "broken", f"The newest webhook is signed wrongly: {newest.why}{refused}.", following


def _reply(way: Evidence) -> Found:
    answered = way.answered
    if not answered:
        return "not yet", "No answer was sent from here.", 'Run `lab.reply("…")`.'
    if answered[0].kind == "status":  # sent by other code than ours, so the inbox has its receipts alone
        return "well", f"sent by your own code; its first receipt came {_when(answered[0].received)}"
    return "well", f"accepted {_when(answered[0].received)}"


def _receipts(way: Evidence) -> Found:
    reply = way.answered[0]
    receipts = way.course.inbox.receipts(reply.message_uuid or "")
    if not receipts and way.course.simulated:
        status = destinations(way.course, message_url=reply.json.get("webhook_url")).status
        if status.leads == "server":
            return own_server.receipts(way.course, reply.message_uuid or "")
    outcome = checks.reply(way.course)
    if receipts:
        if outcome.kind == "wrong":
            return "broken", outcome.words, "Mend that, then send again."
        return "well", ", ".join(receipts.states)
    if outcome.kind in ("wrong", "cannot tell"):
        return "broken", outcome.words, "Put your own Status URL there."
    waited = int((datetime.now(UTC) - reply.received).total_seconds())
    if waited < _PATIENCE:
        return "not yet", f"No receipt after {waited} s.", f"Wait until {_PATIENCE} s have passed, then look again."
    return (
        "broken",
        f"No receipt came in {waited} s.",
        "Check that Status URL is set, and equals yours letter by letter.",
    )


def _when(moment: datetime) -> str:
    local, today = moment.astimezone(), datetime.now(UTC).astimezone().date()
    return f"at {local:%H:%M:%S}" if local.date() == today else f"on {local:%Y-%m-%d at %H:%M:%S}"


#: The hops on the way of a message, in its order: name, and the function that looks at it.
HOPS: tuple[tuple[str, Callable[[Evidence], Found]], ...] = (
    ("your receiver", _receiver),
    ("a call from here", _loopback),
    ("a call from outside", _public),
    ("it is this receiver", _this_one),
    ("both webhook URLs", _both),
    ("a call from Vonage", _anything),
    ("a message", _inbound),
    ("its signature", _signature),
    ("your answer", _reply),
    ("its receipts", _receipts),
)


def _hops(course: CourseContext) -> tuple[tuple[str, Callable[[Evidence], Found]], ...]:
    if course.settings.tunnel != "jupyter":
        return HOPS
    return (*HOPS[:2], ("your Jupyter server", _jupyter), *HOPS[2:])
