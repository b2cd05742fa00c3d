"""What keeps an agent shut is known from its words; one that gets through is never accused."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from nbhelpers.errors import cure_for
from nbhelpers.tunnel import ngrok_trouble
from nbhelpers.tunnel.ngrok_trouble import Watch, by_words

pytestmark = pytest.mark.fast

SAID = {
    "dial tcp: lookup connect.ngrok-agent.com: no such host": "no-network",
    "dial tcp 3.12.62.205:443: i/o timeout": "no-network",
    "dial tcp 3.12.62.205:443: connect: connection refused": "no-network",
    "read tcp 10.0.0.2:51:443->3.12.62.205:443: read: connection reset by peer": "no-network",
    "net/http: TLS handshake timeout": "no-network",
    "context deadline exceeded": "no-network",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "x509",
    "invalid tunnel configuration": "option",
    "The ngrok API was unable to respond: timed out": "silent",
    "something else": "other",
}


@pytest.mark.parametrize("text", SAID)
def test_a_trouble_without_a_number_is_known_by_its_words_and_has_a_cure(text: str):
    assert by_words(text) == SAID[text]
    assert cure_for("ngrok", SAID[text])


def line(lvl: str, msg: str, err: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(lvl=lvl, msg=msg, err=err)


FAILS = line("ERROR", "failed to reconnect session", "dial tcp: lookup connect.ngrok-agent.com: no such host")
REFUSED = line("ERROR", "failed to reconnect session", "authentication failed: ERR_NGROK_108")


@pytest.mark.parametrize(
    ("logs", "code"),
    [
        ([FAILS], "no-network"),
        ([REFUSED], "108"),
        ([FAILS, line("INFO", "client session established")], None),
        ([line("WARNING", "failed to check for update", FAILS.err)], None),
        ([line("ERROR", "odd", "something else")], None),
        ([], None),
    ],
)
def test_it_is_said_after_a_moment_in_which_the_agent_may_still_get_through(
    logs: list[SimpleNamespace], code: str | None, monkeypatch: pytest.MonkeyPatch
):
    now = 100.0
    monkeypatch.setattr(ngrok_trouble, "time", SimpleNamespace(monotonic=lambda: now))
    watch, agent = Watch(), SimpleNamespace(api_url=None, logs=logs)
    assert watch.look(agent) is None
    now += 0.9
    assert watch.look(agent) is None
    now += 0.2
    found = watch.look(agent)
    assert (found and found[0]) == code


def test_before_there_is_an_agent_nothing_is_known():
    assert Watch().look(None) is None
    begun = time.monotonic()
    assert Watch().look(SimpleNamespace(api_url="http://127.0.0.1:9", logs=[])) is None
    assert time.monotonic() - begun < 2
