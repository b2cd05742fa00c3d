"""The hop map's panel: what it shows is what the doctor found, and *Look again* asks anew."""

from __future__ import annotations

from nbhelpers import Lab
from tests.support.labs import button, printed, seen, written


def test_the_panel_shows_the_doctors_verdict_and_looks_again_when_asked(ready: Lab) -> None:
    panel = ready.panels.hops()
    try:
        assert printed(panel).splitlines()[0] == "The way of a message (SIMULATOR)"
        assert ready.doctor().verdict in seen(panel)
        written(ready)
        button(panel, "Look again").click()
        assert "No answer was sent from here." in seen(panel)
    finally:
        panel.close()
