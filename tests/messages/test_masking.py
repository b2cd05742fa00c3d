"""What a room must not see is masked, and nothing else is."""

from __future__ import annotations

import pytest

from nbhelpers.messages.masking import masked, masked_output

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


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("text/plain", "from 7000000000000005", "from ••••0005"),
        ("text/html", '<a href="http://h:1/x">http://h:1/x</a>', '<a href="http://h:1/x">http://••••/x</a>'),
        ("text/html", "<b>7000000000000005</b> < 5", "<b>••••0005</b> < 5"),
        ("application/json", {"id": ["7000000000000005", 5]}, {"id": ["••••0005", 5]}),
        ("image/png", "70000000000000055555", "70000000000000055555"),
    ],
)
def test_of_an_output_what_is_read_is_masked_and_a_link_still_leads_where_it_led(
    kind: str, value: object, shown: object
) -> None:
    assert masked_output(kind, value) == shown
