"""The hop map's panel: what it shows is what the doctor found, and *Look again* asks anew."""

from __future__ import annotations

import re

from nbhelpers import Lab
from tests.support.labs import button, printed, seen, written


def test_the_panel_shows_the_doctors_verdict_and_looks_again_when_asked(ready: Lab) -> None:
    panel = ready.panels.hops()
    try:
        assert printed(panel).splitlines()[0] == "The way of a message (SIMULATOR)"
        told, _, following = ready.doctor().verdict.partition("`")
        assert told in seen(panel) and "`" in following and "`" not in seen(panel), "code is shown as code"
        assert re.search(r"Looked at \d\d:\d\d:\d\d\.", seen(panel)), "it does not follow, and says of when it is"
        written(ready)
        button(panel, "Look again").click()
        assert "No answer was sent from here." in seen(panel)
    finally:
        panel.close()
