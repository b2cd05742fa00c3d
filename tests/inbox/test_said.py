"""The message that was just written: whatever names it finds it, however slow or quick its webhook was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbhelpers import Lab
from nbhelpers.errors import InboxError
from nbhelpers.inbox.said import uuid_of
from tests.conftest import Shell, wait_until
from tests.support.labs import arrive, message, written
from tests.support.tunnels import live_lab


def test_of_a_slow_webhook_it_is_the_message_just_written_and_not_the_one_before(ready: Lab) -> None:
    written(ready, "first")
    ready.simulator.fault("slow-webhook")
    said = ready.user.write("second")
    assert ready.inbox.wait_for_message(timeout=0).text == "first"
    assert ready.inbox.wait_for_message(said, timeout=10).text == "second"


def test_of_a_quick_webhook_it_is_that_message_and_none_that_came_after(ready: Lab) -> None:
    said = ready.user.write("second")
    wait_until(lambda: ready.inbox.newest_message(), what="the message")
    with pytest.raises(InboxError, match="No message came"):
        ready.inbox.wait_for_message(timeout=0.05, new=True)
    assert ready.inbox.wait_for_message(said, timeout=0).text == "second"
    written(ready, "third")
    assert ready.inbox.wait_for_message(said, timeout=0).text == "second"


def test_what_write_reply_send_and_read_return_carries_the_message_and_prints_as_before(ready: Lab) -> None:
    said = ready.user.write("Are you open?")
    event = ready.inbox.wait_for_message(said)
    assert repr(said) == f"Ada wrote “Are you open?” to {ready.facts['page_name']}."
    assert said.message_uuid == event.message_uuid
    answered = ready.reply("We are.")
    assert repr(answered) == f"Accepted for {event.psid}. The receipts of {answered.message_uuid} tell the rest."
    assert ready.inbox.wait_for_receipt(answered).states[-1] == "delivered"
    read = ready.user.read()
    assert repr(read) == "Ada has read 1 message."
    assert read.message_uuid == answered.message_uuid
    assert ready.inbox.wait_for_receipt(read, "read").states == ["submitted", "delivered", "read"]
    assert ready.user.read().message_uuid is None
    count = ready.simulator.read()
    assert (repr(count), count, count.message_uuid) == ("0", 0, None)


def test_the_json_of_the_simulator_and_of_the_service_name_it_too(ready: Lab) -> None:
    said = ready.simulator.write(text="By the phone", page=ready.facts["page_name"])
    assert ready.inbox.wait_for_message(said).text == "By the phone"
    assert ready.inbox.wait_for_message(said["message_uuid"]).text == "By the phone"
    first, second = ready.reply("one"), ready.reply("two")
    for sent in (first, second):
        ready.inbox.wait_for_receipt({"message_uuid": sent.message_uuid})
    count = ready.simulator.read()
    assert (count, count.message_uuids) == (2, (first.message_uuid, second.message_uuid))
    assert count.message_uuid == second.message_uuid


def test_what_was_not_passed_on_is_not_waited_for(ready: Lab) -> None:
    ready.simulator.unlink(ready.facts["page_name"])
    with pytest.raises(InboxError) as caught:
        ready.inbox.wait_for_message(ready.user.write("Anybody?"), timeout=60)
    assert str(caught.value) == (
        "This message does not come. It was not passed on: its Page is linked to no application. "
        "Link the Page, then let the person write again."
    )


@pytest.mark.parametrize("given", [10, None, {"text": "no uuid"}, ["uuid"]])
def test_what_names_no_message_is_refused_in_words(ready: Lab, given: Any) -> None:
    with pytest.raises(InboxError, match=r"This names no message\..* a time-out is `timeout=10`\."):
        uuid_of(given)
    if given is not None:
        with pytest.raises(InboxError, match=r"This names no message"):
            ready.inbox.wait_for_message(given)


def test_live_it_is_the_message_that_came_after_the_phone_was_asked_for(tmp_path: Path) -> None:
    with live_lab(tmp_path) as lab:
        arrive(lab, message(text="yesterday's", uuid="uuid-1"))
        said = lab.user.write("Is it live?")
        assert repr(said) == "On your phone, open Messenger and write to your Page: “Is it live?”"
        with pytest.raises(InboxError, match="No message came"):
            lab.inbox.wait_for_message(said, timeout=0.05)
        arrive(lab, message(text="It is.", uuid="uuid-2"))
        assert lab.inbox.wait_for_message(said, timeout=0).text == "It is."
        with pytest.raises(InboxError, match=r"Nobody can say which receipt is meant\. It says: On your phone"):
            lab.inbox.wait_for_receipt(lab.user.read(), "read")


def test_the_command_tells_the_message_that_it_let_somebody_write_or_read(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    said = json.loads(shell("trigger", "text", "--text", "Rye?", "--json").stdout)
    sent = shell("send", "--to", demo["psid"], "--text", "Yes.").stdout.strip()

    def inbox() -> list[dict[str, Any]]:
        return [json.loads(line) for line in shell("inbox", "--json").stdout.splitlines()]

    wait_until(lambda: any(each["status"] == "delivered" for each in inbox()), what="delivered")
    assert said["message_uuid"] in [each["message_uuid"] for each in inbox() if each["text"] == "Rye?"]
    read = json.loads(shell("trigger", "read", "--json").stdout)
    assert read == {"read": 1, "message_uuid": sent, "message_uuids": [sent]}
