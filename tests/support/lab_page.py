"""JupyterLab in a real browser: a server over a folder of notebooks, and a page that is used as a person uses it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.conftest import REPOSITORY, wait_until
from tests.support.browser import BROWSER, REASON

__all__ = ["NEEDS_BROWSER", "LabPage", "browsing", "course_copy", "lab_in_browser", "serving_lab", "shot"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

NEEDS_BROWSER = [
    pytest.mark.timeout(400),
    # On a learner's machine there may be none; where CI is set, its absence is a failure and no hole.
    pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason=REASON),
]

_RUN = r"[...document.querySelectorAll('.jp-Notebook:not(.lm-mod-hidden *) .jp-CodeCell .jp-InputArea-prompt')]"


@contextmanager
def serving_lab(course: Path, state: Path, environment: dict[str, str]) -> Iterator[str]:
    """JupyterLab on the notebooks of a folder, as `nbhelpers lab` opens it; its address with the token."""
    environment = environment | {"PYTHONPATH": str(course), "NBHELPERS_STATE": str(state)}
    log = course / "jupyter.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "nbhelpers", "lab", "--no-browser", "--port", "0"],
            cwd=course,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
        try:
            found = wait_until(lambda: re.search(r"http://127\S+token=\w+", log.read_text()), 120, "JupyterLab")
            yield found[0]
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def browsing(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page of the system's Chromium; what it complains about is kept in `errors`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        made = browser.new_page(viewport={"width": width, "height": height})
        # What the page complains about is kept: a panel whose script fails must fail the walk.
        made.errors = []
        made.on("pageerror", lambda error: made.errors.append(str(error)))
        yield made
        browser.close()


def shot(page: Page, name: str) -> None:
    """Keep a picture where the person who runs the tests asked for one."""
    folder = os.environ.get("COURSE_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


class LabPage:
    """JupyterLab in a page: opens notebooks, runs them from the menu, turns to the dark."""

    def __init__(self, page: Page, address: str, notebooks: Path) -> None:
        self.page, self.address, self.notebooks = page, address, notebooks
        self._root, self._token = address.split("/lab", 1)[0], address.rpartition("token=")[2]

    def write(self, name: str, *cells: str) -> str:
        """Write a notebook of code cells into the folder; return its name."""
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        made = [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(nbformat.v4.new_notebook(metadata=kernel, cells=made), self.notebooks / f"{name}.ipynb")
        return name

    def open(self, name: str) -> None:
        """Open a notebook in a workspace of its own, and wait for its kernel."""
        self.page.goto(f"{self._root}/lab/workspaces/{name}/tree/{name}.ipynb?token={self._token}&reset")
        expect(self.page.locator(".jp-Notebook:visible")).to_be_visible(timeout=90_000)
        expect(self.page.get_by_text("| Idle")).to_be_visible(timeout=90_000)

    def menu(self, first: str, *then: str) -> None:
        """Choose an entry of the menu bar."""
        self.page.get_by_role("menuitem", name=first, exact=True).click()
        for each in then[:-1]:
            self.page.locator(".lm-Menu-itemLabel:visible", has_text=re.compile(f"^{each}$")).hover()
            self.page.keyboard.press("ArrowRight")
        self.page.locator(".lm-Menu-itemLabel:visible", has_text=re.compile(f"^{re.escape(then[-1])}$")).click()

    def run_all(self, done: bool = True) -> None:
        """Run All Cells, from the menu; wait until each has run."""
        self.menu("Run", "Run All Cells")
        if done:
            self.page.wait_for_function(f"{_RUN}.every(e => /\\[\\d+\\]/.test(e.textContent))", timeout=180_000)
            self.page.wait_for_timeout(700)  # at the end JupyterLab takes the focus to the last cell

    def start(self, name: str, *cells: str) -> None:
        """Write a notebook, open it and run all of it."""
        self.open(self.write(name, *cells))
        self.run_all()

    def run_cell(self, number: int) -> None:
        """Run one cell again, with Shift and Enter."""
        cell = self.page.locator(".jp-Notebook:visible .jp-CodeCell").nth(number)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def dark(self, dark: bool = True) -> None:
        """Change the theme, from the menu."""
        self.menu("Settings", "Theme", "JupyterLab Dark" if dark else "JupyterLab Light")
        wanted = "false" if dark else "true"
        expect(self.page.locator(f'body[data-jp-theme-light="{wanted}"]')).to_be_attached(timeout=30_000)

    def restart(self) -> None:
        """Restart the kernel, from the menu."""
        self.menu("Kernel", "Restart Kernel…")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        expect(self.page.get_by_text("| Idle")).to_be_visible(timeout=90_000)

    def save(self) -> None:
        """Save the notebook, with what its panels show."""
        self.page.keyboard.press("Control+s")
        time.sleep(1)

    def panel(self, heading: str, at: int = 0) -> Locator:
        """The panel with this heading."""
        name = re.compile(f"^{re.escape(heading)}$")
        heads = self.page.locator("h3.nbh-title", has_text=name)
        return self.page.locator(".nbh-panel:visible", has=heads).nth(at)

    def outputs(self) -> list[str]:
        """What every output says, errors included."""
        return self.page.locator(".jp-Notebook:visible .jp-OutputArea-output").all_inner_texts()

    def violations(self, root: Locator) -> list[str]:
        """What axe-core finds on one element: rule, and where."""
        from axe_playwright_python.sync_playwright import Axe

        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(Path(sys.modules[Axe.__module__].__file__).with_name("axe.min.js").read_text())
        found: dict[str, Any] = root.evaluate("element => window.axe.run(element, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
            for each in found["violations"]
            for node in each["nodes"]
        ]


def course_copy(folder: Path, notebooks: bool = True) -> Path:
    """A copy of the package and the notebooks: what a browser saves must not land in the repository."""
    course = folder / "course"
    shutil.copytree(REPOSITORY / "nbhelpers", course / "nbhelpers")  # a link would lead back to the repository
    if notebooks:
        shutil.copytree(REPOSITORY / "notebooks", course / "notebooks")
    else:
        (course / "notebooks").mkdir()
    return course


@contextmanager
def lab_in_browser(folder: Path, **size: int) -> Iterator[LabPage]:
    """A server over an empty folder and a page on it, for the notebooks that a file of tests writes."""
    course = course_copy(folder, notebooks=False)
    private = ("NBHELPERS_", "VONAGE_", "NEXMO_", "MESSENGER_", "NGROK_", "MESSAGES_API", "JPY_", "PUBLIC_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    ports = {"NBHELPERS_RECEIVER_PORT": "0", "NBHELPERS_SIMULATOR_PORT": "0"}
    with serving_lab(course, folder / ".lab", inherited | ports) as address, browsing(**size) as page:
        yield LabPage(page, address, course / "notebooks")
