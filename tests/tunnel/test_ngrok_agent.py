"""tunnel/agent: an ngrok under the real pyngrok, every way in which it fails, and the token nowhere to be read."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from nbhelpers.errors import ServiceError
from nbhelpers.tunnel.ngrok_agent import Agent
from tests.conftest import wait_until
from tests.support import fake_ngrok
from tests.support.simulation import Target, target
from tests.support.tunnels import TOKEN, agents, argv_of


@pytest.fixture
def hook() -> Iterator[Target]:
    with target(200) as made:
        yield made


@pytest.fixture
def base(hook: Target) -> str:
    """Where the agent leads, without a path."""
    return hook.url.rpartition("/")[0]


def agent_of(folder: Path, mode: str = "ok", connect_cas: str | None = None) -> Agent:
    program = fake_ngrok.install(folder / "ngrok-program", mode)
    return Agent(program, folder / "state" / "ngrok" / "1", TOKEN, connect_cas)


def nothing_is_left(folder: Path) -> bool:
    return wait_until(lambda: not agents(folder), 5, "the end of the agent")


def test_it_opens_leads_there_and_is_gone_when_closed(tmp_path: Path, hook: Target, base: str):
    agent = agent_of(tmp_path)
    public = agent.open(base)
    assert requests.post(f"{public}/hook", json={"hello": "there"}, timeout=5).status_code == 200
    assert hook.calls[-1].json == {"hello": "there"}
    assert agent.alive
    agent.close()
    assert nothing_is_left(tmp_path)
    assert not agent.alive
    with pytest.raises(requests.ConnectionError):
        requests.get(public, timeout=5)


def test_the_token_is_in_its_file_of_0600_and_in_no_argument_environment_or_log(
    tmp_path: Path, base: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("NGROK_AUTHTOKEN", TOKEN)
    monkeypatch.setenv("NGROK_API_KEY", "an-api-key-of-ngrok")
    caplog.set_level(logging.DEBUG)
    agent = agent_of(tmp_path, connect_cas="host")
    try:
        agent.open(base)
        (pid,) = agents(tmp_path)
        assert TOKEN not in " ".join(argv_of(pid))
        environment = psutil.Process(pid).environ()
        assert not [name for name, value in environment.items() if TOKEN in value or "an-api-key" in value]
        (config,) = (tmp_path / "state").rglob("ngrok.yml")
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
        text = config.read_text()
        for line in (TOKEN, "inspect_db_size: -1", "remote_management: false", "update_check: false", 'cas: "host"'):
            assert line in text
    finally:
        agent.close()
    assert TOKEN not in caplog.text


def test_the_endpoint_has_a_plain_name_and_keeps_no_requests(tmp_path: Path, base: str):
    agent = agent_of(tmp_path)
    try:
        agent.open(base, "https://ada.ngrok.app/")
        (opened,) = fake_ngrok.calls(tmp_path / "ngrok-program", "open")
    finally:
        agent.close()
    assert opened["name"] == "webhook"
    assert opened["inspect"] is False
    assert opened["url"] == "https://ada.ngrok.app"


FAILURES = [
    ("no-token", r"ERR_NGROK_4018.*your-authtoken"),
    ("bad-token", r"ngrok said no \(ERR_NGROK_105\)\. Copy it again"),
    ("revoked", r"ngrok said no \(ERR_NGROK_107\)\."),
    ("limit", r"ERR_NGROK_108\): “authentication failed: Your account is limited to 3.*”\. Run `nbhelpers stop`"),
    ("online", r"ERR_NGROK_334\): “URL is already online\.”"),
    ("no-network", r"connect\.ngrok-agent\.com.*PUBLIC_URL"),
    ("x509", r"x509.*NGROK_CONNECT_CAS"),
    ("code:9040", r"ERR_NGROK_9040"),
    ("code:99999", r"ERR_NGROK_99999"),
]


@pytest.mark.parametrize(("mode", "words"), FAILURES)
def test_each_failure_is_one_sentence_with_its_cure_without_the_token_and_leaves_nothing(
    tmp_path: Path,
    base: str,
    mode: str,
    words: str,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=words) as failed:
        agent_of(tmp_path, mode).open(base)
    assert time.monotonic() - begun < 10
    assert nothing_is_left(tmp_path)
    out, err = capfd.readouterr()
    for text in (str(failed.value), repr(failed.value.args), out, err, caplog.text):
        assert TOKEN not in text
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    assert "\\n" not in str(failed.value)


KNOWN = [
    ("old-agent", r"no API for endpoints.*404 to /api/endpoints.*Run `nbhelpers tunnel --update`\."),
    ("offline", r"cannot be reached.*lookup connect\.ngrok-agent\.com: no such host.*Check the network"),
    ("inspected", r"opens the secure connection.*x509.*NGROK_CONNECT_CAS=host"),
]


@pytest.mark.parametrize(("mode", "words"), KNOWN)
def test_what_keeps_it_shut_is_named_as_soon_as_it_is_known_and_leaves_nothing(
    tmp_path: Path, base: str, mode: str, words: str, capfd: pytest.CaptureFixture[str]
):
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=words) as failed:
        agent_of(tmp_path, mode).open(base, deadline=25)
    assert time.monotonic() - begun < 10, "far from the deadline"
    assert "opened nothing" not in str(failed.value)
    assert nothing_is_left(tmp_path)
    for text in (str(failed.value), repr(failed.value.args), *capfd.readouterr()):
        assert TOKEN not in text


def test_one_that_gets_through_at_the_second_try_is_waited_for(tmp_path: Path, base: str):
    agent = agent_of(tmp_path, "late")
    try:
        assert agent.open(base).startswith("http://127.0.0.1:")
    finally:
        agent.close()


@pytest.mark.parametrize("mode", ["silent", "slow", "slow-api"])
def test_one_that_never_opens_is_given_up_at_the_deadline_and_killed(tmp_path: Path, base: str, mode: str):
    begun = time.monotonic()
    with pytest.raises(ServiceError, match=r"ngrok had opened nothing after 2 s\..*PUBLIC_URL"):
        agent_of(tmp_path, mode).open(base, deadline=2)
    assert time.monotonic() - begun < 8
    assert nothing_is_left(tmp_path)


def test_after_a_failure_the_next_one_begins_anew(tmp_path: Path, base: str):
    with pytest.raises(ServiceError):
        agent_of(tmp_path, "silent").open(base, deadline=1)
    agent = agent_of(tmp_path, "ok")
    try:
        assert agent.open(base).startswith("http://127.0.0.1:")
    finally:
        agent.close()


def test_what_it_prints_on_its_error_output_reaches_nobody(
    tmp_path: Path, base: str, capfd: pytest.CaptureFixture[str]
):
    agent = agent_of(tmp_path, "stderr-token")
    try:
        agent.open(base)
        os.write(2, b"ours\n")
    finally:
        agent.close()
    assert capfd.readouterr().err == "ours\n"


def test_its_log_is_read_on_so_that_it_never_stands_still(tmp_path: Path, hook: Target, base: str):
    agent = agent_of(tmp_path)
    try:
        public = agent.open(base)
        for _ in range(1100):  # unread, its pipe is full after 200 to 1000
            assert requests.get(f"{public}/hook", timeout=5).status_code == 200
    finally:
        agent.close()


def test_one_that_dies_is_noticed_and_its_last_words_have_no_token(tmp_path: Path, base: str):
    agent = agent_of(tmp_path, "dies-later")
    try:
        agent.open(base)
        wait_until(lambda: not agent.alive, 6, "its end")
        assert agent.last_words()
        assert TOKEN not in agent.last_words()
    finally:
        agent.close()


def test_one_that_ignores_the_signal_is_killed(tmp_path: Path, base: str):
    agent = agent_of(tmp_path, "stubborn")
    agent.open(base)
    agent.close()
    assert nothing_is_left(tmp_path)
