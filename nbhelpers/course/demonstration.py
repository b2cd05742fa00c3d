"""A conversation that plays by itself, for a room that watches: a person writes, is answered, and reads."""

from __future__ import annotations

import threading
import time

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import MessageError
from nbhelpers.messages.outbound import OutboundMessage

__all__ = ["LINES", "demonstrate"]

#: What the person writes, and what is answered.
LINES = (
    ("Do you have rye bread?", "Yes: baked this morning."),
    ("Until when are you open?", "Until six. We keep one for you, if you like."),
    ("Yes, please! Under the name of Ada.", "It is yours. See you later!"),
)
_ARRIVES = 5.0  # seconds that a webhook may take before the next line is played all the same


def demonstrate(course: CourseContext, ended: threading.Event, pause: float = 2.5) -> None:
    """Play the lines over and over until `ended`, with `pause` seconds between what happens.

    Every message and every answer is a real call to the simulator; in the other modes nothing is sent, since there are
    real people. Raises MessageError while there is no linked Page or no webhook URL, KitError when the simulator is
    gone, or an answer cannot be sent.
    """
    control = course.control  # in the other modes there is none, and it says so
    linked = any(page["application_id"] for page in control.pages())
    if not linked or not (course.demo or control.settings()["inbound_url"]):
        seen = "No webhook URL is saved." if linked else "No Page is linked."
        raise MessageError("The talk cannot play yet.", seen, 'Run `lab.catch_up("webhooks")`, then this cell again.')
    while True:
        for question, reply in LINES:
            said = control.write(text=question, page=course.facts.get("page_name"))
            until = time.monotonic() + _ARRIVES
            while not course.inbox.events("inbound", uuid=said["message_uuid"]) and time.monotonic() < until:
                if ended.wait(0.05):
                    return
            if ended.wait(pause):
                return
            client = course.identity(said["page_id"]).client(course.inbox, course.settings.api_version)
            client.send(OutboundMessage(said["page_id"], said["psid"], reply))
            if ended.wait(pause):
                return
            control.read(psid=said["psid"])
            if ended.wait(pause):
                return
