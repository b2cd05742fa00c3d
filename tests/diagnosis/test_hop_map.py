"""The hop map as text, as a panel and for a program: the same words, and nothing from outside unescaped."""

from __future__ import annotations

import json

from nbhelpers import Lab
from nbhelpers.diagnosis.doctor import HOPS
from nbhelpers.diagnosis.hop_map import STATES
from tests.support.labs import arrive, message


def test_text_panel_and_program_say_the_same(ready: Lab):
    found = ready.doctor()
    text, rich = repr(found), found._repr_html_()
    for hop in found.hops:
        assert hop.name in text and hop.name in rich
        assert hop.state in STATES
    assert rich.count('role="status"') == 1
    assert rich.count('aria-hidden="true"') == len(HOPS)
    assert json.loads(json.dumps(found.facts))["verdict"] == found.verdict


def test_what_came_from_outside_is_escaped(ready: Lab):
    arrive(ready, message(text="<b>bold</b>"))
    assert "<b>bold" not in ready.doctor()._repr_html_()
