"""Tab: what a shell is told, and what a real bash makes of it."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbhelpers.simulator.rules.scenes import SCENES
from nbhelpers.simulator.storage.faults import FAULTS
from nbhelpers.simulator.storage.switches import SWITCHES
from tests.conftest import REPOSITORY, Shell


def offered(shell: Shell, *words: str) -> list[str]:
    """What `nbhelpers WORDS…` is completed to, by the call that zsh makes."""
    asked = {"_NBHELPERS_COMPLETE": "zsh_complete", "COMP_CWORD": str(len(words))}
    asked["COMP_WORDS"] = " ".join(["nbhelpers", *words])
    done = subprocess.run(
        [sys.executable, "-m", "nbhelpers"],
        cwd=shell.folder,
        env=shell.environment | asked,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()[1::3]  # each is its type, itself, its help


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("fault", ""), list(FAULTS)),
        (("fault", "un"), ["unknown-psid", "unsigned", "unsupported-message"]),
        (("fault", "nothing"), []),
        (("trigger", "lang"), ["languages"]),
        (("switches", ""), list(SWITCHES)),
        (("switches", "un"), ["unknown_psid", "unknown_tag", "unlinked_page", "unauthorised", "unknown_account"]),
        (("switches", "retr"), ["retry_on=any", "retry_on=5xx"]),
        (("switches", "jti=n"), ["jti=needed", "jti=new", "jti=not needed"]),
        (("switches", "tags_of="), ["tags_of=today"]),
        (("switches", "jti=x"), []),
        (("simulator", "--switch", "signed"), ["signed=yes", "signed=no"]),
        (("trigger", "text", "--person", ""), []),  # no simulator runs
        (("st",), ["status", "stop"]),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_a_shell_is_told_what_there_is(shell: Shell, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(shell, *words) == expected


def test_every_scene_is_offered(shell: Shell) -> None:
    assert set(SCENES) <= set(offered(shell, "trigger", ""))


def test_people_and_pages_of_the_running_simulator_are_offered_by_name(shell: Shell) -> None:
    shell.start("simulator", "--demo", "--state", "here")
    for name in ("Grace", "Grace Hopper", "Ada"):
        shell("trigger", "text", "--person", name, "--state", "here")
    asked = ("trigger", "--state", "here", "text")
    assert offered(shell, *asked, "--person", "") == ["Ada", "Grace", "Grace Hopper"]
    assert offered(shell, *asked, "--person", "Gr") == ["Grace", "Grace Hopper"]
    assert offered(shell, *asked, "--page", "C") == ["Corner Bakery"]
    assert offered(shell, "trigger", "--state", "elsewhere", "text", "--person", "") == []
    shell("stop", "--state", "here")


class Terminal:
    """An interactive bash on a terminal of its own, with the README's line run."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        environment = environment | {"PS1": "$ ", "TERM": "dumb", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, keys: str, until: str, timeout: float = 20) -> str:
        """Press keys, and return what is shown up to where a pattern matches."""
        os.write(self._ours, keys.encode())
        shown, end = "", time.monotonic() + timeout
        while not re.search(until, shown):
            assert time.monotonic() < end, f"no {until} in {shown!r}"
            if select.select([self._ours], [], [], 0.1)[0]:
                shown += os.read(self._ours, 65_536).decode("utf-8", "replace")
        return shown

    def close(self) -> None:
        self._bash.kill()
        self._bash.wait()
        os.close(self._ours)


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Any]:
    command = shell.folder / "nbhelpers"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m nbhelpers "$@"\n')
    command.chmod(0o755)
    made = Terminal(shell.folder, shell.environment)
    yield made
    made.close()


@pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="bash at a terminal")
def test_a_real_bash_completes_by_the_line_of_the_readme(shell: Shell, terminal: Terminal) -> None:
    (line,) = re.findall(r"^\| bash \|.*\| `(.*)` \|$", (REPOSITORY / "README.md").read_text("utf-8"), re.MULTILINE)
    shell.start("simulator", "--demo")
    shell("trigger", "text", "--person", "Grace Hopper")
    terminal.type(f"{line}; echo ready$((1))\n", r"ready1")
    for typed, words in (
        ("fault outs", ["fault", "outside-window"]),
        ("switches retry_on=5", ["switches", "retry_on=5xx"]),
        ("switches missing_tag=a", ["switches", "missing_tag=at once"]),
        ("switches check_u", ["switches", "check_urls="]),
        ("trigger text --person Gr", ["trigger", "text", "--person", "Grace Hopper"]),
        ("--v", ["--version"]),
        ("token --mode=sand", ["token", "--mode=sandbox"]),
    ):
        # Tab, then to the line's beginning: printf says of which words the line consists now.
        shown = terminal.type(f"nbhelpers {typed}\t\x01printf '<%s>' \x05; echo over$((1))\n", r"over1")
        printed = next(line for line in shown.splitlines() if "over1" in line)
        assert re.findall("<([^>]*)>", printed) == ["nbhelpers", *words]
