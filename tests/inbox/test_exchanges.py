"""Exchanges: messages joined with what belongs to them, a page at a time, and their export with ids as texts."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.inbox.events import Delivery
from nbhelpers.inbox.exchanges import Exchange, as_csv, as_json, changed, page_of
from nbhelpers.inbox.inbox import Inbox
from tests.support.labs import message

pytestmark = pytest.mark.fast


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = Inbox(tmp_path / "lab.sqlite3")
    yield made
    made.close()


def arrive(inbox: Inbox, body: dict[str, Any], path: str = "/webhooks/inbound") -> None:
    inbox.record(Delivery("POST", path, (), json.dumps(body).encode(), 200)).result()


def sent(inbox: Inbox, uuid: str, text: str = "Hello", psid: str = "100") -> None:
    inbox.sent("v1", {"text": text}, uuid, psid=psid, page_id="200", text=text, message_type="text")


def status(inbox: Inbox, uuid: str, state: str, psid: str = "100") -> None:
    ends = {"to": {"type": "messenger", "id": psid}, "from": {"type": "messenger", "id": "200"}}
    arrive(inbox, {"message_uuid": uuid, "status": state, **ends}, "/webhooks/status")


def told(exchanges: tuple[Exchange, ...]) -> list[tuple[str, str | None, list[str | None]]]:
    return [(each.head.kind, each.head.text, [one.status for one in each.statuses]) for each in exchanges]


def test_an_answer_and_its_receipts_are_one_exchange_and_the_newest_stands_first(inbox: Inbox) -> None:
    arrive(inbox, message(text="Rye?", uuid="in-1"))
    sent(inbox, "out-1", "At seven")
    status(inbox, "out-1", "submitted")
    status(inbox, "out-1", "delivered")
    page = page_of(inbox)
    assert told(page.exchanges) == [("reply", "At seven", ["submitted", "delivered"]), ("inbound", "Rye?", [])]
    assert page.before is None
    assert [each.outbound for each in page.exchanges] == [True, False]


def test_an_answer_that_was_sent_by_hand_is_known_by_its_receipts(inbox: Inbox) -> None:
    status(inbox, "by-hand", "submitted")
    status(inbox, "by-hand", "read")
    assert told(page_of(inbox).exchanges) == [("status", None, ["submitted", "read"])]


def test_a_page_is_as_long_as_asked_and_the_next_one_goes_on_where_it_ended(inbox: Inbox) -> None:
    for number in range(7):
        arrive(inbox, message(text=f"Message {number}", uuid=f"u-{number}"))
    first = page_of(inbox, size=3)
    assert [each.head.text for each in first.exchanges] == ["Message 6", "Message 5", "Message 4"]
    second = page_of(inbox, size=3, before=first.before)
    assert [each.head.text for each in second.exchanges] == ["Message 3", "Message 2", "Message 1"]
    third = page_of(inbox, size=3, before=second.before)
    assert [each.head.text for each in third.exchanges] == ["Message 0"]
    assert third.before is None


def test_it_is_looked_for_by_person_kind_and_text(inbox: Inbox) -> None:
    arrive(inbox, message(psid="1", text="Rye bread", uuid="a"))
    arrive(inbox, message(psid="2", text="White bread", uuid="b"))
    sent(inbox, "c", "Rye is out", psid="1")
    status(inbox, "d", "read", psid="2")
    inbox.record(Delivery("GET", "/webhooks/inbound?hub.challenge=1&hub.mode=subscribe", (), b"", 405)).result()

    def found(**wanted: str) -> list[str | None]:
        return [each.head.message_uuid for each in page_of(inbox, **wanted).exchanges]

    assert found(person="1") == ["c", "a"]
    assert found(text="rye") == ["c", "a"]
    assert found(text="rye", person="2") == []
    assert found(kind="inbound") == ["b", "a"]
    assert found(kind="reply") == ["d", "c"]
    assert [each.head.kind for each in page_of(inbox, kind="call").exchanges] == ["call"]


def test_what_has_changed_is_told_with_all_that_belongs_to_it(inbox: Inbox) -> None:
    arrive(inbox, message(uuid="in-1"))
    sent(inbox, "out-1")
    before = inbox.revision()
    status(inbox, "out-1", "submitted")
    arrive(inbox, message(uuid="in-2", text="New"))
    news = changed(inbox, inbox.events(after=before))
    assert told(tuple(news)) == [("reply", "Hello", ["submitted"]), ("inbound", "New", [])]
    assert len({each.key for each in news}) == 2


def test_a_receipt_gives_its_answer_no_other_place(inbox: Inbox) -> None:
    sent(inbox, "out-1")
    arrive(inbox, message(uuid="in-1", text="Later"))
    status(inbox, "out-1", "delivered")
    assert [each.head.text for each in page_of(inbox).exchanges] == ["Later", "Hello"]


def test_a_message_in_and_one_out_under_the_same_uuid_are_two(inbox: Inbox) -> None:
    arrive(inbox, message(uuid="same"))
    sent(inbox, "same")
    assert len(page_of(inbox).exchanges) == 2


def test_as_json_ids_are_texts_and_bodies_as_they_came(inbox: Inbox) -> None:
    arrive(inbox, message(psid="5643442791834631", page_id="220385903556922", text="Grüße 🥐", uuid="u"))
    (row,) = json.loads(as_json(page_of(inbox).exchanges))
    assert (row["psid"], row["page_id"], row["text"]) == ("5643442791834631", "220385903556922", "Grüße 🥐")
    assert row["body"]["from"]["id"] == "5643442791834631"


def test_as_csv_a_spreadsheet_loses_no_digit_and_runs_no_formula(inbox: Inbox) -> None:
    arrive(inbox, message(psid="5643442791834631", text='=HYPERLINK("http://x")', uuid="u"))
    sent(inbox, "o", "+1 for rye,\nplease")
    status(inbox, "o", "delivered")
    rows = list(csv.DictReader(io.StringIO(as_csv(page_of(inbox).exchanges))))
    assert rows[1]["psid"] == '="5643442791834631"'
    assert rows[1]["text"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["text"] == "'+1 for rye,\nplease"
    assert rows[0]["statuses"] == "delivered"
    assert rows[0]["message_uuid"] == "o"


def test_an_id_that_is_none_cannot_be_a_formula_either(inbox: Inbox) -> None:
    arrive(inbox, message(psid='=cmd|"/c calc"', uuid="u"))
    (row,) = csv.DictReader(io.StringIO(as_csv(page_of(inbox).exchanges)))
    assert row["psid"] == '\'=cmd|"/c calc"'


def test_an_empty_inbox_has_an_empty_page(inbox: Inbox) -> None:
    page = page_of(inbox)
    assert (page.exchanges, page.before, as_json(page.exchanges)) == ((), None, "[]")
