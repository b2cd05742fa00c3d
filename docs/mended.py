"""Adds to the theme's pages the names and headings that a screen reader needs, and that axe-core misses in them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["mend"]

_ADDED = {
    '<p class="caption" role="heading"': ' aria-level="2"',
    '<aside class="sidebar-drawer"': ' aria-label="The whole book"',
    '<aside class="toc-drawer"': ' aria-label="This page"',
    '<div id="search-results"></div>': "",
}


def mend(book: Path) -> None:
    """Change every page of a built book. Raises RuntimeError when the theme no longer has what is to be changed."""
    missing = set(_ADDED)
    for path in sorted(book.rglob("*.html")):
        text = path.read_text("utf-8")
        for begins, added in _ADDED.items():
            if begins in text:
                missing.discard(begins)
                text = text.replace(begins, begins + added if added else f"<h1>Search</h1>\n{begins}")
        path.write_text(text, "utf-8")
    if missing:
        raise RuntimeError(f"The theme has changed: no page holds {sorted(missing)}. Next: mend {__file__}.")
