"""The command: the whole round from a shell, and errors that are one readable line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import requests

from nbhelpers.auth import tokens
from nbhelpers.auth.private_key import generate_key, save_key
from tests.conftest import Shell, wait_until
from tests.support.commands import happened, inbox_of
from tests.test_package import HEAVY

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CLI_COMMANDS = {
    *("simulator", "receiver", "trigger", "calls", "token", "send", "inbox", "status", "stop", "reset", "lab"),
    *("switches", "replay", "fault", "advance", "pace", "credentials", "webhooks", "tunnel", "doctor", "explain"),
    *("board", "course"),
}


def test_the_round_of_a_demo_goes_from_hello_to_read(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    hello = wait_until(lambda: inbox_of(shell), what="the demo's first message")[0]
    assert (hello["psid"], hello["page_id"]) == (demo["psid"], demo["page_id"])

    said = json.loads(shell("trigger", "text", "--text", "Rye bread?", "--json").stdout)
    assert said["psid"] == demo["psid"], "the same person on the same Page"
    uuid = shell("send", "--to", demo["psid"], "--from", demo["page_id"], "--text", "Baked.").stdout.strip()
    assert UUID.fullmatch(uuid)
    wait_until(lambda: "delivered" in happened(shell, uuid), what="delivered")
    assert "read" not in happened(shell, uuid), "nothing is read before the person reads"
    assert "1 message read" in shell("trigger", "read").stdout
    wait_until(lambda: "read" in happened(shell, uuid), what="read")
    # On a busy computer the first receipt is stored before the command has written down what it sent.
    assert sorted(happened(shell, uuid)) == sorted(["reply", "submitted", "delivered", "read"])


def test_the_round_of_the_guide_goes_over_http_from_a_voice_application_to_read(shell: Shell) -> None:
    """Each step as the guide has it: nothing is prepared, and the webhooks come in the guide's shape."""
    _, ready = shell.start("simulator")
    _, receiver = shell.start("receiver")
    record = json.loads((shell.folder / ".lab" / "simulator" / "simulator.json").read_text())
    control = {"X-Simulator-Token": record["control"]}
    url = ready["base_url"]

    page = requests.post(f"{url}/_simulator/pages", json={"name": "Bakery"}, headers=control, timeout=5).json()
    addresses = {which: {"address": f"http://example.com/{which[:-4]}"} for which in ("answer_url", "event_url")}
    form = {"name": "Guide", "capabilities": {"voice": {"webhooks": addresses}}}
    account = (ready["api_key"], ready["api_secret"])
    made = requests.post(f"{url}/v2/applications", json=form, auth=account, timeout=5)
    assert made.status_code == 201
    key_file = save_key(made.json()["keys"]["private_key"], shell.folder / "private.key")
    application = ("--application-id", made.json()["id"], "--private-key", str(key_file))

    token = shell("token", *application).stdout.strip()
    linked = requests.post(f"{url}/_simulator/link", data={"jwt": token, "page": "Bakery"}, timeout=5).json()
    assert linked["page_id"] == page["id"]
    shown = requests.get(f"{url}/_simulator/settings", headers=control, timeout=5).json()
    assert shown["http_method"] == "GET", "the guide's note: the default is GET"
    form = {"inbound_url": receiver["inbound_url"], "status_url": receiver["status_url"], "http_method": "POST"}
    requests.put(f"{url}/_simulator/settings", json=form, headers=control, timeout=5).raise_for_status()

    shell("trigger", "text", "--page", "Bakery", "--text", "Hello from Facebook Messenger!")
    (event,) = wait_until(lambda: inbox_of(shell), what="the inbound message")
    assert event["body"]["from"] == {"type": "messenger", "id": event["psid"]}
    assert event["body"]["to"] == {"type": "messenger", "id": page["id"]}

    body = {
        "from": event["body"]["to"],
        "to": event["body"]["from"],
        "message": {"content": {"type": "text", "text": "Hello!"}},
    }
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(f"{url}/v0.1/messages", json=body, headers=headers, timeout=5)
    assert answer.status_code == 202
    uuid = answer.json()["message_uuid"]
    wait_until(lambda: happened(shell, uuid) == ["submitted", "delivered"], what="both receipts")
    shell("trigger", "read", "--psid", event["psid"])
    wait_until(lambda: happened(shell, uuid) == ["submitted", "delivered", "read"], what="read")


