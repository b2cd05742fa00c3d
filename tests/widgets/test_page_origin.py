"""The part that reads the page's own address: it shows nothing, and fetches nothing."""

from __future__ import annotations

import re

import pytest

from nbhelpers.widgets.page_origin import PageOrigin

pytestmark = pytest.mark.fast


def test_it_reads_the_origin_and_nothing_else_of_the_page() -> None:
    script = str(PageOrigin._esm)
    assert not re.search(r"https?:|\bimport\b|\bfetch\b|XMLHttpRequest|cookie|href", script)
    assert script.count("window.location.origin") == 2
    assert PageOrigin().origin == ""
