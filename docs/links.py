"""Checks the built pages: every link inside the book leads somewhere, and no page loads anything from a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["broken_links", "from_a_network"]

_LOADS = {
    *(("script", "src"), ("img", "src"), ("img", "srcset"), ("source", "src"), ("source", "srcset"), ("iframe", "src")),
    *(("video", "src"), ("audio", "src"), ("object", "data"), ("embed", "src"), ("use", "href"), ("image", "href")),
}
_RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}
_AWAY = re.compile(r"(?i)^\s*(?:[a-z]+:)?//")


class _Page(HTMLParser):
    """What a page links to, what it loads, and the places in it that a link can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [value for name, value in given.items() if (tag, name) in _LOADS]
        if tag == "link" and _RELATIONS.intersection(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        self.loads += _of_styles(given.get("style", ""))
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._style:
            self.loads += _of_styles(data)


def _of_styles(text: str) -> list[str]:
    """Return what a style sheet loads."""
    return [one or other for one, other in re.findall(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", text)]


def _pages(book: Path) -> dict[Path, _Page]:
    return {path: _Page(path.read_text("utf-8")) for path in sorted(book.rglob("*.html"))}


def broken_links(book: Path) -> list[str]:
    """Return a line for each link, picture and script that leads to no file of the book, or to no place in one."""
    pages = _pages(book)
    return [line for path, page in pages.items() for line in _broken(book, path, page, pages)]


def _broken(book: Path, path: Path, page: _Page, pages: dict[Path, _Page]) -> Iterator[str]:
    for link in [*page.links, *page.loads]:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not link:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        place = unquote(parts.fragment)
        if not target.is_file():
            yield f"{path.relative_to(book)}: {link} leads to no file of the book."
        elif place and target in pages and place not in pages[target].places:
            yield f"{path.relative_to(book)}: {link} names no place of that page."


def from_a_network(book: Path) -> list[str]:
    """Return a line for each script, style, picture or frame that a page or style sheet would load from elsewhere."""
    loads = [(path, load) for path, page in _pages(book).items() for load in page.loads]
    loads += [(path, load) for path in sorted(book.rglob("*.css")) for load in _of_styles(path.read_text("utf-8"))]
    return [f"{path.relative_to(book)}: {load} is loaded from a network." for path, load in loads if _AWAY.match(load)]
