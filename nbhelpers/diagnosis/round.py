"""Reads the round of a message from deliveries and the simulator's record: who called whom, and what came of it."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from nbhelpers.course.context import CourseContext
from nbhelpers.diagnosis.exchanged import api_refusal, exchanged_by, sent_by, webhook_refusal
from nbhelpers.diagnosis.sequence import Arrow, Round
from nbhelpers.errors import cure_for
from nbhelpers.inbox.events import Delivery, Event, event_of, one_line
from nbhelpers.messages.inbound import MessageStatus, Unreadable, moment_of, read

__all__ = ["RoundReader"]

_MOST, _MESSAGES = 60, 24  # arrows that are shown, and messages whose arrows these are: the newest
_LATELY, _LOOK_BACK = 100, 400  # deliveries that are looked at: for all of lately, for one message
_ENDED = ("rejected", "undeliverable")
_NEAR = 0.25  # seconds between a call as the simulator dates it and the delivery it made, at most


class RoundReader:
    """Reads rounds of one course. It remembers when it saw each delivery, which is when the notebook knew of it."""

    def __init__(self, course: CourseContext) -> None:
        self._course = course
        newest = course.inbox.deliveries(limit=1)
        self._before = (newest[0].id or 0) if newest else 0  # deliveries that came before anybody looked
        self._seen: dict[int, float] = {}
        self._told: dict[int, dict[str, Any] | None] = {}  # by delivery: what it tells of, which does not change

    def read(self, uuid: str | None = None, lately: float = 60.0) -> Round:
        """Return the round of one message, or of all of the last so many seconds."""
        deliveries = self._deliveries(uuid, lately)
        sent = [
            each for each in self._course.inbox.events("reply", uuid=uuid, limit=50) if uuid or _is_late(each, lately)
        ]
        if self._course.simulated:
            record = self._course.control.record(uuid, lately)
        else:
            record = {"messages": [], "webhooks": [], "calls": []}
        told = [(each, self._told.get(each.id or 0) or event_of(each)) for each in deliveries]
        self._told = {each.id or 0: event for each, event in told}
        arrows = _Arrows(self._course, record, told, sent, self._seen).all()
        return _round(arrows, record, uuid)

    def mark(self) -> object:
        """Return what differs as soon as anything has happened that only the simulator knows; cheap to ask."""
        return self._course.control.record_mark() if self._course.simulated else None

    def _deliveries(self, uuid: str | None, lately: float) -> list[Delivery]:
        since = datetime.now(UTC) - timedelta(seconds=lately)
        found = []
        for each in self._course.inbox.deliveries(limit=_LOOK_BACK if uuid else _LATELY):
            if (each.id or 0) > self._before:
                self._seen.setdefault(each.id or 0, time.time())
            about = uuid.encode() in each.body if uuid else each.received >= since
            if about and each.origin != "doctor":
                found.append(each)
        return found


class _Arrows:
    """Puts the arrows together, message by message; each message's are in the order of cause and effect."""

    def __init__(
        self,
        course: CourseContext,
        record: Mapping[str, list[dict[str, Any]]],
        deliveries: list[tuple[Delivery, dict[str, Any] | None]],
        sent: list[Event],
        seen: Mapping[int, float],
    ) -> None:
        self._course, self._record, self._seen = course, record, seen
        self._sent = {each.message_uuid: each for each in sent}
        self._tunnel = not course.simulated and course.is_public
        self._told: dict[tuple[str | None, str], list[Delivery]] = {}
        for each, event in deliveries:
            if event is not None:
                self._told.setdefault((event["message_uuid"], event["status"] or "inbound"), []).append(each)
        self._odd = [each for each, event in deliveries if event is None]

    def all(self) -> list[Arrow]:
        """Return every arrow, oldest first."""
        arrows: list[Arrow] = []
        messages = {each["uuid"]: each for each in self._record["messages"]}
        uuids = dict.fromkeys([*messages, *(uuid for uuid, _ in self._told), *self._sent])
        for uuid in list(uuids)[-_MESSAGES:]:
            arrows += _in_order(self._of(uuid, messages.get(uuid)))
        for call in self._record["calls"]:
            if call["way"] == "api" and call["uuid"] is None:
                arrows.append(self._asked(call))
        arrows += [self._arrived(each, "odd") for each in self._odd]
        return sorted(arrows, key=lambda arrow: arrow.at)[-_MOST:]

    def _of(self, uuid: str | None, message: dict[str, Any] | None) -> list[Arrow]:
        statuses = [status for known, status in self._told if known == uuid]
        statuses += [each["kind"] for each in self._record["webhooks"] if each["uuid"] == uuid]
        if "inbound" in statuses or (message and message["way"] == "in"):
            return [*self._written(uuid, message), *self._webhook(uuid, "inbound")]
        arrows = self._reply(uuid)
        for status in dict.fromkeys(statuses):
            arrows += [*self._happened(uuid, status, message), *self._webhook(uuid, status)]
        return arrows

    # The person writes

    def _written(self, uuid: str | None, message: dict[str, Any] | None) -> list[Arrow]:
        if message is not None:
            said, at = read(message["body"]), message["at"]
        else:
            first = self._told[uuid, "inbound"][0]
            said = read(first.body)
            moment = None if isinstance(said, Unreadable) else moment_of(said.timestamp)
            at = min(moment or first.received, first.received).timestamp()
        label = _quoted(said)
        arrows = [Arrow(f"{uuid} wrote", at, "person", "messenger", label, seen=message is not None)]
        queued = next((each for each in self._record["webhooks"] if each["uuid"] == uuid), None)
        onward = Arrow(f"{uuid} on", at, "messenger", "api", "passes it on", seen=message is not None)
        if message is not None and queued is None and message["state"] == "kept":
            why = "This Page is linked to no application. Next: link it, step 4."
            onward = replace(onward, label="keeps it", state="refused", why=why)
        elif queued is not None:
            onward = replace(onward, at=max(at, queued["at"]))
        return [*arrows, onward]

    # You answer

    def _reply(self, uuid: str | None) -> list[Arrow]:
        asked = [self._asked(each) for each in self._record["calls"] if each["way"] == "api" and each["uuid"] == uuid]
        event = self._sent.get(uuid)
        if asked or event is None:
            return asked
        look = functools.partial(sent_by, event, self._course.host)
        at = event.received.timestamp()
        return [Arrow(f"{uuid} sent", at, "notebook", "api", f"POST {event.path}", "202", look=look)]

    def _asked(self, call: dict[str, Any]) -> Arrow:
        good = 200 <= call["status"] < 300
        host, simulated = self._course.host, self._course.simulated
        return Arrow(
            f"asked {call['id']}",
            call["at"],
            "notebook",
            "api",
            f"{call['method']} {one_line(call['url'], 80)}",
            str(call["status"]),
            call["seconds"] * 1000,
            state="ok" if good else "refused",
            why="" if good else api_refusal(call),
            look=functools.partial(exchanged_by, call, None, host, simulated, asked=True),
        )

    def _happened(self, uuid: str | None, status: str, message: dict[str, Any] | None) -> list[Arrow]:
        """Show what a receipt tells of: the message goes on, lands, is read or is refused."""
        bodies = [each.body for each in self._told.get((uuid, status), [])]
        bodies += [each["body"].encode() for each in self._tries(uuid, status)]
        said = next((each for each in map(read, bodies) if isinstance(each, MessageStatus)), None)
        if said is None:  # not tried yet
            return []
        moment = moment_of(said.timestamp)
        at = moment.timestamp() if moment else 0.0
        seen, key = message is not None, f"{uuid} {status} happened"
        text = _quoted(read(message["body"])) if message else self._text_of(uuid)
        if status == "submitted":
            return [Arrow(key, at, "api", "messenger", text, seen=seen)]
        if status == "delivered":
            return [Arrow(key, at, "messenger", "person", "lands on the phone", seen=seen)]
        if status == "read":
            return [Arrow(key, at, "person", "messenger", "reads it", seen=seen)]
        if status not in _ENDED:
            return []
        cure = cure_for("status", said.error_code)
        told = f"{one_line(said.error_code)} {one_line(said.error_text, 120)}." if said.error_code else ""
        why = f"{told} Next: {cure.next}" if cure else told
        return [Arrow(key, at, "api", "messenger", text, status, state="refused", seen=seen, why=why.strip())]

    def _text_of(self, uuid: str | None) -> str:
        event = self._sent.get(uuid)
        return f"“{one_line(event.text, 40)}”" if event and event.text else "your answer"

    # A webhook

    def _tries(self, uuid: str | None, kind: str) -> list[dict[str, Any]]:
        calls = (each for each in self._record["calls"] if each["way"] == "webhook")
        return [each for each in calls if (each["uuid"], each["kind"]) == (uuid, kind)]

    def _webhook(self, uuid: str | None, kind: str) -> list[Arrow]:
        row = next((each for each in self._record["webhooks"] if (each["uuid"], each["kind"]) == (uuid, kind)), None)
        deliveries = list(self._told.get((uuid, kind), []))
        arrows: list[Arrow] = []
        tries = self._tries(uuid, kind)
        for number, call in enumerate(tries, 1):
            made = next((each for each in deliveries if _belongs(each, call)), None)
            if made is not None:
                deliveries.remove(made)
            arrow = self._tried(call, made, number)
            if number == len(tries) and row is not None and row["outcome"] is None and arrow.state == "refused":
                again = datetime.fromtimestamp(row["due"]).astimezone()
                arrow = replace(arrow, why=f"{arrow.why} It tries again at {again:%H:%M:%S}.".strip())
            arrows += [arrow, *self._known(made)]
        for each in deliveries:  # of a service that keeps no record for us, of one that was started anew, or a replay
            arrows += [*self._arrives(each, f"{uuid} {kind}"), *self._known(each)]
        if row is not None and not tries and row["outcome"] is None and row["held"]:
            why = "No webhook URL is set, so it waits. Next: save both URLs, step 5."
            waits = Arrow(f"webhook {row['id']} waits", row["at"], "api", "receiver", kind, state="waiting", why=why)
            arrows.append(waits)
        return arrows

    def _tried(self, call: dict[str, Any], made: Delivery | None, number: int) -> Arrow:
        good = 200 <= call["status"] < 300
        path = urlsplit(call["url"]).path
        again = "" if number == 1 else f" (try {number})"
        return Arrow(
            f"call {call['id']}",
            call["at"],
            "api",
            "receiver",
            f"{call['method']} {one_line(path, 60)}{again}{_doubt(made)}",
            str(call["status"]) if call["status"] else "no answer",
            call["seconds"] * 1000,
            state="ok" if good else "refused",
            why="" if good else webhook_refusal(call["status"], call["answer_body"], call["words"]),
            look=functools.partial(exchanged_by, call, made, "", self._course.simulated),
        )

    def _arrives(self, delivery: Delivery, key: str) -> list[Arrow]:
        arrow = self._arrived(delivery, key)
        if arrow.source != "tunnel":
            return [arrow]
        # Between the service and the tunnel nobody of ours stands.
        outside = replace(arrow, key=f"{arrow.key} outside", source="api", target="tunnel", seen=False, result="")
        return [replace(outside, state="ok", why="", look=None), arrow]

    def _arrived(self, delivery: Delivery, key: str) -> Arrow:
        known = urlsplit((self._course.facts.get("receiver") or {}).get("inbound_url", "http://127.0.0.1"))
        base = f"{known.scheme}://{known.netloc}"
        own = delivery.origin in ("replay", "edited")
        good = 200 <= delivery.answer < 300
        label = f"{one_line(delivery.method, 10)} {one_line(urlsplit(delivery.path).path, 60)}"
        return Arrow(
            f"{key} delivery {delivery.id}",
            delivery.received.timestamp(),
            "notebook" if own else "tunnel" if self._tunnel else "api",
            "receiver",
            f"{label} ({delivery.origin})" if own else f"{label}{_doubt(delivery)}",
            str(delivery.answer),
            state="ok" if good else "refused",
            why="" if good else webhook_refusal(delivery.answer, "", delivery.why),
            look=functools.partial(exchanged_by, None, delivery, base, self._course.simulated),
        )

    def _known(self, delivery: Delivery | None) -> list[Arrow]:
        """Show that the inbox has it, so that the notebook knows."""
        if delivery is None or not delivery.trusted:
            return []
        said = read(delivery.body)
        label = f"{said.status} is known" if isinstance(said, MessageStatus) else "inbox: the PSID is known"
        at, seen = delivery.received.timestamp(), self._seen.get(delivery.id or 0)
        took = None if seen is None else max(0.1, (seen - at) * 1000)
        return [Arrow(f"known {delivery.id}", at, "receiver", "notebook", label, took=took)]


