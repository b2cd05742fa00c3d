"""One walk in real JupyterLab, in a real browser: see a PSID appear and an answer be read without running a cell."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import REPOSITORY, Shell, wait_until
from tests.support.browser import BROWSER, FLAGS, REASON

pytestmark = [
    pytest.mark.timeout(300),
    # On a learner's machine there may be none; where CI is set, its absence is a failure and no hole.
    pytest.mark.skipif(BROWSER is None and not os.environ.get("CI"), reason=REASON),
]


@pytest.fixture
def jupyter(shell: Shell, tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the notebooks' folder, as `nbhelpers lab` opens it; its address with the token."""
    # A copy: what a browser saves must not land in the repository.
    course = tmp_path / "course"
    shutil.copytree(REPOSITORY / "notebooks", course / "notebooks")
    shutil.copytree(REPOSITORY / "nbhelpers", course / "nbhelpers")  # a link would lead back to the repository
    environment = shell.environment | {"PYTHONPATH": str(course), "NBHELPERS_STATE": str(shell.folder / ".lab")}
    log = tmp_path / "jupyter.log"
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
            found = wait_until(lambda: re.search(r"http://127\S+token=\w+", log.read_text()), 60, "JupyterLab")
            yield found[0]
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        made = browser.new_page(viewport={"width": 1280, "height": 900})
        # What the page complains about is kept: a panel whose script fails must fail the walk.
        made.errors = []
        made.on("pageerror", lambda error: made.errors.append(str(error)))
        yield made
        browser.close()


def run_all(page: Page, address: str, notebook: str) -> None:
    root, token = address.split("/lab", 1)[0], address.rpartition("token=")[2]
    page.goto(f"{root}/lab/workspaces/{notebook}/tree/{notebook}.ipynb?token={token}&reset")
    expect(page.locator(".jp-Notebook:visible")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def shot(page: Page, name: str) -> None:
    """Keep a picture where the person who runs the tests asked for one."""
    folder = os.environ.get("COURSE_SHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_psid_appears_and_an_answer_is_read_without_running_a_cell(jupyter: str, page: Page, shell: Shell) -> None:
    run_all(page, jupyter, "06_receive")
    panel = page.locator(".jp-OutputArea-output", has_text="Captured PSID").first
    expect(page.get_by_text("Done.").last).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    line = panel.get_by_placeholder("Write as the person")
    line.fill("Is there rye bread today?")
    line.press("Enter")
    expect(panel.get_by_text("“Is there rye bread today?”")).to_be_visible(timeout=10_000)
    psid = panel.locator("span", has_text=re.compile(r"^\d{15,17}$")).first.inner_text()
    assert f"from {psid}" in shell("inbox").stdout
    shot(page, "06-captured-psid")

    run_all(page, jupyter, "07_reply")
    expect(page.get_by_text("The whole talk").last).to_be_visible(timeout=60_000)
    box = page.locator(".jp-OutputArea-output", has=page.get_by_placeholder("Your answer"))
    box.scroll_into_view_if_needed()
    assert psid in box.inner_text()
    box.get_by_placeholder("Your answer").fill("Yes: baked this morning.")
    expect(box.get_by_text("24 of 640")).to_be_visible(timeout=10_000)
    box.get_by_role("button", name="Send").click()
    expect(box.get_by_text(re.compile(r"✓ delivered \d\d:\d\d:\d\d"))).to_be_visible(timeout=10_000)
    assert "✓ read" not in box.inner_text(), "nothing is read before the person reads"
    shell("trigger", "read", "--psid", psid)
    expect(box.get_by_text(re.compile(r"✓ read \d\d:\d\d:\d\d"))).to_be_visible(timeout=10_000)
    box.get_by_role("button", name="Request").click()
    expect(box.get_by_text("curl -X POST")).to_be_visible(timeout=10_000)
    shot(page, "07-reply-box")
    assert page.errors == []


def test_a_token_can_be_copied_and_minted_again_and_never_stands_on_the_page(
    jupyter: str, page: Page, shell: Shell
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run_all(page, jupyter, "04_link_page")
    card = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="Copy JWT"))
    expect(card.get_by_text(re.compile(r"1[45]:\d\d left"))).to_be_visible(timeout=60_000)
    card.scroll_into_view_if_needed()
    card.get_by_role("button", name="Copy JWT").click()
    expect(card.get_by_text("Copied.")).to_be_visible(timeout=10_000)
    first = page.evaluate("navigator.clipboard.readText()")
    assert first.startswith("eyJ") and first.count(".") == 2
    card.get_by_role("button", name="Mint again").click()
    expect(card.get_by_text("Minted.")).to_be_visible(timeout=10_000)
    card.get_by_role("button", name="Copy JWT").click()
    expect(card.get_by_text("Copied.")).to_be_visible(timeout=10_000)
    second = page.evaluate("navigator.clipboard.readText()")
    assert second.startswith("eyJ") and second != first
    assert "eyJ" not in page.content()
    shot(page, "04-token-card")

    # The guide's way: the link page in a tab of its own, the token pasted, the Page chosen.
    link = page.locator(".jp-OutputArea-output").get_by_role("link", name="Open the link page")
    with page.context.expect_page() as opened:
        link.click()
    tab = opened.value
    tab.get_by_label("Your JWT").fill(second)
    tab.get_by_role("button", name="Link").click()
    expect(tab.get_by_text("Your Page ID is")).to_be_visible(timeout=10_000)
    shot(tab, "04-link-page")
    assert page.errors == []


def test_the_hop_map_is_read_at_once_and_looked_at_again(jupyter: str, page: Page, shell: Shell) -> None:
    run_all(page, jupyter, "09_go_live")
    panel = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name="Look again"))
    expect(panel).to_be_visible(timeout=60_000)
    expect(page.get_by_text("None needed").last).to_be_visible(timeout=60_000)
    shown = [("Inbound Message", "09-webhooks"), ("is in the account of API key", "09-credentials-check")]
    for words, name in [*shown, ("PSID", "09-doctor")]:
        page.locator(".jp-OutputArea-output", has_text=words).last.scroll_into_view_if_needed()
        shot(page, name)
    panel.scroll_into_view_if_needed()
    expect(panel.get_by_role("listitem")).to_have_count(10)
    assert panel.bounding_box()["height"] <= 300, "the map and the cell after it are on one small screen"
    assert "not seen yet: your answer" in panel.get_by_role("status").first.inner_text()
    shell("stop")
    panel.get_by_role("button", name="Look again").click()
    expect(panel.get_by_role("status").first).to_contain_text("It stops: your receiver", timeout=10_000)
    shot(page, "09-hop-map")
    assert page.errors == []


