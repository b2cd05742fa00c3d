"""inbox: everything once, on disk, across processes; and gone for good when a person asks for it."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.errors import InboxError
from nbhelpers.inbox.events import Delivery, Event
from nbhelpers.inbox.inbox import Inbox
from tests.support.arrivals import PAGE, PSID, delivery, inbound, put

pytestmark = pytest.mark.fast


GUIDES_OWN = (Path(__file__).parents[1] / "data" / "guide_inbound.json").read_bytes()


def status(state: str, uuid: str = "r-1", **more: Any) -> Delivery:
    return delivery({"message_uuid": uuid, "from": PAGE, "to": PSID, "status": state, **more}, path="/webhooks/status")


def reply(inbox: Inbox, uuid: str = "r-1", text: str = "Hi!", psid: str = PSID) -> None:
    inbox.sent("v1", {"text": text}, uuid, psid=psid, page_id=PAGE, text=text, message_type="text")


def told(event: Event) -> dict[str, Any]:
    """What an event says, without its row number and its revision."""
    columns = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    return {name: value for name, value in columns.items() if name not in ("id", "revision")}


def test_the_guides_own_example_is_one_event_however_often_it_comes(inbox: Inbox):
    put(inbox, *[delivery(GUIDES_OWN)] * 7)
    (event,) = inbox.events()
    assert (event.psid, event.page_id, event.deliveries) == ("1111111111111111", "0000000000000000", 7)
    assert event.body == GUIDES_OWN
    assert len(inbox.deliveries()) == 7


def test_one_message_from_many_threads_at_once_is_one_event(inbox: Inbox):
    futures: list[Any] = []
    threads = [
        threading.Thread(target=lambda: futures.extend(inbox.record(delivery(GUIDES_OWN)) for _ in range(20)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = {future.result(10) for future in futures}
    assert len(numbers) == 100
    assert [event.deliveries for event in inbox.events()] == [100]


def test_a_message_and_its_statuses_are_events_of_their_own(inbox: Inbox):
    put(inbox, inbound(uuid="x"), status("submitted", "x"), status("delivered", "x"), status("delivered", "x"))
    assert [(event.kind, event.status, event.deliveries) for event in inbox.events()] == [
        ("inbound", None, 1),
        ("status", "submitted", 1),
        ("status", "delivered", 2),
    ]


def test_events_are_found_by_kind_person_uuid_and_text(inbox: Inbox):
    put(inbox, inbound("Hello!"), inbound("Bye!", psid="2222"), status("delivered"))
    reply(inbox)
    assert [event.kind for event in inbox.events()] == ["inbound", "inbound", "status", "reply"]
    assert [event.text for event in inbox.events("inbound")] == ["Hello!", "Bye!"]
    assert [event.text for event in inbox.events(person="2222")] == ["Bye!"]
    assert [event.kind for event in inbox.events(uuid="r-1")] == ["status", "reply"]
    assert [event.text for event in inbox.events(text="BYE")] == ["Bye!"]
    assert [event.kind for event in inbox.events(limit=2)] == ["status", "reply"]
    assert inbox.events(person="nobody") == []


def test_events_after_a_revision_are_those_that_are_new_or_changed(inbox: Inbox):
    put(inbox, inbound("one"), inbound("two"))
    revision = inbox.revision()
    assert inbox.events(after=revision) == []
    put(inbox, inbound("one"), inbound("three"))
    assert [(event.text, event.deliveries) for event in inbox.events(after=revision)] == [("one", 2), ("three", 1)]


def test_a_reply_is_told_beside_what_came(inbox: Inbox):
    reply(inbox)
    (event,) = inbox.events("reply")
    assert (event.psid, event.page_id, event.text, event.json) == (PSID, PAGE, "Hi!", {"text": "Hi!"})


def test_two_replies_under_one_uuid_do_not_make_the_second_fail(inbox: Inbox):
    reply(inbox)
    reply(inbox)
    assert [event.deliveries for event in inbox.events("reply")] == [2]


def test_the_newest_message_is_the_one_received_last(inbox: Inbox):
    assert inbox.newest_message() is None
    put(inbox, inbound("one"), inbound("two", psid="2222"), status("delivered"))
    reply(inbox)
    assert inbox.newest_message().text == "two"
    assert inbox.newest_message(person=PSID).text == "one"
    assert inbox.newest_message(person="nobody") is None


def test_the_newest_message_is_the_one_that_came_last_though_the_clock_was_set_back(inbox: Inbox):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    put(inbox, inbound("before", received=noon))
    put(inbox, inbound("after", received=noon - timedelta(hours=1)))
    assert inbox.newest_message().text == "after"
    assert inbox.wait_for_message(timeout=0).text == "after"
    assert [event.text for event in inbox.events()] == ["before", "after"]
    assert [event.text for event in inbox.events(limit=1)] == ["after"]
    assert inbox.delivery().id == inbox.newest_message().delivery == 2


def test_what_was_refused_and_comes_again_is_as_new_as_when_it_was_taken(inbox: Inbox):
    put(inbox, inbound("late", uuid="x", answer=401), inbound("between"), inbound("late", uuid="x"))
    assert inbox.newest_message().text == "late"
    assert [event.text for event in inbox.events()] == ["between", "late"]


def whatsapp(text: str, **more: Any) -> Delivery:
    body = {"channel": "whatsapp", "message_uuid": f"w-{text}", "from": "447700900001", "to": "14157386102"}
    return delivery(body | {"message_type": "text", "text": text}, **more)


def test_a_message_on_another_channel_is_kept_and_never_the_newest_unless_it_is_asked_for(inbox: Inbox):
    put(inbox, inbound("on Messenger"), whatsapp("on WhatsApp"))
    assert [event.channel for event in inbox.events()] == ["messenger", "whatsapp"]
    assert inbox.newest_message().text == inbox.wait_for_message(timeout=0).text == "on Messenger"
    assert inbox.newest_message(channel="whatsapp").psid == "447700900001"
    assert inbox.wait_for_message(timeout=0, channel="whatsapp").text == "on WhatsApp"
    assert [event.text for event in inbox.events(channel="whatsapp")] == ["on WhatsApp"]
    assert inbox.newest_message(person="447700900001") is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (whatsapp("Hi"), "One has come on WhatsApp, from 447700900001."),
        (delivery({"msisdn": "4477", "to": "44", "messageId": "1", "text": "Hi"}), "What has come is an inbound SMS"),
    ],
)
def test_waiting_in_vain_says_what_has_come_instead(inbox: Inbox, other: Delivery, words: str):
    put(inbox, other)
    with pytest.raises(InboxError) as caught:
        inbox.wait_for_message(timeout=0.02)
    assert words in caught.value.seen


@pytest.mark.parametrize("untrusted", [{"answer": 401}, {"answer": 503}, {"origin": "replay"}, {"origin": "edited"}])
def test_the_newest_psid_is_never_that_of_a_refused_replayed_or_edited_event(inbox: Inbox, untrusted: dict[str, Any]):
    put(inbox, inbound("true"), inbound("false", psid="6666", **untrusted))
    assert len(inbox.events()) == 2
    assert inbox.newest_message().psid == PSID
    assert inbox.newest_message(person="6666") is None
    with pytest.raises(InboxError):
        inbox.wait_for_message(timeout=0.02, new=True)


def test_a_sample_may_be_the_newest(inbox: Inbox):
    put(inbox, inbound("sample", origin="sample"))
    assert inbox.newest_message().text == "sample"


@pytest.mark.parametrize("first", [{"answer": 401}, {"origin": "replay"}])
def test_what_was_refused_first_and_accepted_then_is_told_by_what_was_accepted(inbox: Inbox, first: dict[str, Any]):
    put(inbox, inbound("forged", uuid="x", psid="6666", **first), inbound("true", uuid="x"))
    (event,) = inbox.events()
    assert (event.text, event.psid, event.trusted, event.deliveries) == ("true", PSID, True, 2)
    assert inbox.newest_message().psid == PSID
    assert inbox.events(person="6666") == []


def test_a_replay_of_an_accepted_message_does_not_make_it_new(inbox: Inbox):
    put(inbox, inbound("one"), inbound("two"), inbound("one", origin="replay"), inbound("one", answer=401))
    assert inbox.newest_message().text == "two"
    assert [event.trusted for event in inbox.events()] == [True, True]


def later(seconds: float, act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_waiting_returns_at_once_when_a_message_is_there(inbox: Inbox):
    put(inbox, inbound("there"))
    began = time.monotonic()
    assert inbox.wait_for_message(timeout=10).text == "there"
    assert inbox.wait_for_message(timeout=0).text == "there"
    assert time.monotonic() - began < 1


def test_waiting_for_a_new_message_passes_over_the_ones_that_are_there(inbox: Inbox):
    put(inbox, inbound("old"))
    timer = later(0.1, lambda: put(inbox, inbound("old"), inbound("new")))
    assert inbox.wait_for_message(timeout=10, new=True).text == "new"
    timer.join()


def test_waiting_in_vain_says_how_long_and_what_to_do(inbox: Inbox):
    put(inbox, inbound("old"))
    began = time.monotonic()
    with pytest.raises(InboxError) as caught:
        inbox.wait_for_message(timeout=0.15, new=True)
    assert 0.1 < time.monotonic() - began < 2
    assert caught.value.what == "No message came."
    assert "0.15 s" in caught.value.seen
    assert "`lab.doctor()` finds where it stopped" in caught.value.next


def test_waiting_for_a_receipt_returns_them_all_in_order(inbox: Inbox):
    put(inbox, status("submitted"), status("delivered", "another"))
    timer = later(0.1, lambda: put(inbox, status("delivered")))
    receipts = inbox.wait_for_receipt("r-1", timeout=10)
    timer.join()
    assert receipts.states == ["submitted", "delivered"]
    assert inbox.wait_for_receipt("r-1", "submitted", timeout=0).states == ["submitted", "delivered"]
    assert inbox.receipts("r-1").states == ["submitted", "delivered"]


@pytest.mark.parametrize("end", ["rejected", "undeliverable"])
def test_a_rejection_ends_the_wait_for_delivery(inbox: Inbox, end: str):
    error = {"code": 1340, "reason": "Outside of the allowed window"}
    put(inbox, status("submitted"), status(end, error=error))
    began = time.monotonic()
    receipts = inbox.wait_for_receipt("r-1", "read", timeout=10)
    assert time.monotonic() - began < 1
    assert receipts.states == ["submitted", end]
    assert "1340 Outside of the allowed window" in repr(receipts)


def test_waiting_for_a_receipt_in_vain_says_what_came_so_far(inbox: Inbox):
    with pytest.raises(InboxError, match="so far: nothing"):
        inbox.wait_for_receipt("r-1", timeout=0.03)
    put(inbox, status("submitted"))
    with pytest.raises(InboxError, match="so far: submitted") as caught:
        inbox.wait_for_receipt("r-1", timeout=0.03)
    assert "delivered" in caught.value.what


def test_a_forged_receipt_does_not_end_the_wait(inbox: Inbox):
    put(inbox, dataclasses.replace(status("delivered"), answer=401))
    assert inbox.receipts("r-1").states == []
    with pytest.raises(InboxError):
        inbox.wait_for_receipt("r-1", timeout=0.03)


def test_facts_are_kept_by_name_and_taken_back_with_none(inbox: Inbox, path: Path):
    inbox.note(page_id=PAGE, webhooks={"inbound": "https://example.com", "method": "POST"}, done=True)
    inbox.note(page_id="1", application_id="a")
    inbox.note(done=None, never_there=None)
    expected = {
        "page_id": "1",
        "webhooks": {"inbound": "https://example.com", "method": "POST"},
        "application_id": "a",
    }
    assert inbox.facts() == expected
    again = Inbox(path)
    assert again.facts() == expected
    again.close()


def test_what_another_process_notes_is_seen_at_the_next_look_and_what_was_read_cannot_be_changed(
    inbox: Inbox, path: Path
):
    inbox.note(page_id="1")
    before = inbox.facts()
    assert inbox.facts() is before, "nobody has written: nothing is read again"
    other = Inbox(path)
    other.note(page_id="2")
    other.close()
    assert (before["page_id"], inbox.facts()["page_id"]) == ("1", "2")
    with pytest.raises(TypeError):
        inbox.facts()["page_id"] = "3"  # type: ignore[index]


def bytes_on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))


def test_whoever_is_forgotten_is_gone_from_the_file_too(inbox: Inbox, path: Path):
    other = "9999888877776666"
    put(inbox, *[inbound(f"secret-words-{n} " + "x" * n * 50, psid=other) for n in range(60)], inbound("kept"))
    body = {"message_uuid": "r-2", "from": PAGE, "to": other, "status": "delivered"}
    put(inbox, delivery(body, path="/webhooks/status"))
    reply(inbox, "r-2", "secret-words-of-ours", psid=other)
    inbox.note(psid=other, newest={"psid": other, "text": "secret-words"}, page_id=PAGE)
    # Requests that were no webhook: a mistyped path, and the GET of the guide's own warning.
    put(inbox, inbound("secret-words-astray", psid=other, path="/webhook/inbound", answer=404))
    put(inbox, delivery(b"", method="GET", path=f"/webhooks/inbound?from={other}&text=secret-words", answer=405))
    put(inbox, delivery(b"scan", method="GET", path=f"/{other}0", answer=404))
    assert b"secret-words" in bytes_on_disk(path)
    gone = inbox.forget(other)
    # 60 inbound as event and delivery, status as both, reply as event and row, two strays (one is an event too), two
    # facts.
    assert gone == 120 + 2 + 2 + 3 + 2
    left = bytes_on_disk(path)
    assert b"secret-words" not in left
    assert other.encode() not in left.replace(f"/{other}0".encode(), b"")
    assert [event.text for event in inbox.events()] == ["kept"]
    assert inbox.facts() == {"page_id": PAGE}
    assert inbox.rebuild() == 1
    assert inbox.forget(other) == 0


def test_forgetting_one_person_leaves_those_whose_id_begins_alike(inbox: Inbox):
    put(inbox, inbound("one", psid="12"), inbound("two", psid="123"), delivery(b'{"from": "123"', answer=400))
    inbox.note(count=12, other="123")
    assert inbox.forget("12") == 2
    assert [event.psid for event in inbox.events("inbound")] == ["123"]
    assert len(inbox.deliveries()) == 2
    assert inbox.facts() == {"count": 12, "other": "123"}


def test_rebuilding_gives_the_same_events(inbox: Inbox):
    start = datetime(2020, 1, 1, 12, tzinfo=UTC)
    put(
        inbox,
        inbound("forged", uuid="x", answer=401, verdict="wrong", why="no", received=start),
        inbound("true", uuid="x", received=start + timedelta(seconds=1)),
        inbound("true", uuid="x", origin="replay", received=start + timedelta(seconds=2)),
        delivery(GUIDES_OWN, received=start + timedelta(seconds=3)),
        delivery(b"rubbish", answer=400),
        delivery({"from": PSID}, received=start + timedelta(seconds=4)),
    )
    reply(inbox)
    put(inbox, status("submitted"), status("delivered"))
    before = [told(event) for event in inbox.events()]
    assert inbox.rebuild() == len(before) == 7
    assert [told(event) for event in inbox.events()] == before
    assert inbox.newest_message().psid == PSID


def test_rebuilding_gives_the_same_events_though_the_clock_was_set_back(inbox: Inbox):
    noon = datetime(2020, 1, 1, 12, tzinfo=UTC)
    put(
        inbox,
        inbound("first", uuid="x", received=noon),
        inbound("second", uuid="x", received=noon - timedelta(hours=1)),
    )
    before = [told(event) for event in inbox.events()]
    inbox.rebuild()
    assert [told(event) for event in inbox.events()] == before
    assert before[0]["text"] == "first"


def test_rebuilding_mends_events_that_were_lost(inbox: Inbox, path: Path):
    put(inbox, inbound("one"), inbound("two"))
    raw = sqlite3.connect(path)
    raw.execute("DELETE FROM events")
    raw.commit()
    raw.close()
    assert inbox.events() == []
    assert inbox.rebuild() == 2
    assert [event.text for event in inbox.events()] == ["one", "two"]


def test_a_call_that_was_answered_200_is_never_cut_and_never_makes_room(inbox: Inbox):
    sms = {"msisdn": "447700900001", "to": "44", "messageId": "1", "text": "x" * 9000}
    put(inbox, delivery(sms), delivery({"nobody": "x" * 9000}))
    for number in range(520):
        inbox.record(delivery(b"x", path=f"/webhooks/inbound/{number}", answer=404))
    put(inbox, inbound("after"))
    kept = inbox.deliveries(limit=10_000)
    assert len(kept) == 2 + 500 + 1
    assert [len(one.body) > 9000 for one in kept[:2]] == [True, True]
    calls = inbox.events("call")
    assert (calls[0].status, len(calls)) == ("inbound-sms", 501), "what a trimmed request told goes with it"
    assert calls[1].delivery == kept[2].id
    assert inbox.rebuild() == 502
    assert inbox.forget("447700900001") == 2


def test_requests_that_are_no_webhook_are_kept_but_bounded_at_500(inbox: Inbox):
    put(inbox, inbound("kept"))
    for future in [inbox.record(delivery(b"x" * 9000, method="GET", path=f"/{n}", answer=404)) for n in range(700)]:
        future.result(10)
    kept = inbox.deliveries(limit=10_000)
    assert len(kept) == 501
    assert (kept[0].path, kept[1].path, kept[-1].path) == ("/webhooks/inbound", "/200", "/699")
    assert len(kept[-1].body) == 4096
    assert [event.text for event in inbox.events()] == ["kept"]


def test_it_is_kept_as_promised_and_yours_alone(inbox: Inbox, path: Path):
    assert inbox.database.write(lambda c: c.execute("PRAGMA synchronous").fetchone()[0]).result(5) == 2
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


CHILD = """if True:
    import json, sys
    from pathlib import Path
    from nbhelpers.inbox.events import Delivery
    from nbhelpers.inbox.inbox import Inbox
    inbox = Inbox(Path(sys.argv[1]))
    body = {"message_uuid": sys.argv[2], "from": "1111111111111111", "message_type": "text", "text": sys.argv[2]}
    inbox.record(Delivery("POST", "/webhooks/inbound", (), json.dumps(body).encode(), 200)).result(10)
    if len(sys.argv) > 3:
        print(inbox.wait_for_message(timeout=20, new=True).text, flush=True)
    inbox.close()
