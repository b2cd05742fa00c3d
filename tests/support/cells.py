"""The cells of the notebooks as they are committed, for the tests that read them without running them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "notebooks"
KEYS = ("page", "application", "jwt", "link", "webhooks", "receive", "reply")
STEPS = {
    "01_facebook_page": "page",
    "02_application": "application",
    "03_jwt": "jwt",
    "04_link_page": "link",
    "05_webhooks": "webhooks",
    "06_receive": "receive",
    "07_reply": "reply",
}
NAMES = ["00_start_here", *STEPS, "08_experiments", "09_go_live", "quickstart"]
PAGES = [
    "README.md",
    "notebooks/THEN_AND_NOW.md",
    "notebooks/GLOSSARY.md",
    "notebooks/recipes.md",
    "notebooks/PRESENTING.md",
]


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook, for a test to name."""

    notebook: str
    type: str
    id: str
    tags: tuple[str, ...]
    source: str

    @property
    def prose(self) -> str:
        """Its text as it is read: without code blocks, pictures and the addresses of links."""
        text = re.sub(r"^```.*?^```$", "", self.source, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
        return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)

    @property
    def words(self) -> int:
        return len(re.findall(r"\w[\w’'./-]*", self.prose))

    @property
    def lines(self) -> int:
        return len(self.source.strip().splitlines())

    def __str__(self) -> str:
        return f"{self.notebook}#{self.id}"


def raw(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def cells(name: str) -> list[Cell]:
    return [
        Cell(name, each["cell_type"], each["id"], tuple(each["metadata"].get("tags", ())), "".join(each["source"]))
        for each in raw(name)["cells"]
    ]


def texts(name: str) -> list[Cell]:
    return [cell for cell in cells(name) if cell.type == "markdown"]


def codes(name: str) -> list[Cell]:
    return [cell for cell in cells(name) if cell.type == "code"]


def every(*names: str) -> Iterator[Cell]:
    for name in names or NAMES:
        yield from cells(name)


def headings(text: str) -> list[tuple[int, str]]:
    bare = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [(len(signs), title) for signs, title in re.findall(r"^(#+) (.+?)\s*$", bare, re.MULTILINE)]


def anchor(title: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


by_notebook = pytest.mark.parametrize("name", NAMES)
