"""Asking the inbox costs the same however much has come, the rarest things included."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.inbox import newest
from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.exchanges import page_of
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.inbox.tables import VERSION, store
from tests.support.steps import steps_of

pytestmark = pytest.mark.fast


def came(path: str = "/webhooks/inbound", answer: int = 200, origin: str = "wire", **body: Any) -> Delivery:
    encoding = body.pop("body_as", "utf-8")
    sent = {"channel": "messenger", "from": "1", "to": "2"} | body
    return Delivery("POST", path, (), json.dumps(sent).encode(encoding), answer, origin=origin)


def message(text: str, **more: Any) -> Delivery:
    return came(**{"message_uuid": f"m {text}", "message_type": "text", "text": text, **more})


def receipt(uuid: str, status: str, **more: Any) -> Delivery:
    return came("/webhooks/status", message_uuid=uuid, status=status, **{"from": "2", "to": "1", **more})


def keep(inbox: Inbox, *deliveries: Delivery) -> None:
    inbox.database.write(lambda connection: [store(connection, each) for each in deliveries]).result(20)


def answered(inbox: Inbox, uuid: str, channel: str = "messenger") -> None:
    inbox.sent("v1", {"channel": channel}, uuid, psid="1", page_id="2", text="Hi", message_type="text")


QUESTIONS: dict[str, Callable[[Inbox], Any]] = {
    "the last hundred": lambda inbox: inbox.events(limit=10),
    "a conversation": lambda inbox: inbox.events(person="9", limit=10),
    "a conversation on a channel": lambda inbox: inbox.events(person="9", channel="messenger", limit=10),
    "a message": lambda inbox: inbox.events("inbound", uuid="m rare"),
    "replies": lambda inbox: inbox.events("reply", limit=10),
    "receipts": lambda inbox: inbox.receipts("r1"),
    "calls": lambda inbox: inbox.events("call", limit=10),
    "messages": lambda inbox: inbox.events("inbound", limit=10),
    "messages since": lambda inbox: inbox.events("inbound", after=5, channel="messenger", limit=10),
    "what is new": lambda inbox: inbox.events(after=inbox.revision()),
    "newest message": lambda inbox: inbox.newest_message(),
    "newest of one": lambda inbox: inbox.newest_message("9"),
    "newest on WhatsApp": lambda inbox: inbox.newest_message(channel="whatsapp"),
    "newest receipt": lambda inbox: inbox.newest_call("status"),
    "what else came": lambda inbox: inbox.beside(),
    "the last answer": lambda inbox: inbox.last_answer(),
    "the answer on Messenger": lambda inbox: inbox.last_answer("messenger"),
    "instead of a message": lambda inbox: inbox._elsewhere("viber_service"),
    "revision": lambda inbox: inbox.revision(),
    "repr": repr,
    "answers in the table": lambda inbox: page_of(inbox, kind="reply"),
    "calls in the table": lambda inbox: page_of(inbox, kind="call"),
    "deliveries": lambda inbox: inbox.deliveries(10),
}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """Each question's steps with little in the inbox, and with ten times as much behind the rare things."""
    inbox = Inbox(tmp_path_factory.mktemp("newest") / "lab.sqlite3")
    keep(
        inbox,
        message("rare", **{"from": "9"}),
        message("rare too", channel="whatsapp"),
        came(message_uuid=None, msisdn="44", to="45", messageId="1", text="Hi"),
        message("packed", body_as="utf-16"),
    )
    answered(inbox, "r1")
    keep(inbox, receipt("r1", "submitted"), receipt("r1", "delivered"))
    found: dict[str, list[int]] = {name: [] for name in QUESTIONS}
    for size in (200, 2000):
        keep(inbox, *(message(f"{size} {number}", **{"from": str(number % 50 + 100)}) for number in range(size)))
        for name, ask in QUESTIONS.items():
            found[name].append(steps_of(inbox, lambda ask=ask: ask(inbox)))
    inbox.close()
    return found


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_takes_no_more_steps_with_ten_times_as_much(counted: dict[str, list[int]], name: str) -> None:
    before, after = counted[name]
    assert 0 < after <= before * 1.2 + 100


def test_the_narrowest_condition_leads_and_the_others_are_hidden_from_the_planner() -> None:
    assert newest.conditions("inbound", "9", "u", 3, "sms", 7) == (
        [f"{newest.SAME_MESSAGE} = ?", "+psid = ?", "+revision > ?", "+kind = ?", "+channel = ?", "id < ?"],
        ["u", "9", 3, "inbound", "sms", 7],
    )
    assert newest.conditions(None, None, None, 0, None, None) == (["1"], [])


def test_the_last_answer_is_the_one_that_began_last(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "lab.sqlite3")
    assert inbox.last_answer() == []
    answered(inbox, "a")
    answered(inbox, "b")
    keep(inbox, receipt("b", "submitted"), receipt("a", "read"), message("later"))
    assert [(each.kind, each.message_uuid, each.status) for each in inbox.last_answer()] == [
        ("reply", "b", None),
        ("status", "b", "submitted"),
    ]
    keep(inbox, receipt("by hand", "submitted"), receipt("by hand", "read", answer=401), receipt("b", "delivered"))
    assert [(each.kind, each.status) for each in inbox.last_answer()] == [("status", "submitted")]
    answered(inbox, "w", "whatsapp")
    assert inbox.last_answer()[0].message_uuid == "w"
    assert inbox.last_answer("messenger")[0].message_uuid == "by hand"
    keep(inbox, receipt("only refused", "submitted", answer=401))
    assert inbox.last_answer()[0].message_uuid == "w"
    inbox.close()


def test_of_an_answer_by_hand_only_receipts_after_a_revision_count_and_of_ours_all(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "lab.sqlite3")
    answered(inbox, "ours")
    keep(inbox, receipt("by hand", "submitted"))
    moved = inbox.revision()
    assert [each.message_uuid for each in inbox.last_answer(after=moved)] == ["ours"]
    keep(inbox, receipt("by hand", "delivered"))
    assert [each.status for each in inbox.last_answer(after=moved)] == ["delivered"]
    inbox.close()


def test_what_came_last_from_outside_may_have_been_refused_but_is_never_ours(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "lab.sqlite3")
    assert inbox.newest_call("inbound") is None
    keep(inbox, message("taken"), message("refused", answer=401), message("replayed", origin="replay"))
    keep(inbox, message("elsewhere", channel="sms"))
    found = inbox.newest_call("inbound")
    assert found is not None
    assert (found.text, found.trusted) == ("refused", False)
    assert inbox.newest_call("inbound", after=found.revision) is None
    inbox.close()


def test_an_inbox_of_the_second_version_gets_the_indexes_and_keeps_its_events(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite3"
    inbox = Inbox(path)
    keep(inbox, message("kept"))
    inbox.close()
    old = sqlite3.connect(path)
    old.executescript("DROP INDEX events_kind; DROP INDEX events_beside; PRAGMA user_version = 2;")
    old.close()
    inbox = Inbox(path)
    assert [event.text for event in inbox.events("inbound")] == ["kept"]
    with inbox.database.reading() as connection:
        names = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    assert {"events_kind", "events_beside"} <= names
    inbox.close()