def test_live_credentials_in_the_shell_do_not_turn_the_course_into_a_401(shell: Shell, tmp_path: Path) -> None:
    for name, value in {
        "VONAGE_APPLICATION_ID": "00000000-0000-0000-0000-000000000000",
        "VONAGE_PRIVATE_KEY": "/nowhere/private.key",
        "VONAGE_SIGNATURE_SECRET": "somebody else's",
        "NEXMO_API_KEY": "deadbeef",
        "MESSENGER_SENDER_ID": "1",
        "PUBLIC_URL": "https://example.com",
    }.items():
        shell.environment[name] = value
    _, demo = shell.start("simulator", "--demo")
    shell.start("receiver")
    uuid = shell("send", "--to", demo["psid"], "--text", "Still here").stdout.strip()
    wait_until(lambda: "delivered" in happened(shell, uuid), what="delivered")


def test_live_mode_takes_the_guides_names_and_says_what_is_missing(shell: Shell) -> None:
    refused = shell("send", "--mode", "live", "--to", "1", "--text", "x", ok=False)
    assert refused.returncode == 1
    assert "VONAGE_APPLICATION_ID, VONAGE_PRIVATE_KEY" in refused.stderr

    path = save_key(generate_key(), shell.folder / "private.key")
    shell.environment |= {"NEXMO_APPLICATION_ID": "abc", "NEXMO_PRIVATE_KEY": str(path)}
    token = shell("token", "--mode", "live").stdout
    assert tokens.inspect(token).claims["application_id"] == "abc"
    assert "NEXMO_APPLICATION_ID was read as VONAGE_APPLICATION_ID." in shell("status", "--mode", "live").stdout


@pytest.mark.fast
def test_the_commands_are_those_of_the_blueprint_and_each_explains_itself(shell: Shell) -> None:
    from nbhelpers.cli.main import main

    assert set(main.commands) == CLI_COMMANDS
    for name, command in main.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, (name, parameter.name)


@pytest.mark.fast
def test_help_lists_every_command_in_one_section_with_its_whole_first_sentence() -> None:
    from click.testing import CliRunner

    from nbhelpers.cli.main import main

    shown = CliRunner().invoke(main, ["--help"], prog_name="nbhelpers").output
    parts = re.split(r"^([A-Z][^\n]*):\n", shown, flags=re.MULTILINE)[3:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(sections) == ["The round", "The simulator", "Going live", "Housekeeping"]
    listed = [name for part in sections.values() for name in re.findall(r"^  (\S+)", part, re.MULTILINE)]
    assert sorted(listed) == sorted(main.commands)
    words = " ".join(shown.split())
    for name, command in main.commands.items():
        assert f"{name} {' '.join(command.help.split()).partition('. ')[0].removesuffix('.')}" in words
    assert shown.count("...") == 1  # of the usage
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.fast
@pytest.mark.parametrize("arguments", [("--help",), ("trigger", "--help"), ("send", "--help")])
def test_help_loads_nothing_that_only_a_running_command_needs(shell: Shell, arguments: tuple[str, ...]) -> None:
    code = "import sys; from nbhelpers.cli.main import main; main(standalone_mode=False); print(*sys.modules)"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=shell.folder, capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.rpartition("\n\n")[2].split())
    assert "click" in loaded
    assert not loaded & {*HEAVY, "psutil", "sqlite3", "IPython"}
