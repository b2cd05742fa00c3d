"""The commands that act on the simulator: switches, lessons, time, people."""

from __future__ import annotations

import json
from typing import Any

import requests

from tests.conftest import Shell, wait_until


def test_switches_are_shown_set_and_refused_from_the_command_line(shell: Shell) -> None:
    _, ready = shell.start("simulator", "--demo", "--switch", "window=24+1")
    shown = shell("switches").stdout
    assert "window: 24 | [24+1]\n    How long a Page may answer" in shown
    assert "tags_of: [today] | <YYYY-MM-DD>" in shown
    only = shell("switches", "tags_of=2018-06-21").stdout
    assert only.startswith("tags_of: today | <YYYY-MM-DD> [2018-06-21]\n")
    assert len(only.splitlines()) == 3
    assert shell("switches", "window").stdout.startswith("window: 24 | [24+1]\n    How long")
    facts = [json.loads(line) for line in shell("switches", "--json").stdout.splitlines()]
    assert {each["name"]: each["value"] for each in facts}["tags_of"] == "2018-06-21"
    refused = shell("switches", "window=25", ok=False)
    assert (refused.returncode, "Use 24 or 24+1." in refused.stderr) == (1, True)
    refused = shell("switches", "windows", ok=False)
    assert "There is no such switch. You named windows." in refused.stderr
    refused = shell("simulator", "--switch", "window", ok=False)
    assert "A switch is set with NAME=VALUE. You wrote “window”." in refused.stderr
    blocked = shell("trigger", "block", "--page", ready["page_id"]).stdout
    assert blocked == f"PSID {ready['psid']} has blocked Page {ready['page_id']}.\n"
    assert "has unblocked" in shell("trigger", "unblock").stdout


def test_a_wrong_switch_starts_no_simulator(shell: Shell) -> None:
    refused = shell("simulator", "--switch", "windw=24", ok=False)
    assert (refused.returncode, "There is no such switch" in refused.stderr) == (1, True)


def test_lessons_are_shown_started_and_ended_from_the_command_line(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    table = shell("fault").stdout
    assert "rate-limit\n    The next calls count as too many in this second.\n    You see: 429" in table
    assert "(on" not in table
    started = shell("fault", "outside-window", "--times", "2").stdout
    assert started.startswith("outside-window (2×): The next message counts as sent more than 24 hours after")
    assert "You see: 202 first, then the status rejected with 1340." in started
    shell("fault", "low-balance")
    table = shell("fault").stdout
    assert "outside-window (on, 2×)\n" in table
    assert "low-balance (on, until it is cleared)\n" in table
    assert shell("fault", "low-balance", "--clear").stdout == "low-balance is over.\n"
    assert shell("fault", "--clear").stdout == "Every lesson is over.\n"
    assert {json.loads(line)["left"] for line in shell("fault", "--json").stdout.splitlines()} == {None}
    assert "No lesson is started." in shell("fault", "--times", "3", ok=False).stderr
    assert shell("pace", "60").stdout == "Between two tries of a webhook 60 seconds pass in one now.\n"
    assert shell("fault").stdout.startswith("Between two tries of a webhook 60 seconds pass in one (`nbhelpers pace 1`")
    assert shell("pace", "1").returncode == 0
    refused = shell("fault", "earthquake", ok=False)
    assert (refused.returncode, "There is no such lesson." in refused.stderr) == (1, True)


def test_time_passes_from_the_command_line_and_an_answer_is_too_late(shell: Shell) -> None:
    _, ready = shell.start("simulator", "--demo")
    shell.start("receiver")
    assert shell("advance", "25").stdout.startswith("25 hours have passed for people's messages, links, tokens")
    shell("send", "--to", ready["psid"], "--from", ready["page_id"], "--text", "Sorry, I was away.")

    def rejected() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in shell("inbox", "--json").stdout.splitlines()]
        return [line for line in lines if line["status"] == "rejected"]

    assert wait_until(rejected)[0]["body"]["error"]["title"] == "1340"
    refused = shell("advance", "0", ok=False)
    assert "hours cannot be that." in refused.stderr


def test_people_write_by_the_scene_from_the_command_line(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    assert shell("trigger", "several").stdout == "6 messages from 5 people.\n"
    chatty = json.loads(shell("trigger", "chatty", "--json").stdout)
    assert (chatty["messages"], chatty["people"], len(set(chatty["message_uuids"]))) == (50, 1, 50)
    assert "wrote to Page" in shell("trigger", "sticker").stdout
    refused = shell("trigger", "several", "--person", "Bob", "--text", "hi", ok=False)
    assert "A scene has its own people. You gave --person, --text." in refused.stderr


def test_the_person_taps_sends_a_place_and_reacts_from_the_shell(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    body = {"from": {"type": "messenger", "id": demo["page_id"]}, "to": {"type": "messenger", "id": demo["psid"]}}
    quick = {"text": "Rye?", "quick_replies": [{"title": "Yes", "payload": "YES"}]}
    body["message"] = {"content": {"type": "custom", "custom": quick}}
    url, auth = f"{demo['base_url']}/v0.1/messages", (demo["api_key"], demo["api_secret"])
    assert requests.post(url, json=body, auth=auth, timeout=5).status_code == 202
    assert "tapped a button of" in shell("trigger", "tap", "--text", "yes").stdout
    assert "sent a place to" in shell("trigger", "location", "--at", "52.52,13.405").stdout
    assert "reacted to a message of" in shell("trigger", "react", "--emoji", "🥐").stdout
    assert "Such as --at 52.52,13.405" in shell("trigger", "location", "--at", "here", ok=False).stderr
    assert "on the screen there is: nothing" in shell("trigger", "tap", "--text", "yes", ok=False).stderr
    lines = wait_until(lambda: (shown := shell("inbox").stdout).count("reaction 🥐") and shown, what="the emoji")
    assert "--> inbound   reply “Yes”, payload YES from" in lines
    assert "--> inbound   location 52.52, 13.405 from" in lines
