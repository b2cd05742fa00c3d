"""The commands that go live: the webhook fields of the account are shown, set, and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nbhelpers.cli.main import main
from nbhelpers.services import launcher
from tests.support.account_api import OURS, SECRET, Account, environment, held, live_settings


@pytest.fixture
def run(vonage: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in environment(vonage).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str, answer: str | None = None) -> Any:
        where = ("--mode", "live", "--state", str(tmp_path / "lab"))
        done = CliRunner().invoke(main, ["webhooks", *where, *arguments], input=answer)
        assert SECRET not in done.output
        return done

    yield command
    launcher.stop(live_settings(vonage, tmp_path))


@pytest.mark.fast
def test_the_command_shows_asks_sets_and_puts_back(run: Any, vonage: Account) -> None:
    assert f"wrong, your receiver is {OURS['inbound_url']}" in run().stdout
    refused = run("--set", answer="n\n")
    assert "Change it? [y/N]" in refused.output and "Nothing was changed." in refused.output
    assert vonage.puts == []
    done = run("--set", answer="y\n")
    assert (done.exit_code, len(vonage.puts)) == (0, 1)
    assert "It is done." in done.output
    facts = json.loads(run("--json").stdout)
    assert facts["inbound_url"] == {
        "address": OURS["inbound_url"],
        "http_method": "POST",
        "wanted": OURS["inbound_url"],
        "right": True,
    }
    back = run("--put-back", "--yes", "--json")
    assert json.loads(back.stdout)["changed"] is True
    assert held(vonage)["address"] == "https://old.example/in"


@pytest.mark.fast
def test_the_command_never_changes_anything_with_nobody_to_ask(run: Any, vonage: Account) -> None:
    done = run("--set", answer="")
    assert done.exit_code != 0
    assert vonage.puts == []


@pytest.mark.fast
def test_the_command_says_what_cannot_be(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "You gave both" in run("--set", "--put-back").output
    assert "There is nothing to put back" in run("--put-back", "--yes").output
    assert "The mode is simulator" in run("--put-back", "--mode", "simulator").output
    monkeypatch.delenv("VONAGE_API_SECRET")
    shown = run()
    assert shown.exit_code == 0
    assert OURS["status_url"] in shown.output and shown.output.strip().endswith("*Save changes*.")
    assert "text" in json.loads(run("--json").stdout)
    assert run("--set", "--yes").exit_code == 1


@pytest.mark.fast
def test_the_command_fails_when_something_else_is_different(run: Any, vonage: Account) -> None:
    vonage.after_put = lambda stored: stored["capabilities"].pop("voice")
    done = run("--set", "--yes")
    assert done.exit_code == 1
    assert "capabilities.voice" in done.output
