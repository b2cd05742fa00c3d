"""`token`, `send`, `trigger` and `inbox`: what each prints, and what the service refuses."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import jwt
import pytest
import requests
from vonage_jwt import JwtClient

from nbhelpers.auth import tokens
from nbhelpers.auth.private_key import PrivateKey
from tests.conftest import Shell, wait_until
from tests.support.commands import inbox_of


def test_a_token_of_the_official_package_is_accepted_and_one_with_another_key_is_not(
    shell: Shell, other_key: PrivateKey
) -> None:
    _, demo = shell.start("simulator", "--demo")
    mine = JwtClient(demo["application_id"], demo["private_key"]).generate_application_jwt().decode()
    foreign = JwtClient(demo["application_id"], other_key.pem()).generate_application_jwt().decode()
    none = jwt.encode({"application_id": demo["application_id"]}, "", algorithm="none")

    def send(token: str) -> requests.Response:
        body = {
            "from": demo["page_id"],
            "to": demo["psid"],
            "channel": "messenger",
            "message_type": "text",
            "text": "x",
        }
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(f"{demo['base_url']}/v1/messages", json=body, headers=headers, timeout=5)

    assert send(mine).status_code == 202
    for token in (foreign, none):
        refused = send(token)
        assert refused.status_code == 401
        assert refused.json() == {
            "title": "Unauthorised",
            "detail": "Invalid Token",
            "instance": refused.headers["x-nexmo-trace-id"],
        }


def test_token_prints_a_jwt_and_nothing_else(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    done = shell("token", "--ttl", "60")
    facts = tokens.inspect(done.stdout)

    assert done.stdout.count("\n") == 1 and done.stderr == ""
    assert facts.claims["application_id"] == demo["application_id"]
    assert facts.claims["exp"] - facts.claims["iat"] == 60


def test_what_the_service_refuses_is_said_with_code_field_and_cure(shell: Shell) -> None:
    _, demo = shell.start("simulator", "--demo")
    refused = shell("send", "--to", demo["psid"], "--from", "999", "--text", "x", "--api-version", "v1", ok=False)

    assert "The sender is not a Page of yours." in refused.stderr
    assert "422" in refused.stderr and "Invalid sender" in refused.stderr
    assert "Put your Page ID in `from`" in refused.stderr
    assert "eyJ" not in refused.stderr


@pytest.mark.parametrize("kind", ["text", "image", "audio", "video", "file", "unsupported"])
def test_the_person_can_send_every_documented_kind(shell: Shell, kind: str) -> None:
    shell.start("simulator", "--demo")
    shell.start("receiver")
    shell("trigger", kind)
    events = wait_until(lambda: len(inbox_of(shell)) == 2 and inbox_of(shell), what="the message")
    assert events[-1]["body"]["message_type"] == kind


def test_follow_shows_each_event_as_it_comes_until_it_is_interrupted(shell: Shell) -> None:
    shell.start("simulator", "--demo")
    shell.start("receiver")
    follower = subprocess.Popen(
        [sys.executable, "-m", "nbhelpers", "inbox", "--follow"],
        cwd=shell.folder,
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "Hello from Facebook Messenger!" in follower.stdout.readline()
    shell("trigger", "text", "--text", "again")
    assert re.match(r"\d\d:\d\d:\d\d --> inbound   “again” from \d+ to \d+\n", follower.stdout.readline())
    time.sleep(0.1)
    follower.send_signal(signal.SIGINT)
    out, err = follower.communicate(timeout=10)
    assert (out, err, follower.returncode) == ("", "", 0)