"""


def test_a_message_that_came_while_nobody_had_the_inbox_open_is_there_later(path: Path):
    inbox = Inbox(path)
    put(inbox, inbound("first"))
    inbox.close()
    subprocess.run([sys.executable, "-c", CHILD, str(path), "meanwhile"], check=True, timeout=30)
    again = Inbox(path)
    assert again.wait_for_message(timeout=0).text == "meanwhile"
    assert [event.text for event in again.events()] == ["first", "meanwhile"]
    again.close()


def test_two_processes_see_what_the_other_wrote(inbox: Inbox, path: Path):
    start = [sys.executable, "-c", CHILD, str(path), "from the child", "wait"]
    process = subprocess.Popen(start, stdout=subprocess.PIPE, text=True)
    assert inbox.wait_for_message(timeout=20).text == "from the child"
    for number in range(200):  # the child may not be waiting yet: it waits for one that is newer than what it sees
        put(inbox, inbound(f"from the parent {number}"))
        if process.poll() is not None:
            break
        time.sleep(0.02)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.startswith("from the parent")


def test_an_inbox_that_cannot_be_opened_says_so_in_words(path: Path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but a text that is long enough to be looked at" * 50)
    with pytest.raises(InboxError, match="cannot be opened") as caught:
        Inbox(path)
    assert str(path) in caught.value.seen
    assert "reset" in caught.value.next
    path.unlink()
    path.mkdir()
    with pytest.raises(InboxError, match="cannot be opened"):
        Inbox(path)


def test_an_inbox_of_a_newer_kit_says_so_in_words(path: Path):
    Inbox(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(InboxError, match="newer than this kit"):
        Inbox(path)


def test_a_closed_inbox_says_so_in_words(path: Path):
    inbox = Inbox(path)
    inbox.close()
    assert inbox.closed
    for call in (inbox.events, lambda: inbox.note(a=1)):
        with pytest.raises(InboxError, match=r"This lab is closed\. Run `lab = Lab\(\)` again\."):
            call()
    assert repr(inbox) == "The inbox: closed"
    with pytest.raises(sqlite3.Error):
        inbox.record(inbound()).result(5)


def test_an_inbox_that_was_set_aside_meanwhile_says_so_and_does_not_go_on_in_the_past(path: Path):
    inbox = Inbox(path)
    inbox.record(inbound()).result(5)
    path.parent.rename(path.parent.with_name("aside"))
    for fresh in (False, True):
        if fresh:
            Inbox(path).close()
        for call in (inbox.newest_message, lambda: inbox.note(a=1)):
            with pytest.raises(InboxError, match=r"The state was reset meanwhile\. Run `lab = Lab\(\)` again\."):
                call()
    inbox.close()
