"""addresses: the two paths, and which of them a near miss means."""

from __future__ import annotations

import pytest

from nbhelpers.messages.addresses import INBOUND_PATH, STATUS_PATH, meant_by, webhook_urls

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/webhooks/inbound/", INBOUND_PATH),
        ("/webhooks//inbound", INBOUND_PATH),
        ("//webhooks/inbound", INBOUND_PATH),
        ("/WEBHOOKS/Inbound", INBOUND_PATH),
        ("/webhooks/inbound-message", INBOUND_PATH),
        ("/webhooks/inbound_messages", INBOUND_PATH),
        ("/webhook/inbound", INBOUND_PATH),
        ("/webhooks/inbond", INBOUND_PATH),
        ("/webhooks/inbound.", INBOUND_PATH),
        ("/webhooks/status/", STATUS_PATH),
        ("/webhooks/message-status", STATUS_PATH),
        ("/webhooks/delivery-receipt", STATUS_PATH),
        ("/webhooks/staus", STATUS_PATH),
        ("/", None),
        ("/webhooks", None),
        ("/status", None),
        ("/.env", None),
        ("/wp-login.php", None),
        ("/" + "a" * 5000 + "/webhooks/inbound", None),
        ("", None),
    ],
)
def test_a_near_miss_names_the_path_that_was_meant_and_a_scanners_path_none(path: str, meant: str | None):
    assert meant_by(path) == meant


def test_the_urls_stand_under_the_base():
    assert webhook_urls("https://a.example") == {
        "inbound_url": "https://a.example/webhooks/inbound",
        "status_url": "https://a.example/webhooks/status",
    }


def test_behind_the_secret_of_a_jupyter_server_comes_the_last_part_alone() -> None:
    base = "https://hub.example/user/ada/nbhelpers/webhooks/s3cret"
    assert webhook_urls(base) == {"inbound_url": f"{base}/inbound", "status_url": f"{base}/status"}
