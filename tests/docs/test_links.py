"""What the check of the built pages finds: links that lead nowhere, and what would come from a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.links import broken_links, from_a_network

pytestmark = pytest.mark.fast


def page(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<!doctype html><title>x</title>{body}", encoding="utf-8")


def test_links_to_pages_places_and_files_that_are_there_are_fine(tmp_path: Path) -> None:
    page(tmp_path, "index.html", '<a href="more/a.html#here">a</a><a href="#top">t</a><h1 id="top">x</h1>')
    page(tmp_path, "more/a.html", '<p id="here"><a href="../index.html">back</a><img src="a%20b.png">')
    (tmp_path / "more" / "a b.png").write_bytes(b"")
    assert broken_links(tmp_path) == []


@pytest.mark.parametrize("link", ["gone.html", "#gone", "other.html#gone", "folder/"])
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, link: str) -> None:
    page(tmp_path, "index.html", f'<a href="{link}">x</a>')
    page(tmp_path, "other.html", "")
    (tmp_path / "folder").mkdir()
    assert len(broken_links(tmp_path)) == 1
    assert link in broken_links(tmp_path)[0]


def test_a_link_into_the_world_is_nobodys_load(tmp_path: Path) -> None:
    page(tmp_path, "index.html", '<a href="https://developer.vonage.com/">x</a><a href="mailto:a@example.com">y</a>')
    assert broken_links(tmp_path) == []
    assert from_a_network(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://unpkg.com/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.com/a.css">',
        '<img src="HTTP://example.com/a.png">',
        '<p style="background: url(https://example.com/a.png)">',
        "<style>@import 'https://example.com/a.css'</style>",
    ],
)
def test_what_a_page_would_load_from_a_network_is_found(tmp_path: Path, body: str) -> None:
    page(tmp_path, "index.html", body)
    assert len(from_a_network(tmp_path)) == 1


def test_what_a_style_sheet_would_load_from_a_network_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text(
        "@font-face { src: url('https://example.com/a.woff2') } p { background: url(a.png) }"
    )
    assert len(from_a_network(tmp_path)) == 1
