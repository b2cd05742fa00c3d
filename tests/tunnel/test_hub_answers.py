"""What an answer on the way through a hub means: each of the failures has its sentence, and its next action."""

from __future__ import annotations

import pytest

from nbhelpers.tunnel.hub_answers import hub_answer

pytestmark = pytest.mark.fast

URL = "https://hub.example/user/ada/nbhelpers/webhooks/s3cret/inbound"
HUB = {"X-JupyterHub-Version": "6.1.1"}


@pytest.mark.parametrize(
    ("status", "headers", "seen", "following"),
    [
        (403, HUB, "The hub answered 403 itself: to it, no server is at /user/ada/", "Start your server"),
        (503, {}, "The hub answered 503: your server does not answer it", "Wait half a minute"),
        (404, HUB, "A Jupyter server or the hub answered 404: to it, /user/ada/ is not your server", "passes paths on"),
        (404, {}, "Somebody who is not the hub answered 404", "Check that the address is the hub's"),
        (
            403,
            {},
            "Somebody in front of the hub asks for a login: https://hub.example answered 403",
            "NBHELPERS_TUNNEL=ngrok",
        ),
        (401, {}, "asks for a login", "Ask whoever runs it"),
        (200, {}, "asks for a login: https://hub.example answered 200", "Ask whoever runs it"),
        (302, {"Location": "https://login.example/x?y=1"}, "a redirect to login.example/x", "Ask whoever runs it"),
        (302, {"Location": "/oauth2/start"}, "a redirect to https://hub.example/oauth2/start", "Ask whoever runs it"),
        (418, {}, "https://hub.example answered 418, and the nonce did not come back.", "Check that"),
    ],
)
def test_each_failure_is_told_apart(status: int, headers: dict[str, str], seen: str, following: str):
    words, action = hub_answer(URL, status, headers)
    assert seen in words
    assert following in action
    assert "s3cret" not in words + action


def test_http_where_https_is_wanted_is_said_with_what_to_set():
    seen, following = hub_answer(URL.replace("https", "http"), 308, {"location": URL})
    assert seen == "http://hub.example answers http with 308, a redirect to https: a POST does not follow it."
    assert "PUBLIC_URL=https://hub.example and NBHELPERS_TUNNEL=jupyter" in following


def test_what_the_service_does_meanwhile_is_said_as_uncertain_as_it_is():
    assert "of a 403 its documentation says both" in hub_answer(URL, 403, HUB)[1]
    assert "5xx the service sends again for a day" in hub_answer(URL, 503, {})[1]
