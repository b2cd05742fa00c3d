"""The conversation is the same in whatever order its webhooks arrive, however often, refused or replayed in between."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.exchanges import Exchange, page_of
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.recorder import Recorder
from nbhelpers.messages.inbound import GUIDE, TODAY, InboundMessage, MessageStatus
from nbhelpers.widgets.person import latest
from tests.support.labs import CLOCK

PAGE, PEOPLE = "107083064136738", ("7000000000000001", "7000000000000002")
WHEN = "2026-01-01T12:00:00.000Z"
LIVES = [
    (),
    ("submitted",),
    ("submitted", "delivered"),
    ("submitted", "delivered", "read"),
    ("submitted", "rejected"),
    ("undeliverable",),
]
# How one webhook may come: as the service sends it, once or again; refused; sent again by us, as it was or edited.
ACCEPTED, REFUSED, BUSY, REPLAYED, EDITED = "accepted", "refused", "busy", "replayed", "edited"
_ANSWERS = {REFUSED: 401, BUSY: 503}
_ORIGINS = {REPLAYED: "replay", EDITED: "edited"}

Arrival = Delivery | dict[str, Any]  # a webhook, or a reply that is stored


def arrival(body: dict[str, Any], path: str, how: str) -> Delivery:
    if how == EDITED:
        body = body | {"edited": True} if "status" in body else {**body, **_said(body, "Edited by us")}
    verdict = "wrong" if how == REFUSED else "signed"
    origin, answer = _ORIGINS.get(how, "wire"), _ANSWERS.get(how, 200)
    return Delivery("POST", path, (), json.dumps(body).encode(), answer, verdict, origin=origin)


def _said(body: dict[str, Any], text: str) -> dict[str, Any]:
    return {"text": text} if "text" in body else {"message": {"content": {"type": "text", "text": text}}}


@st.composite
def copies(draw: st.DrawFn, body: dict[str, Any], path: str) -> list[Arrival]:
    """One webhook, as often and as it may come: taken once at least, or only refused."""
    if draw(st.integers(0, 9)) == 0:
        ways = draw(st.lists(st.sampled_from([REFUSED, BUSY, REPLAYED]), min_size=1, max_size=3))
    else:
        others = st.sampled_from([ACCEPTED, REFUSED, BUSY, REPLAYED, EDITED])
        ways = [ACCEPTED, *draw(st.lists(others, max_size=3))]
    return [arrival(body, path, how) for how in ways]


@st.composite
def stories(draw: st.DrawFn) -> list[Arrival]:
    """What happens between two people and a Page: messages, replies, receipts, each as its webhooks come."""
    told: list[Arrival] = []
    for number in range(draw(st.integers(1, 6))):
        person, shape = draw(st.sampled_from(PEOPLE)), draw(st.sampled_from([GUIDE, TODAY]))
        uuid = f"00000000-0000-4000-8000-{number:012}"
        if draw(st.booleans()):
            known = draw(st.integers(0, 4)) > 0  # the guide's own example has a uuid; not everything must have one
            content = {"text": draw(st.text(min_size=1, max_size=20))}
            message = InboundMessage(uuid if known else None, person, PAGE, "text", content, WHEN)
            told += draw(copies(message.body(shape) | {"number": number}, "/webhooks/inbound"))
            continue
        life = draw(st.sampled_from(LIVES))
        if draw(st.integers(0, 4)) or not life:  # else it was sent by hand, and its receipts alone are known
            told.append({"message_uuid": uuid, "psid": person, "page_id": PAGE, "text": f"Answer {number}"})
        for status in life:
            stated = MessageStatus(message_uuid=uuid, status=status, psid=person, page_id=PAGE, timestamp=WHEN)
            path = draw(st.sampled_from(["/webhooks/status", "/webhooks/inbound"]))  # to the wrong one, too
            told += draw(copies(stated.body(shape), path))
    return told


async def take(inbox: Inbox, arrivals: Sequence[Arrival], at_once: int) -> None:
    """Record all of it as the receiver and the client do, so many at once."""
    recorder = Recorder(inbox)
    try:
        for first in range(0, len(arrivals), at_once):
            some = arrivals[first : first + at_once]
            await asyncio.gather(
                *(recorder.record(each) for each in some if isinstance(each, Delivery)),
                *(asyncio.to_thread(_store, inbox, each) for each in some if isinstance(each, dict)),
            )
    finally:
        recorder.close()


def _store(inbox: Inbox, reply: dict[str, Any]) -> None:
    body = {"to": reply["psid"], "from": PAGE, "channel": "messenger", "message_type": "text", "text": reply["text"]}
    inbox.sent("v1", body, message_type="text", **reply)


def shown(exchange: Exchange) -> tuple[Any, ...]:
    """What a person sees of an exchange, times left out: in them the orders of arrival do differ."""
    head, by_hand = exchange.head, exchange.head.kind == "status"
    events = [*exchange.statuses, *([] if by_hand else [head])]
    counts = sorted((each.kind, each.status or "", each.deliveries, each.trusted) for each in events)
    body = None if by_hand else json.dumps(head.json, sort_keys=True)
    stands = re.sub(CLOCK, "", latest(events)) if exchange.outbound else ""
    name = exchange.key if head.message_uuid else ""
    return (name, by_hand, head.psid or "", head.page_id or "", head.text or "", body or "", stands, counts)


def conversation(inbox: Inbox, person: str) -> list[tuple[Any, ...]]:
    page = page_of(inbox, size=1000, person=person)
    assert page.before is None
    return sorted(map(shown, page.exchanges))


def read(folder: Path, arrivals: Sequence[Arrival], at_once: int) -> tuple[list[Any], list[Any]]:
    """What the two conversations show, and what they show when all events are built anew."""
    inbox = Inbox(folder / "lab.sqlite3")
    try:
        asyncio.run(take(inbox, arrivals, at_once))
        told = [conversation(inbox, person) for person in PEOPLE]
        inbox.rebuild()
        return told, [conversation(inbox, person) for person in PEOPLE]
    finally:
        inbox.close()


@pytest.mark.timeout(400)
@settings(max_examples=200, deadline=None)
@given(stories().flatmap(lambda told: st.tuples(st.just(told), st.permutations(told))), st.integers(1, 12))
def test_the_conversation_is_the_same_whatever_the_order_of_arrival(
    orders: tuple[list[Arrival], list[Arrival]], at_once: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told, built = read(Path(folder) / "a", orders[0], 1)
        other, other_built = read(Path(folder) / "b", orders[1], at_once)
    assert told == other
    assert told == built
    assert other == other_built
