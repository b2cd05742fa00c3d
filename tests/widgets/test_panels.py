"""`lab.panels`: every panel by its name."""

from __future__ import annotations

from nbhelpers import Lab


def test_tab_lists_the_panels(ready: Lab) -> None:
    assert repr(ready.panels) == (
        "Panels: conversation(), credentials(), hello(), hops(), inbox(), lessons(), psid(), question(), reply(),"
        " round(), token(), webhooks()"
    )
