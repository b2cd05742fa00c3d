"""The inbox as a table: rows joined by uuid, search, both shapes, replay, export, and no secret in its state."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.inbox.events import Delivery
from nbhelpers.widgets.inbox_table import InboxTable
from tests.conftest import wait_until
from tests.support.labs import CLOCK, arrive, inside, lookers, message, printed, written

pytestmark = pytest.mark.fast


@pytest.fixture
def table(ready: Lab) -> Iterator[InboxTable]:
    made = ready.panels.inbox()
    yield made
    made.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(state=tmp_path / "lab", mode="live")
    yield lab
    lab.stop()


def rows(table: InboxTable) -> list[dict[str, str]]:
    return list(table._rows.rows)


def ask(table: InboxTable, monkeypatch: pytest.MonkeyPatch | None = None, **asked: Any) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    table._rows.send = lambda content, buffers=None: heard.append(content)
    table._rows._handle_custom_msg(asked, [])
    return heard


def test_before_anything_came_it_says_so(table: InboxTable) -> None:
    assert rows(table) == []
    assert table._rows.count == "Nothing has come, and nothing was sent."
    assert printed(table) == "Inbox (SIMULATOR)\nNothing has come, and nothing was sent."


def test_a_message_and_an_answer_with_its_receipts_are_a_row_each(ready: Lab, table: InboxTable) -> None:
    written(ready, "Do you have rye bread?")
    ready.reply("At seven.")
    wait_until(lambda: rows(table) and "delivered" in rows(table)[0]["receipts"], 5)
    answer, asked = rows(table)
    assert (answer["way"], answer["who"], answer["what"]) == ("← out", "Ada", "“At seven.”")
    assert re.fullmatch(rf"✓ delivered {CLOCK}", answer["receipts"])
    assert (asked["way"], asked["what"], asked["verdict"]) == ("→ in", "“Do you have rye bread?”", "verified")
    assert table._rows.count == "2 exchanges."
    lines = printed(table).splitlines()
    assert "<-- reply     “At seven.”" in lines[1]
    assert "--> submitted" in lines[2]


def test_the_newest_row_comes_on_top_by_itself_and_a_duplicate_is_counted(ready: Lab, table: InboxTable) -> None:
    for text in ("First", "Second"):
        written(ready, text)
    wait_until(lambda: [each["what"] for each in rows(table)] == ["“Second”", "“First”"], 5)
    ready.replay()
    wait_until(lambda: rows(table)[0]["marks"] == "×2", 5)
    assert len(rows(table)) == 2


def test_a_row_opens_what_was_sent_in_both_shapes(ready: Lab, table: InboxTable) -> None:
    event = written(ready, "Open me")
    wait_until(lambda: rows(table), 5)
    ask(table, ask="open", key=rows(table)[0]["key"])
    (part,) = table._rows.detail["parts"]
    assert json.loads(part["guide"]) == event.shown_as("v0.1")
    assert json.loads(part["today"]) == event.shown_as("v1")
    assert re.fullmatch(rf"The message of {CLOCK}, came in the guide's shape", part["title"])
    assert part["verdict"] == "Signature verified."
    assert part["replay"] == event.id
    ask(table, ask="open", key="no such row")
    assert table._rows.detail == {"key": "", "parts": []}


def test_an_answer_opens_with_its_receipts_and_cannot_be_replayed(ready: Lab, table: InboxTable) -> None:
    written(ready)
    ready.reply("At seven.")
    wait_until(lambda: rows(table) and "delivered" in rows(table)[0]["receipts"], 5)
    ask(table, ask="open", key=rows(table)[0]["key"])
    parts = table._rows.detail["parts"]
    assert [part["title"].split(" of ")[0] for part in parts] == ["Your answer", "submitted", "delivered"]
    assert parts[0]["replay"] is None and parts[1]["replay"] is not None
    assert json.loads(parts[0]["guide"])["message"]["content"]["text"] == "At seven."
    assert json.loads(parts[0]["today"])["text"] == "At seven."


def test_a_replay_is_sent_to_the_receiver_and_marked(ready: Lab, table: InboxTable) -> None:
    event = written(ready, "Once more")
    wait_until(lambda: rows(table), 5)
    heard = ask(table, ask="replay", event=event.id)
    assert heard[-1]["words"].startswith("Replayed, and marked so. Delivery ")
    assert ready.inbox.deliveries(limit=1)[0].origin == "replay"
    assert ready.inbox.newest_message().deliveries == 2
    assert ask(table, ask="replay", event=10**9) == []


def test_it_is_searched_and_filtered_by_person_and_kind(ready: Lab, table: InboxTable) -> None:
    written(ready, "Rye bread")
    written(ready, "White bread", person="Bob")
    ready.reply("Out of rye")
    wait_until(lambda: len(rows(table)) == 3, 5)
    assert table._rows.people == [["", "everybody"], ["0", "Ada"], ["1", "Bob"]]

    def found(**asked: str) -> list[str]:
        ask(table, ask="find", **asked)
        return [each["what"] for each in rows(table)]

    assert found(text="rye") == ["“Out of rye”", "“Rye bread”"]
    assert found(person="0") == ["“Rye bread”"]
    assert found(kind="reply") == ["“Out of rye”"]
    assert found(text="no such text") == []
    assert table._rows.count == "Nothing is found: change the search."
    assert found(person="99", kind="") == ["“Out of rye”", "“White bread”", "“Rye bread”"]


def test_while_a_search_is_on_what_comes_in_is_searched_too(ready: Lab, table: InboxTable) -> None:
    ask(table, ask="find", text="rye")
    written(ready, "White")
    written(ready, "More rye")
    wait_until(lambda: [each["what"] for each in rows(table)] == ["“More rye”"], 5)


def test_more_rows_come_when_they_are_asked_for(ready: Lab) -> None:
    for number in range(60):
        arrive(ready, message(psid="77", uuid=f"many-{number}", text=f"Number {number}"))
    table = ready.panels.inbox()
    assert (len(rows(table)), table._rows.more) == (50, True)
    assert table._rows.count == "50 exchanges, and more before."
    ask(table, ask="more")
    assert (len(rows(table)), table._rows.more) == (60, False)
    arrive(ready, message(psid="77", uuid="many-60", text="Number 60"))
    wait_until(lambda: len(rows(table)) == 61, 5)
    assert rows(table)[0]["what"] == "“Number 60”"
    table.close()


def test_it_is_exported_as_json_and_csv_with_ids_as_text(ready: Lab, table: InboxTable) -> None:
    psid = written(ready, "For export").psid
    wait_until(lambda: rows(table), 5)
    exported, words = ask(table, ask="export", **{"as": "json"})
    assert (exported["file"], exported["type"]) == ("inbox.json", "application/json")
    assert json.loads(exported["text"])[0]["psid"] == psid
    assert words == {"words": "1 exchange in inbox.json."}
    exported, _ = ask(table, ask="export", **{"as": "csv"})
    assert f'=""{psid}""' in exported["text"]


def test_somebody_elses_call_and_a_wrong_signature_are_told_in_words(live: Lab) -> None:
    body = json.dumps(message(uuid="forged")).encode()
    live.inbox.record(Delivery("POST", "/webhooks/inbound", (), body, 401, verdict="wrong", why="changed")).result()
    live.inbox.record(Delivery("GET", "/webhooks/inbound?hub.challenge=1&hub.mode=subscribe", (), b"", 405)).result()
    table = live.panels.inbox()
    assert [each["way"] for each in rows(table)] == ["→ other", "→ in"]
    assert rows(table)[1]["verdict"] == "wrong"
    ask(table, ask="open", key=rows(table)[1]["key"])
    assert table._rows.detail["parts"][0]["verdict"] == "Signature wrong: changed."
    table.close()


def test_on_a_projector_no_psid_and_no_address_leaves_the_kernel(presented: Lab) -> None:
    psid = written(presented, "See https://bakery.example/menu").psid
    table = presented.panels.inbox()
    ask(table, ask="open", key=rows(table)[0]["key"])
    exported = ask(table, ask="export", **{"as": "json"})
    states = json.dumps([widget.get_state() for widget in inside(table)], default=str) + printed(table) + str(exported)
    for secret in (psid, "bakery.example", presented.facts["page_id"]):
        assert secret not in states
    ask(table, ask="find", person="0")
    assert len(rows(table)) == 1, "the person is still found, by their number"
    table.close()


@pytest.mark.parametrize(
    "asked", [{}, {"ask": "everything"}, {"ask": "find", "person": -1, "text": 5}, {"ask": "open"}]
)
def test_what_cannot_be_meant_changes_nothing(ready: Lab, table: InboxTable, asked: dict[str, Any]) -> None:
    written(ready, "5 rolls")
    wait_until(lambda: rows(table), 5)
    ask(table, **asked)
    assert [each["what"] for each in rows(table)] == ["“5 rolls”"]
    assert len(lookers("InboxTable")) == 1
