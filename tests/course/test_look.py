"""The stylesheet of the outputs: squeezed, on the theme's variables, and beside the markup that needs it."""

from __future__ import annotations

import re

import pytest

from nbhelpers.course.look import LOOK, dressed, marked

pytestmark = pytest.mark.fast


def test_the_stylesheet_has_no_comment_and_asks_no_network() -> None:
    assert "/*" not in LOOK and "\n" not in LOOK
    assert not re.search(r"url\(|@import|https?:", LOOK)
    assert "--jp-" in LOOK


def test_markup_gets_the_stylesheet_and_stays_as_it_is() -> None:
    assert dressed("<p>Done.</p>") == f'<div class="nbh"><style>{LOOK}</style><p>Done.</p></div>'


def test_code_and_headings_of_cells_are_marked_and_everything_else_is_escaped() -> None:
    assert (
        marked("Run *Make the Page*, or `lab.need(1)`.") == "Run <em>Make the Page</em>, or <code>lab.need(1)</code>."
    )
    assert marked("`a < b` & <b>2 * 3 * 4</b>") == "<code>a &lt; b</code> &amp; &lt;b&gt;2 * 3 * 4&lt;/b&gt;"
    assert marked("one ` alone, **bold**") == "one ` alone, **bold**"
