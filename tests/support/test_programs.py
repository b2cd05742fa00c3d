"""The last lines of a run without Chromium, the proxy of a JupyterHub, or a namespace without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.support.programs import HUB_PROXY

WALKS = "tests/notebooks/test_browser.py"
ROOMS = "tests/jupyter/test_hub.py"
STICK = "tests/test_start.py"


def run(tmp_path: Path, *arguments: str) -> str:
    """Run pytest where nothing but a package manager is on the path."""
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "apt-get").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"PATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[-1]


@pytest.mark.skipif(os.name != "posix", reason="a stand-in program is a shell script")
def test_without_a_browser_the_last_line_says_what_was_skipped_and_the_one_command_that_installs_it(tmp_path: Path):
    last = run(tmp_path, WALKS)
    assert last.endswith(
        "browser tests were skipped: there is no Chromium. Install it with: sudo apt-get install chromium"
    )
    assert int(last.split()[0]) > 1


@pytest.mark.skipif(os.name != "posix", reason="a stand-in program is a shell script")
def test_without_the_proxy_of_a_hub_it_says_the_same_of_it(tmp_path: Path):
    last = run(tmp_path, ROOMS, "-k", "not browser and not read_from_the_page")
    assert last.endswith(
        "JupyterHub tests were skipped: there is no configurable-http-proxy. Install it with: "
        "sudo apt-get install nodejs npm && sudo npm install --global configurable-http-proxy@5.1.0"
    )
    assert int(last.split()[0]) > 1


@pytest.mark.skipif(os.name != "posix", reason="a stand-in program is a shell script")
def test_where_no_namespace_is_allowed_the_last_line_says_that_the_stick_was_not_tried(tmp_path: Path):
    (tmp_path / "sysctl").write_text("#!/bin/sh\n")
    (tmp_path / "sysctl").chmod(0o755)
    last = run(tmp_path, STICK, "-k", "no_network_at_all", "-n0")
    assert last == (
        "1 USB stick test was skipped: there is no namespace without a network to be had. On Debian and Ubuntu allow "
        "it with: sudo sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0"
    )


def test_a_bare_machine_gets_the_same_proxy():
    assert HUB_PROXY.commands["apt-get"].rpartition(" ")[2] in (REPOSITORY / ".ci" / "run").read_text()


@pytest.mark.skipif(os.name != "posix", reason="a stand-in program is a shell script")
def test_a_run_without_browser_tests_ends_as_ever(tmp_path: Path):
    assert "passed" in run(tmp_path, "tests/errors/test_exceptions.py", "-n0")
