"""`receiver`, `status` and `stop`: what runs and where, each state directory for itself."""

from __future__ import annotations

import json

from tests.conftest import Shell, wait_until
from tests.support.commands import inbox_of


def test_status_says_what_runs_and_where(shell: Shell) -> None:
    assert "No service runs." in shell("status").stdout
    process, receiver = shell.start("receiver")
    facts = json.loads(shell("status", "--json").stdout)

    assert facts["state"] == str(shell.folder / ".lab")
    (service,) = facts["services"]
    assert service == {"name": "receiver", "mode": "simulator", "pid": process.pid, "url": receiver["url"]} | {
        name: receiver[name] for name in ("inbound_url", "status_url")
    }
    assert f"receiver: up at {receiver['url']} (process {process.pid})" in shell("status").stdout


def test_two_state_directories_share_nothing(shell: Shell) -> None:
    shell.start("simulator", "--demo", "--state", "one")
    shell.start("receiver", "--state", "one")
    wait_until(lambda: "Hello" in shell("inbox", "--state", "one").stdout, what="the message")
    other = shell("inbox", "--state", "two")
    assert (other.stdout, "empty" in other.stderr) == ("", True)
    shell("stop", "--state", "one")


def test_messages_that_came_while_no_receiver_ran_are_there_when_it_starts(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    for number in range(3):
        shell("trigger", "text", "--text", f"early {number}")
    shell.start("receiver")
    wait_until(lambda: len(inbox_of(shell)) == 4, what="all that waited")
