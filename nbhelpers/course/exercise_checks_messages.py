"""The checks of the exercises of steps 6 and 7: what comes in, and what becomes of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from nbhelpers.auth.tokens import Token
from nbhelpers.course.actions import ActionResult
from nbhelpers.course.context import CourseContext
from nbhelpers.course.exercise_checks import Verdict, answer_of, facts_of, page_named, reason_of, says, yours
from nbhelpers.course.outcome import in_hand
from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Event, Receipts, one_line
from nbhelpers.messages.inbound import GUIDE, TODAY, InboundMessage, MessageStatus

__all__ = ["CHECKS"]

_MOMENT = 5.0  # seconds that a receipt may take on loopback
_READ = 2.0  # the same for one that comes only if somebody has looked
_NO_SENDER, _TOO_LATE = "1120", "1340"  # codes of a receipt: no Page of the caller's; outside of the window
_KINDS = {"text": "a text", "image": "a picture", "unsupported": "a message of a type that is not supported"}
_SHAPES = {GUIDE: "the guide's shape", TODAY: "today's shape"}


# 6: receive


def _ids(course: CourseContext, ids: Any) -> Verdict:
    if not callable(ids):
        return says("no_function", seen=in_hand(ids))
    newest = course.inbox.newest_message()
    psid, page_id = (newest.psid, newest.page_id) if newest else ("1" * 16, yours(course)["id"])
    for kind, what in _KINDS.items():
        url = "https://example.com/bread.jpg" if kind == "image" else None
        message = InboundMessage("6-1", psid, page_id, kind, "Hello!" if kind == "text" else None, url)
        for shape, named in _SHAPES.items():
            seen = {"event": f"{what} in {named}", "sender": psid, "to": page_id}
            try:
                given = ids(json.loads(json.dumps(message.body(shape))))
            except Exception as error:  # noqa: BLE001 - the learner's function may raise anything, and that is the answer
                return says("raised", error=f"{type(error).__name__}: {one_line(str(error), 100)}", **seen)
            if given is None:
                return says("empty")
            if not isinstance(given, tuple | list) or list(given) != [psid, page_id]:
                return says("returned", seen=_shown(given), **seen)
    return says("six")


def _shown(given: Any) -> str:
    if isinstance(given, tuple | list):
        return "(" + ", ".join(in_hand(each) for each in given[:3]) + (", …)" if len(given) > 3 else ")")
    return in_hand(given)


def _two_pages(course: CourseContext, there: Any, here: Any) -> Verdict:
    found = {}
    for name, given in (("there", there), ("here", here)):
        known = _known(course, given.psid) if isinstance(given, ActionResult) and given.message_uuid else None
        if known is None:
            return says("no_message", name=name, seen=in_hand(given))
        found[name] = known
    linked = next((page["name"] for page in course.control.pages() if page["id"] == course.facts.get("page_id")), None)
    if linked is not None and linked != course.facts.get("page_name"):
        return says("other_counts", page=course.facts.get("page_name"), mine=linked)
    mine, (other, writer), (page, person) = yours(course)["name"], found["there"], found["here"]
    if writer != person:
        return says("two_people", there=writer, here=person)
    if page == other:
        return says("same", page=page, person=person, psid=here.psid)
    for name, given in ((other, there), (page, here)):
        if not given.passed_on or (page_named(course, name) or {}).get("application_id") is None:
            return says("not_linked", page=name)
    if page != mine:
        return says("not_mine", page=page, mine=mine)
    return says("two", person=person, here=here.psid, there=there.psid, mine=page, other=other)


def _known(course: CourseContext, psid: str | None) -> tuple[str, str] | None:
    """Return the Page on which somebody has this PSID, and their name."""
    for page in course.control.pages():
        for person in page["people"]:
            if person["psid"] == psid:
                return page["name"], person["name"]
    return None


# 7: reply


def _turned(course: CourseContext, turned: Any, who: Any) -> Verdict:
    if not isinstance(turned, requests.Response):
        return says("no_answer", seen=in_hand(turned))
    body = _posted(turned)
    sender = _id(body.get("from"))
    if sender is None:
        return says("no_message", seen=one_line(json.dumps(body), 200))
    if turned.status_code == requests.codes.unauthorized:
        return says("not_believed")
    if sender in [page["id"] for page in course.control.pages()]:
        return says("right_way", sender=sender, status=turned.status_code)
    if _known(course, sender) is None:
        return says("not_yours", sender=one_line(sender))
    said = who.strip().lower() if isinstance(who, str) else who
    if said == "page":
        return says("not_page", sender=sender)
    if said != "person":
        return says("neither", seen=in_hand(who))
    return _refused_for_its_sender(course, turned, sender)


def _refused_for_its_sender(course: CourseContext, turned: requests.Response, sender: str) -> Verdict:
    """Say whether the sender was refused: at once, or by a receipt where the switch unlinked_page says so."""
    status, body = turned.status_code, (answer_of(turned) or (None, {}))[1]
    if status != requests.codes.accepted:
        named = [each.get("name") for each in body.get("invalid_parameters") or [] if isinstance(each, dict)]
        if "from.id" in named or str(body.get("type")).endswith("#1120"):
            return says("refused", status=status, sender=sender)
        path = one_line(str(urlsplit(turned.request.url or "").path))
        return says("other_reason", path=path, status=status, reason=reason_of(body))
    refused = _refused(_receipts(course, str(body.get("message_uuid")), "delivered", _MOMENT))
    if refused is None:
        return says("no_status", status=status)
    code, text = refused
    if code != _NO_SENDER:
        return says("refused_otherwise", name="turned", code=code, text=text)
    return says("refused_later", status=status, code=code, text=text, sender=sender)


def _too_early_too_late(course: CourseContext, early: Any, late: Any) -> Verdict:
    known = [person["psid"] for person in yours(course)["people"]]
    seen: dict[str, str] = {}
    for name, given in (("early", early), ("late", late)):
        answer = answer_of(given)
        if answer is None:
            return says("no_answer", name=name, seen=in_hand(given))
        uuid = answer[1].get("message_uuid")
        if not isinstance(uuid, str):
            return says("not_accepted", name=name, status=answer[0] or "", reason=reason_of(answer[1]))
        receipts = _receipts(course, uuid, "delivered", _MOMENT)
        psid = next((event.psid for event in receipts), None)
        if name == "early" and psid in known:
            return says("early_known", psid=psid)
        if name == "late" and receipts and psid not in known:
            return says("late_stranger", psid=one_line(psid))
        if "delivered" in receipts.states:
            return says("one_more" if _one_more(course, name) else "delivered", name=name, psid=psid)
        refused = _refused(receipts)
        if refused is None:
            return says("no_status", name=name)
        seen |= {f"{name}_code": refused[0], f"{name}_text": refused[1]}
    if seen["late_code"] != _TOO_LATE:
        return says("refused_otherwise", name="late", code=seen["late_code"], text=seen["late_text"])
    return says("twice", **seen)


def _one_more(course: CourseContext, name: str) -> bool:
    """Say whether a message a day later may have been the one more that Facebook took until 2020."""
    return name == "late" and {each["name"]: each["value"] for each in course.control.switches()}["window"] == "24+1"


def _without_the_kit(course: CourseContext, token: Any, psid: Any, answer: Any) -> Verdict:
    if isinstance(token, Token):
        return says("kit_token")
    if facts_of(token) is None:
        return says("no_token", seen=in_hand(token))
    newest = course.inbox.newest_message()
    if newest is None or psid != newest.psid:
        return says("other_person", seen=in_hand(psid), psid=newest.psid if newest else "(nobody)")
    if isinstance(answer, ActionResult):
        return says("kit_reply")
    if not isinstance(answer, requests.Response):
        return says("no_answer", seen=in_hand(answer))
    path = urlsplit(answer.request.url or "").path
    if path != "/v1/messages":
        return says("other_address", path=one_line(str(path)))
    if answer.request.headers.get("Authorization") != f"Bearer {token}":
        return says("other_token")
    uuid = (answer_of(answer) or (None, {}))[1].get("message_uuid")
    if not isinstance(uuid, str):
        return says("not_accepted", status=answer.status_code, reason=reason_of((answer_of(answer) or (None, {}))[1]))
    if (to := _id(_posted(answer).get("to"))) != psid:
        return says("other_recipient", seen=one_line(to), psid=psid)
    return _how_far(course, uuid)


def _how_far(course: CourseContext, uuid: str) -> Verdict:
    receipts = _receipts(course, uuid, "delivered", _MOMENT)
    if refused := _refused(receipts):
        return says("refused", code=refused[0], text=refused[1])
    receipts = _receipts(course, uuid, "read", _READ) if receipts else receipts
    clocks = {event.status: _clock(event) for event in receipts}
    if "read" in clocks:
        return says("read", clock=clocks["read"])
    return says("not_read", clock=clocks["delivered"]) if "delivered" in clocks else says("no_status")


def _receipts(course: CourseContext, uuid: str, status: str, seconds: float) -> Receipts:
    try:
        return course.inbox.wait_for_receipt(uuid, status, timeout=seconds)
    except InboxError:  # not in time: what has come so far
        return course.inbox.receipts(uuid)


def _refused(receipts: Receipts) -> tuple[str, str] | None:
    """Return code and words of the receipt that says no."""
    for event in receipts:
        if isinstance(message := event.message, MessageStatus) and message.error_code:
            return one_line(message.error_code), one_line(message.error_text, 100)
    return None


def _clock(event: Event) -> str:
    return f"{event.received.astimezone():%H:%M:%S}"


def _posted(answer: requests.Response) -> dict[str, Any]:
    """Return the JSON that a call carried."""
    try:
        body = json.loads(answer.request.body or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _id(value: Any) -> str | None:
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


#: The check of each exercise of steps 6 and 7, by its number.
CHECKS: dict[str, Callable[..., Verdict]] = {
    "6.1": _ids,
    "6.2": _two_pages,
    "7.1": _turned,
    "7.2": _too_early_too_late,
    "7.3": _without_the_kit,
}
