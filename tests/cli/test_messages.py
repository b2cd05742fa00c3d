"""`token`, `send`, `trigger` and `inbox`: what each prints, and what the service refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from vonage_jwt import JwtClient

from nbhelpers.auth import tokens
from nbhelpers.auth.private_key import PrivateKey
from tests.conftest import Shell, wait_until
from tests.support.commands import inbox_of
from tests.support.labs import SMS, WHATSAPP, message
from tests.support.simulation import Target, target


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


def test_the_inbox_names_what_else_called_and_on_which_channel(shell: Shell) -> None:
    url = shell.start("receiver")[1]["inbound_url"]
    for body in (SMS, WHATSAPP, message()):
        assert requests.post(url, json=body, timeout=5).status_code == 200
    requests.post(f"{url}/", json=message(uuid="astray"), timeout=5)
    lines = shell("inbox").stdout.splitlines()
    assert re.search(
        r"--> other     an inbound SMS of the SMS API: “Hello by SMS” from 447700900001\. Next: ", lines[0]
    )
    assert lines[1].endswith("“Hello on WhatsApp” from 447700900002 to 14157386102 on WhatsApp")
    assert lines[2].endswith("“Hello” from 100 to 200 (unsigned)") or lines[2].endswith("from 100 to 200")
    assert "/webhooks/inbound is meant" in lines[3]
    facts = inbox_of(shell)
    assert [one["channel"] for one in facts] == ["sms", "whatsapp", "messenger", "messenger"]
    assert (facts[0]["kind"], facts[0]["call"]) == ("call", "an inbound SMS of the SMS API")
    assert "API Settings" in facts[0]["next"]


# Sending


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, dict[str, Any], Target]]:
    """A shell, the ready line of a demo in it, and the server to which its webhooks go."""
    shell = Shell(tmp_path_factory.mktemp("demo"))
    with target() as hook:
        _, ready = shell.start("simulator", "--demo", "--inbound", hook.url, "--status", hook.url)
        yield shell, ready, hook
        shell.close()


def piped(shell: Shell, demo: dict[str, Any], text: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nbhelpers", "send", "--to", demo["psid"], *options]
    return subprocess.run(
        command, input=text, cwd=shell.folder, env=shell.environment, capture_output=True, timeout=30, check=False
    )


def sent(shell: Shell) -> dict[str, Any]:
    """The body of the newest reply."""
    return [event for event in inbox_of(shell) if event["kind"] == "reply"][-1]["body"]


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("image", "https://example.com/rye.jpg"),
        ("audio", "https://example.com/rye.mp3"),
        ("video", "https://example.com/rye.mp4"),
        ("file", "https://example.com/prices.pdf"),
    ],
)
def test_a_picture_a_sound_a_film_and_a_file_are_sent_by_their_name(
    demo: tuple[Shell, dict[str, Any], Target], kind: str, url: str
) -> None:
    shell, ready, hook = demo
    uuid = shell("send", "--to", ready["psid"], f"--{kind}", url).stdout.strip()
    assert (sent(shell)["message_type"], sent(shell)[kind]) == (kind, {"url": url})
    assert hook.statuses(uuid, 2) == ["submitted", "delivered"]


def test_a_reference_and_a_tag_go_with_it_and_the_reference_comes_back(
    demo: tuple[Shell, dict[str, Any], Target],
) -> None:
    shell, ready, hook = demo
    options = ("--tag", "HUMAN_AGENT", "--client-ref", "order 7")
    uuid = shell("send", "--to", ready["psid"], "--text", "Baked.", *options).stdout.strip()
    assert hook.statuses(uuid, 2) == ["submitted", "delivered"]
    assert {call.json["client_ref"] for call in hook.of(uuid)} == {"order 7"}
    assert sent(shell)["messenger"] == {"category": "message_tag", "tag": "HUMAN_AGENT"}


@pytest.mark.parametrize("options", [(), ("--text", "-")])
def test_a_text_comes_from_standard_input_without_its_last_line_end(
    demo: tuple[Shell, dict[str, Any], Target], options: tuple[str, ...]
) -> None:
    shell, ready, _ = demo
    for text, said in (("Baked\nthis morning 🥐\n", "Baked\nthis morning 🥐"), ("-\r\n", "-"), ("x\n\n", "x\n")):
        done = piped(shell, ready, text.encode(), *options)
        assert done.returncode == 0, done.stderr
        assert sent(shell)["text"] == said


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (b"", (), "There is nothing to send. The text is empty."),
        (b"\n", (), "There is nothing to send. The text is empty."),
        (b"\xff", (), "Write it in UTF-8."),
        (b"x" * 641, (), "The text is too long. It has 641 characters."),
        (b"", ("--text", "x", "--image", "https://example.com/x.jpg"), "You gave --text, --image."),
        (b"", ("--image", "rye.jpg"), "the image cannot be fetched from there."),
        (b"x", ("--client-ref", "x" * 101), "It has 101 characters."),
    ],
)
def test_what_cannot_be_sent_is_one_line_with_the_next_step(
    demo: tuple[Shell, dict[str, Any], Target], text: bytes, options: tuple[str, ...], words: str
) -> None:
    shell, ready, _ = demo
    refused = piped(shell, ready, text, *options)
    assert (refused.returncode, refused.stdout) == (1, b"")
    assert words in refused.stderr.decode() and refused.stderr.count(b"\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")
def test_at_a_terminal_nothing_is_waited_for(demo: tuple[Shell, dict[str, Any], Target]) -> None:
    import pty  # Windows has none

    shell, ready, _ = demo
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "nbhelpers", "send", "--to", ready["psid"]]
        done = subprocess.run(
            command, stdin=theirs, cwd=shell.folder, env=shell.environment, capture_output=True, timeout=30, check=False
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 1
    assert b"You gave no content. Use --text or --image, or pipe a text into it." in done.stderr


# With a server of one's own


def test_inbox_and_replay_say_that_webhooks_go_to_a_server_of_ones_own(shell: Shell) -> None:
    with target() as hook:
        shell.start("simulator", "--state", "mine", "--demo", "--inbound", hook.url, "--status", hook.url)
        assert shell("inbox", "--state", "mine").stderr == (
            f"The inbox is empty: webhooks go to {hook.url}, not to the kit's receiver. "
            "`nbhelpers calls --state mine` shows them.\n"
        )
        assert shell("replay", "--state", "mine", ok=False).stderr == (
            f"Error: There is nothing to send again. Webhooks go to {hook.url}. `nbhelpers trigger text --state mine` "
            "sends one; after `nbhelpers fault duplicate-delivery --state mine` it comes twice.\n"
        )
        started = shell("fault", "bad-signature", "--state", "mine").stdout
        assert "your own server answers 401" in started
        assert "`nbhelpers calls --state mine` shows both" in started
        shell("stop", "--state", "mine")


def test_an_empty_inbox_of_the_kits_own_receiver_names_no_server(shell: Shell) -> None:
    shell.start("receiver")
    assert shell("inbox").stderr == "The inbox is empty. When a person writes to the Page, it appears here.\n"
