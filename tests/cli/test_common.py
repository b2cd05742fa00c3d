"""What every command has: errors in one line, NAME=VALUE pairs, facts as JSON or in words."""

from __future__ import annotations

import pytest

from nbhelpers.cli.common import pairs
from nbhelpers.errors import SettingsError
from tests.conftest import Shell


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("trigger", "text"), "No simulator runs here."),
        (("send", "--to", "1", "--text", "x"), "No simulator runs here."),
        (("token",), "No simulator runs here."),
        (("trigger", "text", "--mode", "live"), "Write from a phone"),
        (("simulator", "--mode", "live"), "There is no simulator here."),
        (("simulator", "--guide"), "There is no --demo."),
    ],
)
def test_an_error_is_one_line_with_the_next_step(shell: Shell, command: tuple[str, ...], words: str) -> None:
    refused = shell(*command, ok=False)

    assert refused.returncode == 1
    assert words in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


@pytest.mark.fast
def test_pairs_are_read_and_one_without_an_equals_sign_is_named() -> None:
    assert pairs(("window=24+1", " a = b=c ")) == {"window": "24+1", "a": "b=c"}
    with pytest.raises(SettingsError, match="You wrote “window”"):
        pairs(("window",))


def test_a_command_that_is_named_takes_the_state_that_this_one_was_given(shell: Shell) -> None:
    shell.start("simulator", "--demo", "--state", "mine")
    elsewhere = shell("trigger", "text", ok=False).stderr
    assert f"None that runs is recorded in {shell.folder / '.lab' / 'simulator'}." in elsewhere
    assert "if yours was started with --state DIR, give that here too" in elsewhere
    second = shell("simulator", "--state", "mine", ok=False).stderr
    assert "end it with `nbhelpers stop --state mine`." in second
    assert "`nbhelpers receiver --state mine`" in shell("replay", "--state", "mine", ok=False).stderr
    assert "simulator (simulator) at http" in shell("stop", "--state", "mine").stdout
