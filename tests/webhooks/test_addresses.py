"""The two webhook URLs under a base URL."""

from __future__ import annotations

import pytest

from nbhelpers.webhooks.addresses import INBOUND_PATH, STATUS_PATH, webhook_urls

pytestmark = pytest.mark.fast


def test_both_urls_stand_under_the_base_by_the_names_of_the_ready_line() -> None:
    assert webhook_urls("https://receiver.example") == {
        "inbound_url": "https://receiver.example/webhooks/inbound",
        "status_url": "https://receiver.example/webhooks/status",
    }
    assert INBOUND_PATH != STATUS_PATH


def test_behind_the_secret_of_a_jupyter_server_comes_the_last_part_alone():
    base = "https://hub.example/user/ada/nbhelpers/webhooks/s3cret"
    assert webhook_urls(base) == {"inbound_url": f"{base}/inbound", "status_url": f"{base}/status"}
