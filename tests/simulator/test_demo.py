"""`simulator --demo`: everything ready at once, in today's shape or the guide's, and the same again the next time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.auth.private_key import generate_key, load_key, save_key
from nbhelpers.services.record import read_record
from tests.conftest import Shell
from tests.support.simulation import Program, Target, World, flat, nested, target

HELLO = "Hello from Facebook Messenger!"


def start(shell: Shell, *arguments: str) -> tuple[subprocess.Popen[str], World]:
    process, ready = shell.start("simulator", "--port", "0", "--demo", "--quiet", *arguments)
    record = read_record(shell.folder / ".lab" / "simulator", "simulator")
    assert record is not None
    return process, World(shell.folder / ".lab", ready["base_url"], ready, record.control)


def end(process: subprocess.Popen[str], world: World) -> None:
    world.close()
    process.terminate()
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def program_of(world: World) -> Program:
    return Program(world.ready["application_id"], load_key(world.ready["private_key"]))


def hellos(hook: Target) -> list[dict[str, Any]]:
    return [call.json for call in hook.calls if "status" not in call.json]


@pytest.mark.parametrize("guide", [False, True], ids=["today", "guide"])
def test_the_demo_is_ready_to_answer_somebody_who_has_just_written(shell: Shell, guide: bool) -> None:
    with target() as hook:
        arguments = ["--guide"] if guide else []
        process, world = start(shell, "--inbound", hook.url, "--status", hook.url, *arguments)
        ready = world.ready
        assert list(ready) == [
            *("service", "url", "base_url", "api_key", "api_secret", "signature_secret"),
            *("application_id", "private_key", "page_id", "psid", "api_version"),
        ]
        assert ready["api_version"] == ("v0.1" if guide else "v1")
        hello = hook.wait()[0].json
        if guide:
            assert hello["message"]["content"] == {"type": "text", "text": HELLO}
            assert (hello["to"]["id"], hello["from"]["id"]) == (ready["page_id"], ready["psid"])
        else:
            assert (hello["message_type"], hello["text"]) == ("text", HELLO)
            assert (hello["to"], hello["from"]) == (ready["page_id"], ready["psid"])
        body = (nested if guide else flat)(ready["page_id"], ready["psid"])
        sent = world.send(program_of(world), body, ready["api_version"])
        assert hook.statuses(sent, 2) == ["submitted", "delivered"]
        end(process, world)


@pytest.mark.parametrize("guide", [False, True], ids=["today", "guide"])
def test_run_again_the_demo_finds_what_it_made_and_the_person_has_written_anew(shell: Shell, guide: bool) -> None:
    arguments = ["--guide"] if guide else []
    with target() as hook:
        process, world = start(shell, "--inbound", hook.url, *arguments)
        first = world.ready
        hook.wait()
        end(process, world)
        process, world = start(shell, "--inbound", hook.url, *arguments)
        hook.wait(2)
        assert {**world.ready, "url": "", "base_url": ""} == {**first, "url": "", "base_url": ""}
        assert len(world.control.pages()) == 1
        people = world.control.pages()[0]["people"]
        assert [(each["psid"], each["name"]) for each in people] == [(first["psid"], "Ada")]
        end(process, world)
    assert len({hello["message_uuid"] for hello in hellos(hook)}) == 2


def test_the_guides_demo_is_the_guides_case(shell: Shell) -> None:
    process, world = start(shell, "--guide")
    url = f"{world.base_url}/v2/applications/{world.ready['application_id']}"
    shown = world.http.get(url, auth=world.basic, timeout=10).json()
    assert shown["capabilities"] == {
        "voice": {
            "webhooks": {
                "answer_url": {"address": "http://example.com/answer"},
                "event_url": {"address": "http://example.com/event"},
            }
        }
    }
    # The guide's note: the method must be set to POST.
    expected = {
        "inbound_url": "",
        "status_url": "",
        "http_method": "POST",
        "shape": "v0.1",
        "balance": "ok",
    }
    assert world.control.settings() == expected
    end(process, world)


def test_todays_demo_has_the_messages_capability_and_leaves_the_settings_alone(shell: Shell) -> None:
    process, world = start(shell)
    url = f"{world.base_url}/v2/applications/{world.ready['application_id']}"
    shown = world.http.get(url, auth=world.basic, timeout=10).json()
    assert shown["capabilities"] == {"messages": {"version": "v1"}}
    assert world.control.settings()["http_method"] == "GET"
    end(process, world)


def test_both_demos_live_in_one_state_directory(shell: Shell) -> None:
    process, world = start(shell)
    today = world.ready
    end(process, world)
    process, world = start(shell, "--guide")
    guide = world.ready
    end(process, world)
    for name in ("application_id", "private_key", "page_id", "psid"):
        assert today[name] != guide[name]
    assert today["api_key"] == guide["api_key"]


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_the_demos_key_file_is_yours_alone(shell: Shell) -> None:
    process, world = start(shell)
    path = Path(world.ready["private_key"])
    assert path.is_absolute()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    end(process, world)


@pytest.mark.parametrize("damage", ["lost", "another's", "broken"])
def test_a_demo_whose_key_is_gone_makes_another_application(shell: Shell, damage: str) -> None:
    process, world = start(shell)
    first = world.ready
    end(process, world)
    path = Path(first["private_key"])
    if damage == "lost":
        path.unlink()
    elif damage == "broken":
        path.write_text("-----BEGIN PRIVATE KEY-----\n")
    else:
        save_key(generate_key(), path)
    process, world = start(shell)
    assert world.ready["application_id"] != first["application_id"]
    assert world.ready["page_id"] == first["page_id"]
    world.send(program_of(world), flat(first["page_id"], world.ready["psid"]))
    end(process, world)
