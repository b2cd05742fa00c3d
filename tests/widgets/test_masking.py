"""What a room must not see is masked, and nothing else is."""

from __future__ import annotations

import pytest

from nbhelpers.widgets.masking import masked

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("PSID 7000000000000005 wrote", "PSID ••••0005 wrote"),
        ("(1234567890123456)", "(••••3456)"),
        ("https://ada.ngrok.app/webhooks/inbound", "https://••••/webhooks/inbound"),
        ("HTTP://127.0.0.1:8710?a=1", "HTTP://••••?a=1"),
        ("Is there rye bread at 10 for 12.50?", "Is there rye bread at 10 for 12.50?"),
        ("order 1234567", "order 1234567"),
        ("aaaaaaaa-bbbb-cccc-dddd-012345678901", "aaaaaaaa-bbbb-cccc-dddd-012345678901"),
        ("", ""),
    ],
)
def test_long_numbers_and_hosts_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
