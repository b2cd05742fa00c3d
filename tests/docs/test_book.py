"""The book as it is built: what it holds, how it is found in, that it needs no network and keeps nobody out."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import ModuleType

import click
import nbformat
import pytest
from playwright.sync_api import Page, expect

import nbhelpers
from nbhelpers.cli.main import main
from tests.conftest import REPOSITORY
from tests.support.browser import BROWSER, REASON
from tests.support.lab_page import browsing
from tests.support.notebooks import JWT, NOTEBOOKS

BOOK = REPOSITORY / "build" / "book"
SOURCES = ("docs/*.*", "docs/static/*", "nbhelpers/**/*.py", "notebooks/*", "*.md")

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="`python3 start.py book` installs Sphinx"),
]
in_browser = pytest.mark.skipif(BROWSER is None, reason=REASON)


def is_up_to_date() -> bool:
    index = BOOK / "index.html"
    sources = [path for pattern in SOURCES for path in REPOSITORY.glob(pattern) if path.is_file()]
    return index.is_file() and index.stat().st_mtime > max(path.stat().st_mtime for path in sources)


@pytest.fixture(scope="module")
def book() -> Path:
    """The built book; it is built once, when it is older than what it is made of."""
    if not is_up_to_date():
        subprocess.run([sys.executable, "-m", "docs"], cwd=REPOSITORY, check=True, timeout=800)
    return BOOK


def text_of(path: Path) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", path.read_text(encoding="utf-8"))).split())


def test_every_notebook_is_there_with_what_its_cells_show(book: Path) -> None:
    for path in NOTEBOOKS:
        shown = (book / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert shown.count("cell_input") == len(cells), path.stem
        assert shown.count("cell_output") > len(cells) / 2, path.stem
    shown = text_of(book / "notebooks" / "07_reply.html")
    assert re.search(r"--> submitted [0-9a-f-]{36} to \d+ .*--> delivered [0-9a-f-]{36} to \d+", shown)
    assert "You see: “--> submitted”" in shown, "what is written stays as it is written"


def test_a_panel_is_there_as_text_and_where_there_is_a_browser_as_picture(book: Path) -> None:
    page = (book / "notebooks" / "07_reply.html").read_text(encoding="utf-8")
    assert "widget-view" not in page
    assert "Reply" in text_of(book / "notebooks" / "07_reply.html")
    assert BROWSER is None or {"only-light", "only-dark"} <= set(re.findall(r"only-\w+", page))


def test_no_page_shows_a_secret_or_a_folder_of_this_computer(book: Path) -> None:
    for path in book.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert str(REPOSITORY) not in text, path
        if path.parent.name == "notebooks":
            assert not JWT.search(text), path
            assert "PRIVATE KEY-----" not in text, path


def test_every_command_stands_in_the_command_reference(book: Path) -> None:
    text = text_of(book / "commands.html")
    assert len(main.commands) > 20
    for name, command in main.commands.items():
        assert f"nbhelpers {name} [OPTIONS]" in text, name
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert [option for option in parameter.opts if option not in text] == [], name


def test_every_name_that_a_module_offers_is_described(book: Path) -> None:
    from tests.test_package import MODULES, module

    ids = {
        name for path in (book / "reference").glob("*.html") for name in re.findall(r'id="([^"]+)"', path.read_text())
    }
    lacking = []
    for path in MODULES:
        if not path.name.startswith("__"):
            loaded = importlib.import_module(module(path))
            # Commands are in the command reference, modules have a heading of their own.
            names = [
                name for name in loaded.__all__ if not isinstance(getattr(loaded, name), ModuleType | click.Command)
            ]
            lacking += [f"{module(path)}.{name}" for name in names if f"{module(path)}.{name}" not in ids]
    assert lacking == []
    public = text_of(book / "python.html")
    assert [name for name in nbhelpers.__all__ if name not in public] == []


@pytest.mark.parametrize(
    "name",
    ["README", "CONTRIBUTING", "CHANGELOG", "nbhelpers/simulator/README", "deploy/README"]
    + [f"notebooks/{name}" for name in ("recipes", "GLOSSARY", "THEN_AND_NOW")],
)
def test_a_page_of_the_repository_is_there_whole(book: Path, name: str) -> None:
    heads = re.findall(r"^##? (.+)$", (REPOSITORY / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE)
    shown = text_of(book / f"{name}.html")
    plain = [re.sub(r"[`*]", "", head) for head in heads if "](" not in head]
    assert [head for head in plain if head not in shown and not head.startswith("$")] == []


@pytest.fixture(scope="module")
def page(book: Path) -> Iterator[Page]:
    """A page of the book, opened as a file; whatever it asks of a network is kept and refused."""
    if BROWSER is None:
        pytest.skip(REASON)
    with browsing() as made:
        made.asked = []
        made.route(re.compile("^(?!file:|data:)"), lambda route: (made.asked.append(route.request.url), route.abort()))
        yield made


@in_browser
def test_search_works_from_a_file_and_asks_nothing_of_a_network(page: Page, book: Path) -> None:
    page.goto((book / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").fill("PSID")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a")
    expect(found.first).to_be_visible(timeout=30_000)
    found.filter(has_text="Receive a message").first.click(timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Receive a message")
    assert page.asked == []
    assert page.errors == []


@in_browser
def test_no_page_asks_anything_of_a_network_and_axe_finds_nothing_light_or_dark(page: Page, book: Path) -> None:
    from axe_playwright_python import sync_playwright

    script = Path(sync_playwright.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    found = []
    for path in sorted(book.rglob("*.html")):
        page.emulate_media(color_scheme="light")
        page.goto(path.as_uri())
        page.evaluate(script)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)  # the theme's colours change slowly
            # The second theme differs in its colours alone.
            rules = "" if scheme == "light" else ", runOnly: ['color-contrast']"
            violations = page.evaluate(f"() => axe.run({{resultTypes: ['violations']{rules}}})")["violations"]
            found += [f"{path.name} {scheme} {each['id']}: {each['nodes'][0]['html'][:120]}" for each in violations]
    assert found == []
    assert page.asked == []
    assert page.errors == []
