"""`nbhelpers send`: every content and option, and a text from standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Shell
from tests.support.simulation import Target, target


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
    events = [json.loads(line) for line in shell("inbox", "--json").stdout.splitlines()]
    return [event for event in events if event["kind"] == "reply"][-1]["body"]


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
