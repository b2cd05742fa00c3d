"""The hello panel."""

from __future__ import annotations

import pytest

from nbhelpers import Lab
from tests.support.labs import button, printed, seen


@pytest.mark.fast
def test_hello_says_that_panels_work_when_it_is_pressed(ready: Lab) -> None:
    panel = ready.panels.hello()
    assert "Panels work." not in seen(panel)
    button(panel, "Press me").click()
    assert seen(panel) == "Hello SIMULATOR ✓ Panels work."


@pytest.mark.fast
def test_hello_prints_as_text(ready: Lab) -> None:
    assert printed(ready.panels.hello()) == (
        "Hello (SIMULATOR)\nPanels work as text. In JupyterLab a button stands here."
    )
