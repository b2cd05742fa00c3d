"""What a learner's program does that may be killed at any moment: it replies, and never sends a reply twice."""

from __future__ import annotations

import json
import time
from pathlib import Path

from nbhelpers import Lab
from nbhelpers.errors import ApiError, InboxError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.messages.outbound import OutboundMessage

__all__ = ["name_of", "reply_to_all", "send_what_never_went", "told"]

LOOK = 0.01  # seconds


def name_of(number: int) -> str:
    """Return the `client_ref` of a reply: it comes back with each of its receipts."""
    return f"reply-{number}"


def told(inbox: Inbox, kind: str) -> list[str]:
    """Return the `client_ref` of each event of this kind."""
    found = [json.loads(event.body).get("client_ref") for event in inbox.events(kind)]
    return [each for each in found if each is not None]


def reply_to_all(lab: Lab, total: int, allowed: Path) -> None:
    """Send every reply that was not tried yet, as far as the number in the file `allowed` goes.

    Before each it is written down that it is tried. Whoever finds one that was tried and neither stored nor refused
    does not know whether it went, and does not send it again: its receipts will tell.
    """
    tried = lab.facts.get("tried", -1)
    if tried >= 0 and name_of(tried) not in told(lab.inbox, "reply"):
        _doubt(lab, tried)
    event = lab.inbox.wait_for_message(timeout=60)
    for number in range(tried + 1, total):
        while int(allowed.read_text() or 0) <= number:
            time.sleep(LOOK)
        _send(lab, number, event.psid, event.page_id)


def send_what_never_went(lab: Lab) -> int:
    """Send the doubtful ones of which no receipt came, once every receipt has come; return how many those were."""
    event, receipts = lab.inbox.newest_message(), set(told(lab.inbox, "status"))
    never = [number for number in lab.facts.get("doubtful", []) if name_of(number) not in receipts]
    lab.note(doubtful=[])
    for number in never:
        _send(lab, number, event.psid, event.page_id)
    return len(never)


def _send(lab: Lab, number: int, psid: str, page_id: str) -> None:
    lab.note(tried=max(number, lab.facts.get("tried", -1)))
    message = OutboundMessage(page_id, psid, f"This is reply {number}.", client_ref=name_of(number))
    while True:
        try:
            lab.client.send(message, "v1")
            return
        except InboxError:  # it went, and only the inbox does not have it
            return
        except ApiError as error:
            if error.code != "refused":  # it may have been taken: only its receipts can tell
                _doubt(lab, number)
                return
            time.sleep(LOOK)  # nobody was there, so nothing went


def _doubt(lab: Lab, number: int) -> None:
    lab.note(doubtful=sorted({*lab.facts.get("doubtful", []), number}))
