"""URLs: what is one, and one sentence wherever a webhook URL comes in that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbhelpers import Lab
from nbhelpers.errors import ServiceError, SettingsError
from nbhelpers.messages.urls import is_url, webhook_url
from nbhelpers.simulator.app import Options
from tests.conftest import Shell

SENTENCE = "inbound is no URL. You gave “localhost:5000/in”. Give the whole address, such as http://localhost:5000/in."


@pytest.mark.fast
def test_an_address_has_a_scheme_and_a_host() -> None:
    assert is_url("https://example.com/x")
    assert is_url("http://127.0.0.1:8710/webhooks/inbound")
    for wrong in (
        "example.com/status",
        "https://",
        "https:///path",
        "javascript:alert(1)",
        "",
        None,
        5,
        ["https://e.com"],
    ):
        assert not is_url(wrong)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "example"),
    [
        ("localhost:5000/in", "http://localhost:5000/in"),
        ("example.com/webhooks", "http://example.com/webhooks"),
        ("x", "http://127.0.0.1:5050/webhooks/inbound"),
        ("", "http://127.0.0.1:5050/webhooks/inbound"),
        ("ftp://example.com/in", "http://127.0.0.1:5050/webhooks/inbound"),
        ("http://a b/", "http://127.0.0.1:5050/webhooks/inbound"),
        ("https://[", "http://127.0.0.1:5050/webhooks/inbound"),
    ],
)
def test_what_is_no_url_is_shown_with_one_that_is(given: str, example: str) -> None:
    assert is_url(example)
    with pytest.raises(SettingsError) as refused:
        webhook_url("status_url", given)
    assert str(refused.value) == f"status is no URL. You gave “{given}”. Give the whole address, such as {example}."


@pytest.mark.fast
def test_what_moves_a_cursor_is_not_printed() -> None:
    with pytest.raises(SettingsError, match="You gave “http://��”"):
        webhook_url("inbound", "http://\x1b\x00")


def test_the_command_starts_no_simulator_for_it(shell: Shell) -> None:
    refused = shell("simulator", "--inbound", "localhost:5000/in", "--status", "x", ok=False)
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", f"Error: {SENTENCE}\n")
    refused = shell("simulator", "--inbound", "http://127.0.0.1:5000/in", "--status", "x", ok=False)
    assert "status is no URL. You gave “x”." in refused.stderr
    assert not (Path(shell.folder) / ".lab" / "simulator" / "simulator.json").exists()


@pytest.mark.fast
def test_the_options_of_a_simulator_inside_a_test_say_it() -> None:
    with pytest.raises(SettingsError) as refused:
        Options(inbound="localhost:5000/in")
    assert str(refused.value) == SENTENCE


def test_the_form_says_it_and_keeps_what_it_held(ready: Lab) -> None:
    before = ready.simulator.settings()
    with pytest.raises(ServiceError) as refused:
        ready.webhooks.save(inbound="localhost:5000/in")
    assert str(refused.value) == SENTENCE
    with pytest.raises(ServiceError) as refused:
        ready.simulator.change_settings(inbound_url="localhost:5000/in")
    assert str(refused.value) == SENTENCE
    assert ready.simulator.settings() == before
