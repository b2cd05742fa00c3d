"""The calls on a terminal: followed as they come, listed and opened later, and waited for."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nbhelpers.cli.calls import painted
from tests.conftest import Shell, wait_until
from tests.support.simulation import Target, start, target

CLOCK = r"\d\d:\d\d:\d\d"


def served(shell: Shell, hook: Target, *options: str) -> subprocess.Popen[str]:
    """A demo in the foreground whose webhooks go to this server."""
    process, _ = shell.start("simulator", "--demo", "--inbound", hook.url, "--status", hook.url, *options)
    return process


def ended(process: subprocess.Popen[str]) -> str:
    """End a simulator; all that it has written on standard error."""
    process.terminate()
    return process.communicate(timeout=10)[1]


def test_the_simulator_follows_its_calls_on_standard_error(shell: Shell) -> None:
    answers = iter([500, 200, 200, 200])
    with target(lambda _: next(answers), "/inbound") as hook:
        process = served(shell, hook)
        hook.wait(1)
        shell("pace", "1000")
        hook.wait(2)
        shell("trigger", "text")
        hook.wait(3)
    lines = ended(process).splitlines()
    assert re.fullmatch(rf"{CLOCK} --> POST /inbound 500 in \d+ ms, again in 5 s \(1 inbound\)", lines[0])
    assert re.fullmatch(rf"{CLOCK} --> POST /inbound 200 in \d+ ms \(2 inbound\)", lines[1])
    assert re.fullmatch(rf"{CLOCK} --> POST /inbound 200 in \d+ ms \(3 inbound\)", lines[2])
    assert len(lines) == 3


def test_quiet_says_nothing_and_neither_does_one_that_a_lab_started(shell: Shell) -> None:
    with target() as hook:
        process = served(shell, hook, "--quiet")
        hook.wait(1)
    assert ended(process) == ""
    script = "from nbhelpers import Lab; lab = Lab(); lab.need('receive'); print(lab.settings.folder); lab.stop()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=shell.folder,
        env=shell.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (Path(done.stdout.strip()) / "logs" / "simulator.log").read_text().count("\n") == 1, "its ready line"


def test_a_server_that_does_not_listen_yet_is_said_once_and_has_everything_when_it_does(shell: Shell) -> None:
    with target() as hook:
        port = int(hook.url.split(":")[2].partition("/")[0])
    process = served(shell, hook)
    for text in ("one", "two"):
        shell("trigger", "text", "--text", text)
    with target(path="/hook", port=port) as hook:
        shell("pace", "1000")
        hook.wait(3)
    lines = ended(process).splitlines()
    silent = [line for line in lines if "nobody listens" in line]
    assert len(silent) == 1
    words = f"POST /hook nobody listens at http://127.0.0.1:{port} yet: tried again until somebody does (1 inbound)"
    assert silent[0].partition(" --> ")[2] == words
    assert sum(" 200 in " in line for line in lines) == 3


def test_a_pipe_that_nobody_reads_stops_neither_the_calls_nor_the_end(shell: Shell) -> None:
    with target() as hook:
        process, world = start(shell, "--demo", "--inbound", hook.url)
        for _ in range(30):  # fifty lines of sixty bytes each time: more than a pipe holds
            world.control.play("chatty")
        hook.wait(1501, timeout=30)
        world.close()
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 3


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_a_terminal_gets_colours_unless_no_color_is_set(shell: Shell, more: dict[str, str], coloured: bool) -> None:
    ours, theirs = os.openpty()
    with target(lambda _: 500) as hook:
        process = subprocess.Popen(
            [sys.executable, "-m", "nbhelpers", "simulator", "--demo", "--inbound", hook.url],
            cwd=shell.folder,
            env=shell.environment | {"TERM": "xterm"} | more,
            stdout=subprocess.PIPE,
            stderr=theirs,
        )
        hook.wait(1)
    written = wait_until(lambda: os.read(ours, 4096)).decode()
    process.terminate()
    process.communicate(timeout=10)
    os.close(theirs)
    os.close(ours)
    assert "POST /hook 500 in" in written
    assert ("\x1b[31m" in written) == coloured
    assert ("\x1b" in written) == coloured


@pytest.mark.fast
def test_where_nobody_looks_there_is_no_colour() -> None:
    with Path(os.devnull).open("w") as pipe:
        assert painted("line", True, pipe, {}) == "line"


def test_calls_lists_them_later_and_opens_one(shell: Shell) -> None:
    assert "No simulator runs here." in shell("calls", ok=False).stderr
    process, _ = shell.start("simulator")
    empty = shell("calls")
    assert (empty.stdout, empty.stderr.startswith("No webhook URL was called yet.")) == ("", True)
    process.terminate()
    process.wait(10)
    with target(lambda call: 404 if b"Rye" in call.body else 200) as hook:
        served(shell, hook, "--switch", "retry_on=5xx")
        shell("trigger", "text", "--text", "Rye?")
        hook.wait(2)
        wait_until(lambda: len(shell("calls").stdout.splitlines()) == 2, what="two calls")
    listed = shell("calls").stdout.splitlines()
    assert re.fullmatch(rf"{CLOCK} --> POST /hook 404 in \d+ ms, not tried again \(2 inbound\)", listed[1])
    assert shell("calls", "--limit", "1").stdout.splitlines() == listed[1:]
    facts = [json.loads(line) for line in shell("calls", "--json").stdout.splitlines()]
    assert [(each["id"], each["status"]) for each in facts] == [(1, 200), (2, 404)]
    opened = shell("calls", "2").stdout
    assert opened.startswith(f"POST {hook.url}\nHost: 127.0.0.1:")
    assert "\nAuthorization: Bearer eyJ" in opened
    assert '\n  "text": "Rye?"\n' in opened
    assert "\n404 Not Found\nServer: BaseHTTP" in opened
    assert opened.endswith(f"\n1 try:\n{listed[1]}\n")
    assert json.loads(shell("calls", "2", "--json").stdout)["body"] == hook.calls[1].body.decode()
    assert "There is no call 3. There are 1 to 2." in shell("calls", "3", ok=False).stderr
    assert "One call is not followed." in shell("calls", "1", "--follow", ok=False).stderr


def test_follow_goes_on_until_it_is_interrupted(shell: Shell) -> None:
    with target() as hook:
        served(shell, hook)
        hook.wait(1)
        wait_until(lambda: shell("calls").stdout, what="the first call")
        follower = subprocess.Popen(
            [sys.executable, "-m", "nbhelpers", "calls", "--follow"],
            cwd=shell.folder,
            env=shell.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follower.stdout is not None
        assert "(1 inbound)" in follower.stdout.readline()
        shell("trigger", "text")
        assert "200 in" in follower.stdout.readline()
        time.sleep(0.1)
        follower.send_signal(signal.SIGINT)
        assert (*follower.communicate(timeout=10), follower.returncode) == ("", "", 0)


def test_wait_ends_with_1_when_the_answer_is_no_2xx(shell: Shell) -> None:
    with target(lambda call: 500 if b"Rye" in call.body else 200) as hook:
        served(shell, hook)
        good = shell("trigger", "text", "--text", "Oats?", "--wait")
        said, line = good.stdout.splitlines()
        assert said.endswith("(passed on).")
        assert re.fullmatch(rf"{CLOCK} --> POST /hook 200 in \d+ ms \(\d inbound\)", line)
        bad = shell("trigger", "text", "--text", "Rye?", "--wait", ok=False)
        assert (bad.returncode, " 500 in " in bad.stdout, bad.stderr) == (1, True, "")
        facts = json.loads(shell("trigger", "text", "--text", "Rye?", "--wait", "--json", ok=False).stdout)
        assert [(each["uuid"], each["status"]) for each in facts["calls"]] == [(facts["message_uuid"], 500)]
        many = shell("trigger", "several", "--wait")
        assert many.stdout.splitlines()[0] == "6 messages from 5 people."
        assert sum(" 200 in " in line for line in many.stdout.splitlines()) == 6


def test_wait_waits_for_the_receipt_of_what_is_read(shell: Shell) -> None:
    with target(lambda call: 503 if call.json.get("status") == "read" else 200) as hook:
        process, demo = shell.start("simulator", "--demo", "--inbound", hook.url, "--status", hook.url)
        uuid = shell("send", "--to", demo["psid"], "--text", "Baked.").stdout.strip()
        hook.statuses(uuid, 2)
        done = shell("trigger", "read", "--wait", ok=False)
        assert (done.returncode, done.stdout.splitlines()[0]) == (1, "1 message read.")
        assert re.search(r"--> POST /hook 503 in \d+ ms, again in 5 s \(\d+ read\)", done.stdout)
        assert shell("trigger", "read", "--wait").stdout == "0 messages read.\n"
        refused = shell("trigger", "block", "--wait", ok=False)
        assert "No webhook is called then. A person blocks the Page. Leave out --wait." in refused.stderr
        ended(process)


def test_wait_says_so_where_nobody_can_be_called(shell: Shell) -> None:
    shell.start("simulator", "--demo", "--quiet")
    nowhere = shell("trigger", "text", "--wait", ok=False)
    assert (nowhere.returncode, "Nobody was called. No webhook URL is set" in nowhere.stderr) == (1, True)
    assert "`nbhelpers receiver`" in nowhere.stderr
    with target() as gone:
        pass
    process, _ = shell.start("simulator", "--demo", "--inbound", gone.url, "--state", "other")
    silent = shell("trigger", "text", "--wait", "--state", "other", ok=False)
    assert (silent.returncode, "nobody listens at http://127.0.0.1:" in silent.stdout) == (1, True)
    ended(process)
