"""The README cannot lie: its blocks are run as they stand, and must print what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
RUN = ("bash", "python")


def script() -> str:
    """All blocks that are run, in one shell, with a line after each that says it is over."""
    parts = ["set -eu"]
    for kind, body in BLOCKS:
        if kind == "bash":
            parts += [body, "echo '=== over'"]
        elif kind == "python":
            parts += [f"python3 -W error - <<'THE_END'\n{body}THE_END", "echo '=== over'"]
    return "\n".join(parts)


def blurred(text: str) -> str:
    """The text without what differs from run to run: uuids, IDs, ports, times."""
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"\d\d:\d\d:\d\d", "TIME", text)
    return re.sub(r"\d{4,}", "NUMBER", text).strip()


def in_order(text: str) -> list[str]:
    """The lines, those of an inbox by their kind: on a busy computer a receipt may stand above its reply."""
    lines = text.splitlines()
    if any(line.startswith("TIME <-- reply") for line in lines):
        lines.sort(key=lambda line: line.startswith("TIME --> "))
    return lines


@pytest.mark.fast
def test_every_block_is_run_or_known_not_to_be() -> None:
    assert {kind for kind, _ in BLOCKS} <= {*RUN, "text", "console"}
    assert sum(kind == "bash" for kind, _ in BLOCKS) >= 3
    assert sum(kind == "python" for kind, _ in BLOCKS) >= 1
    for kind, body in BLOCKS:
        if kind == "console":
            assert all(line.startswith("$ python3 start.py") for line in body.splitlines()), body


def test_each_block_does_and_prints_what_the_readme_says(tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in (("python3", ""), ("nbhelpers", "-m nbhelpers ")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        (commands / name).chmod(0o755)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = os.environ | {
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "NBHELPERS_RECEIVER_PORT": "0",
        "NBHELPERS_SIMULATOR_PORT": "0",
    }
    # Into files: what the script leaves in the background would hold a pipe open when it fails.
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        done = subprocess.run(
            ["bash", "-c", script()], cwd=folder, env=environment, stdout=out, stderr=err, timeout=90, check=False
        )
    for state in (".lab", "by-hand"):
        subprocess.run([commands / "nbhelpers", "stop", "--state", state], cwd=folder, env=environment, check=True)
    assert done.returncode == 0, (tmp_path / "err").read_text()
    printed = iter((tmp_path / "out").read_text(encoding="utf-8").split("=== over\n"))

    following = [kind for kind, _ in BLOCKS[1:]] + ["end"]
    for (kind, body), after, (_, expected) in zip(BLOCKS, following, [*BLOCKS[1:], ("", "")], strict=True):
        if kind in RUN:
            seen = next(printed)
            if after == "text":
                assert in_order(blurred(seen)) == in_order(blurred(expected)), body


@pytest.mark.fast
def test_every_command_of_the_package_is_in_the_readme() -> None:
    from nbhelpers.cli.main import main

    for name in main.commands:
        assert re.search(rf"nbhelpers (\w+\W+)?{name}\b|`{name}`|`nbhelpers \w+`, `{name}`", README), name


@pytest.mark.fast
def test_every_file_that_the_readme_names_is_there() -> None:
    for name in ("start.py", "environment.yml", "requirements.lock", ".env.example", "CONTRIBUTING.md", "LICENSE"):
        assert name in README or name == "LICENSE"
        assert (REPOSITORY / name).is_file(), name