def _round(arrows: list[Arrow], record: Mapping[str, list[dict[str, Any]]], uuid: str | None) -> Round:
    names = dict.fromkeys(each["name"] for each in record["messages"] if each["name"])
    used = {end for arrow in arrows for end in (arrow.source, arrow.target)}
    person = next(iter(names)) if len(names) == 1 else "people" if names else "the person"
    lifelines = {"person": one_line(person, 40), "messenger": "Messenger", "api": "Messages API"}
    if "tunnel" in used:
        lifelines["tunnel"] = "tunnel"
    lifelines |= {"receiver": "receiver", "notebook": "your notebook"}
    # Neither a drawing nor Mermaid has a type for code: the marks around it would show.
    plain = tuple(replace(arrow, why=arrow.why.replace("`", "")) for arrow in arrows)
    return Round(lifelines, plain, _summary(arrows, uuid))


def _summary(arrows: list[Arrow], uuid: str | None) -> str:
    if not arrows:
        return "Nothing has happened to this message." if uuid else "Nothing has happened in the last minute."
    refused = [arrow for arrow in arrows if arrow.state == "refused"]
    hops = f"{len(arrows)} hop{'' if len(arrows) == 1 else 's'}"
    if refused:
        return f"{hops}; refused: {refused[-1].words}." if uuid else f"{hops}, {len(refused)} of them refused."
    if uuid is not None and len(arrows) > 1:
        # An answer may end after the hops that it led to.
        span = (max(arrow.at + (arrow.took or 0) / 1000 for arrow in arrows) - arrows[0].at) * 1000
        return f"{hops} in {span / 1000:.1f} s." if span >= 1000 else f"{hops} in {span:.0f} ms."
    return f"{hops}."


def _in_order(arrows: list[Arrow]) -> list[Arrow]:
    """Let no effect stand before its cause: clocks of two processes differ by a little."""
    ordered: list[Arrow] = []
    for arrow in arrows:
        at = max(arrow.at, ordered[-1].at + 1e-6) if ordered else arrow.at
        ordered.append(replace(arrow, at=at))
    return ordered


def _is_late(event: Event, lately: float) -> bool:
    return event.received >= datetime.now(UTC) - timedelta(seconds=lately)


def _belongs(delivery: Delivery, call: dict[str, Any]) -> bool:
    at = delivery.received.timestamp()
    return (
        delivery.origin == "wire"
        and call["status"] != 0
        and call["at"] - _NEAR <= at <= call["at"] + call["seconds"] + _NEAR
    )


def _doubt(delivery: Delivery | None) -> str:
    words = {"wrong": ", signature wrong", "unsigned": ", unsigned"}
    return words.get(delivery.verdict, "") if delivery else ""


def _quoted(said: Any) -> str:
    if isinstance(said, Unreadable):
        return "a message"
    text = getattr(said, "text", None)
    return f"“{one_line(text, 40)}”" if text is not None else f"({one_line(getattr(said, 'kind', 'a message'))})"