def test_a_lesson_is_started_in_the_panel_and_seen_in_the_reply_box(
    jupyter: str, page: Page, shell: Shell, tmp_path: Path
) -> None:
    cells = [
        "from nbhelpers import Lab\n\nlab = Lab()\nlab.need('reply')",
        "lab.user.write('Do you have rye bread?')",
        "lab.panels.lessons()",
        "lab.panels.reply()",
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(metadata=kernel, cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbformat.write(notebook, tmp_path / "course" / "notebooks" / "lessons.ipynb")
    run_all(page, jupyter, "lessons")
    panel = page.locator(".jp-OutputArea-output", has_text="Lessons in what goes wrong").first
    expect(panel.get_by_role("button", name="Start")).to_be_visible(timeout=60_000)
    box = page.locator(".jp-OutputArea-output", has=page.get_by_placeholder("Your answer"))
    expect(box).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    panel.get_by_role("combobox", name="Lesson").select_option("outside window")
    expect(panel.get_by_text("the status rejected with 1340")).to_be_visible(timeout=10_000)
    panel.get_by_role("button", name="Start").click()
    expect(panel.get_by_text("On now: outside-window (1×).")).to_be_visible(timeout=10_000)
    shot(page, "lessons-started")
    box.scroll_into_view_if_needed()
    box.get_by_placeholder("Your answer").fill("Sorry, I was away.")
    box.get_by_role("button", name="Send").click()
    expect(box.get_by_text(re.compile("1340"))).to_be_visible(timeout=10_000)
    expect(panel.get_by_text("On now: nothing.")).to_be_visible(timeout=10_000)
    shot(page, "lessons-seen")
    assert page.errors == []
