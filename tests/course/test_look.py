"""The stylesheet of the outputs: squeezed, on the theme's variables, and beside the markup that needs it."""

from __future__ import annotations

import re

import pytest

from nbhelpers.course.look import LOOK, dressed

pytestmark = pytest.mark.fast


def test_the_stylesheet_has_no_comment_and_asks_no_network() -> None:
    assert "/*" not in LOOK and "\n" not in LOOK
    assert not re.search(r"url\(|@import|https?:", LOOK)
    assert "--jp-" in LOOK


def test_markup_gets_the_stylesheet_and_stays_as_it_is() -> None:
    assert dressed("<p>Done.</p>") == f'<div class="nbh"><style>{LOOK}</style><p>Done.</p></div>'
