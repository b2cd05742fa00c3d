"""Walks in real JupyterLab, in a real browser: every notebook by Run All, and the round without running a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from nbhelpers.course.exercises import tasks
from tests.conftest import REPOSITORY, Shell
from tests.support.lab_page import NEEDS_BROWSER, LabPage, browsing, course_copy, serving_lab, shot

pytestmark = NEEDS_BROWSER

NOTEBOOKS = sorted(path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture
def jupyter(shell: Shell, tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the notebooks, as `nbhelpers lab` opens it; its address with the token."""
    with serving_lab(course_copy(tmp_path), shell.folder / ".lab", shell.environment) as address:
        yield address


@pytest.fixture
def page() -> Iterator[Page]:
    with browsing() as made:
        yield made


def run_all(page: Page, address: str, notebook: str) -> None:
    lab = LabPage(page, address, Path())
    lab.open(notebook)
    lab.run_all(done=False)


def test_run_all_in_every_notebook_shows_no_error(jupyter: str, page: Page) -> None:
    lab = LabPage(page, jupyter, Path())
    for notebook in NOTEBOOKS:
        lab.open(notebook)
        lab.run_all()
        wrong = page.locator(
            '.jp-Notebook:visible [data-mime-type*="stderr"], .jp-Notebook:visible [data-mime-type*="error"]'
        )
        assert wrong.all_inner_texts() == [], notebook
        assert "Error displaying widget" not in " ".join(lab.outputs()), notebook
        here = page.locator('.jp-Notebook:visible nav[aria-label="Progress"] [aria-current="step"]').all_inner_texts()
        steps = [str(int(notebook[:2]))] if notebook[0] == "0" and 1 <= int(notebook[:2]) <= 7 else []
        assert [said.split()[0] for said in here if "you are here" in said] == steps, (notebook, here)
    assert page.errors == []


def test_a_psid_appears_and_an_answer_is_read_without_running_a_cell(jupyter: str, page: Page, shell: Shell) -> None:
    run_all(page, jupyter, "06_receive")
    panel = page.locator(".jp-OutputArea-output", has_text="Captured PSID").first
    expect(page.get_by_text("Done.").last).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    line = panel.get_by_label("Write as Ada")
    line.fill("Is there rye bread today?")
    line.press("Enter")
    expect(panel.get_by_text("“Is there rye bread today?”", exact=True)).to_be_visible(timeout=10_000)
    psid = panel.locator("code", has_text=re.compile(r"^\d{15,17}$")).first.inner_text()
    assert f"from {psid}" in shell("inbox").stdout
    shot(page, "06-captured-psid")

    run_all(page, jupyter, "07_reply")
    expect(page.get_by_text("The whole talk").last).to_be_visible(timeout=60_000)
    box = page.locator(".jp-OutputArea-output", has=page.get_by_label("Your answer"))
    box.scroll_into_view_if_needed()
    assert psid in box.inner_text()
    box.get_by_label("Your answer").fill("Yes: baked this morning.")
    expect(box.get_by_text("24 of 640")).to_be_visible(timeout=10_000)
    box.get_by_role("button", name="Send").click()
    expect(box.locator("li", has_text=re.compile(r"✓ delivered \d\d:\d\d:\d\d"))).to_be_visible(timeout=10_000)
    assert "✓ read" not in box.inner_text(), "nothing is read before the person reads"
    shell("trigger", "read", "--psid", psid)
    expect(box.locator("li", has_text=re.compile(r"✓ read \d\d:\d\d:\d\d"))).to_be_visible(timeout=10_000)
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


def test_an_exercise_is_solved_and_a_question_answered_without_a_mouse(jupyter: str, page: Page, shell: Shell) -> None:
    run_all(page, jupyter, "03_jwt")
    panel = page.locator(".jp-OutputArea-output", has_text="Somebody has copied your token")
    expect(panel).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    first = panel.get_by_role("radio").first
    first.focus()
    page.keyboard.press("Space")
    expect(panel.get_by_role("status").filter(has_text="Wrong. a) Nothing")).to_be_visible(timeout=10_000)
    shot(page, "03-question-wrong")
    page.keyboard.press("ArrowDown")
    expect(panel.get_by_role("status").filter(has_text="Done. b) Send in your name")).to_be_visible(timeout=10_000)
    expect(panel.get_by_text("Wrong.")).to_have_count(0)
    shot(page, "03-question-done")

    cell = page.locator(".jp-CodeCell", has_text='lab.exercise("3.2").check(')
    expect(cell.locator(".jp-OutputArea-output", has_text="Not yet.")).to_be_visible()
    cell.scroll_into_view_if_needed()
    shot(page, "03-exercise-not-yet")
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(tasks()["3.2"].solution)
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output", has_text="Done. 401, though")).to_be_visible(timeout=20_000)
    shot(page, "03-exercise-done")
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
    status = panel.get_by_role("status")
    expect(status.filter(has_text="not seen yet: your answer")).to_be_visible()
    shell("stop")
    panel.get_by_role("button", name="Look again").click()
    expect(status.filter(has_text="It stops: your receiver")).to_be_visible(timeout=10_000)
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
    lab = LabPage(page, jupyter, tmp_path / "course" / "notebooks")
    lab.start("lessons", *cells)
    panel = page.locator(".jp-OutputArea-output", has_text="Lessons in what goes wrong").first
    expect(panel.get_by_role("button", name="Start")).to_be_visible(timeout=60_000)
    box = page.locator(".jp-OutputArea-output", has=page.get_by_label("Your answer"))
    expect(box).to_be_visible(timeout=60_000)
    panel.scroll_into_view_if_needed()
    panel.get_by_role("combobox", name="Lesson").select_option("outside window")
    expect(panel.get_by_text("the status rejected with 1340")).to_be_visible(timeout=10_000)
    panel.get_by_role("button", name="Start").click()
    expect(panel.get_by_text("On now: outside-window (1×).")).to_be_visible(timeout=10_000)
    shot(page, "lessons-started")
    box.scroll_into_view_if_needed()
    box.get_by_label("Your answer").fill("Sorry, I was away.")
    box.get_by_role("button", name="Send").click()
    expect(box.locator("li", has_text="1340")).to_be_visible(timeout=10_000)
    expect(panel.get_by_text("On now: nothing.")).to_be_visible(timeout=10_000)
    shot(page, "lessons-seen")
    assert page.errors == []
