"""A call and its answer as they are shown: no secret, the signature in words, and a command that a shell takes."""

from __future__ import annotations

import json
import shlex

import pytest

from nbhelpers.diagnosis.exchanged import api_refusal, exchanged_by, signature_words, webhook_refusal
from nbhelpers.inbox.events import Delivery
from nbhelpers.simulator.storage.calls import NOBODY

pytestmark = pytest.mark.fast

BODY = {"message_uuid": "u", "channel": "messenger", "from": "1", "to": "2", "message_type": "text", "text": "it's 🥐"}


def delivery(verdict: str = "signed", why: str = "", **more: object) -> Delivery:
    headers = (("authorization", "Bearer eyJ.secret.signature"), ("content-type", "application/json"))
    known = {"method": "POST", "path": "/webhooks/inbound", "headers": headers, "answer": 200}
    return Delivery(**known | {"body": json.dumps(BODY).encode(), "verdict": verdict, "why": why, **more})


def test_no_token_is_shown_and_the_command_says_the_same_body() -> None:
    shown = exchanged_by(None, delivery(), "http://127.0.0.1:8710", simulated=True)
    assert shown.line == "POST /webhooks/inbound"
    assert "secret" not in repr(shown)
    assert dict(shown.headers)["authorization"] == "Bearer ••••"
    words = shlex.split(shown.curl.replace("\\\n", " "))
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:8710/webhooks/inbound"]
    assert json.loads(words[words.index("--data-raw") + 1]) == BODY
    assert (shown.shape, shown.verdict) == ("today's shape", "Signature verified.")


@pytest.mark.parametrize(
    ("verdict", "why", "words"),
    [
        ("wrong", "another secret", "Signature wrong: another secret."),
        ("unsigned", "", "Unsigned."),
        ("unchecked", "", ""),
        ("unchecked", "no secret", "Signature not verified: no signature secret is known."),
    ],
)
def test_each_verdict_has_its_words(verdict: str, why: str, words: str) -> None:
    assert signature_words(delivery(verdict, why), simulated=True) == words
    assert "VONAGE_SIGNATURE_SECRET" in signature_words(delivery("unchecked", "no secret"), simulated=False)


def test_a_refusal_of_the_api_is_told_with_its_cure() -> None:
    answer = {"type": "https://developer.vonage.com/api-errors/messages#1120", "title": "Invalid sender"}
    words = api_refusal({"status": 422, "answer_body": json.dumps(answer)})
    assert words.startswith("422 Invalid sender. Next: ")
    assert api_refusal({"status": 418, "answer_body": "[]"}) == "418."
    of_three = {"title": "Your parameters didn't validate.", "detail": "Found 3 errors."}
    words = api_refusal({"status": 418, "answer_body": json.dumps(of_three)})
    assert words == "418 Your parameters didn't validate: Found 3 errors."


@pytest.mark.parametrize(
    ("status", "answer", "words", "shown"),
    [
        (400, '{"error": "This is no webhook.", "next": "Send one."}', "answered 400", "This is no webhook. Send one."),
        (500, "<h1>Oops</h1>", "answered 500", "It answered 500."),
        (401, "", "the signature is wrong", "It answered 401. the signature is wrong"),
        (0, "", NOBODY, "No answer (nobody listens there). Next: start what should answer there, `lab.receiver`."),
        (0, "", "no answer (TimeoutError)", "No answer (TimeoutError)."),
        (0, "", "no answer (the lesson receiver-down)", "No answer (the lesson receiver-down)."),
    ],
)
def test_a_webhook_that_was_not_taken_is_told_in_the_receivers_words(
    status: int, answer: str, words: str, shown: str
) -> None:
    assert webhook_refusal(status, answer, words) == shown
