"""Fills in a step that was not done, by doing it for real with sample values against the simulator."""

from __future__ import annotations

from datetime import datetime

import requests

from nbhelpers.auth.private_key import save_key
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import ServiceError

__all__ = ["application", "jwt", "link", "page", "receive", "reply", "webhooks"]

PAGE = "Corner Bakery"
HELLO = "Hello from Facebook Messenger!"  # the guide's own example
ANSWER = "Thank you! We open at seven."
_TIMEOUT = (3.05, 15.0)  # seconds: to connect, and to the answer


def page(course: CourseContext) -> str:
    """Make the Page."""
    made = course.control.create_page(course.facts.get("page_name") or PAGE)
    course.control.publish(made["name"], True)
    course.inbox.note(page_name=made["name"])
    return str(made["name"])


def application(course: CourseContext) -> str:
    """Register the guide's Voice application, and save its key and ID together."""
    addresses = {"answer_url": "http://example.com/answer", "event_url": "http://example.com/event"}
    webhooks = {which: {"address": address} for which, address in addresses.items()}
    form = {"name": "Filled in", "capabilities": {"voice": {"webhooks": webhooks}}}
    account = (course.settings.api_key or "", course.settings.api_secret or "")
    answer = requests.post(f"{course.host}/v2/applications", json=form, auth=account, timeout=_TIMEOUT)
    _expect(answer, 201)
    made = answer.json()
    path = course.settings.made_key_file
    if path.exists():  # it fits no application that is noted, but it is the learner's: nothing is lost
        path.rename(path.with_name(f"private-{datetime.now():%Y%m%d-%H%M%S-%f}.key"))  # noqa: DTZ005
    save_key(made["keys"]["private_key"], path)
    course.inbox.note(application_id=made["id"])
    return str(made["id"])


def jwt(course: CourseContext) -> str:
    """Mint a token and have the service believe it."""
    answer = requests.post(
        f"{course.host}/v0.1/messages",
        json={},
        headers={"Authorization": f"Bearer {course.identity().token()}"},
        timeout=_TIMEOUT,
    )
    _expect(answer, 400)  # believed, but there is no message
    course.inbox.note(jwt=True)
    return "jwt"


def link(course: CourseContext) -> str:
    """Link the Page by the form, and note its ID."""
    linked = course.control.link(course.identity().token(), course.facts["page_name"])
    course.inbox.note(page_id=linked["page_id"])
    return str(linked["page_id"])


def webhooks(course: CourseContext) -> str:
    """Start the receiver and save both addresses with POST."""
    urls = course.receiver().ready
    course.save_webhooks(urls["inbound_url"], urls["status_url"], "POST")
    return str(urls["inbound_url"])


def receive(course: CourseContext) -> str:
    """Let the person write, and wait for the message."""
    course.control.write(text=HELLO, page=course.facts["page_name"])
    return course.inbox.wait_for_message(timeout=20).message_uuid or ""


def reply(course: CourseContext) -> str:
    """Answer the person, and wait until they have read it."""
    event = course.inbox.newest_message()
    psid, page_id = (event.psid, event.page_id) if event else (None, None)
    uuid = course.answer(ANSWER, psid, page_id).message_uuid
    course.inbox.wait_for_receipt(uuid, "delivered")
    course.control.read(psid=psid)
    course.inbox.wait_for_receipt(uuid, "read")
    return course.inbox.last_answer()[0].message_uuid or uuid


def _expect(answer: requests.Response, status: int) -> None:
    if answer.status_code != status:
        raise ServiceError(
            "A step could not be filled in.",
            f"{answer.request.method} {answer.url} answered {answer.status_code}.",
            "`lab.reset()` sets everything aside and begins again.",
        )
