"""A picture of every panel in each state, in both themes, narrow and on a projector, left in build/ to be looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from nbhelpers import Lab
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.conftest import REPOSITORY
from tests.support.lab_page import NEEDS_BROWSER, LabPage, lab_in_browser
from tests.support.labs import message
from tests.support.panels import HEADINGS, STATES, cells_of, opened

pytestmark = NEEDS_BROWSER

PICTURES = REPOSITORY / "build" / "panels"
SMALLEST = 17  # CSS pixels of a letter's size on a projector of 1024 by 768
SQUARE = "data:image/svg+xml,<svg%20xmlns=%22http://www.w3.org/2000/svg%22%20width=%2220%22%20height=%2220%22/>"
BLANK = 1500  # bytes: a picture with nothing on it has fewer
STILL = ("credentials", "token", "question", "strip")  # what comes and goes does not change them
MOVING = tuple(name for name in HEADINGS if name not in STILL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[LabPage]:
    with lab_in_browser(folder, width=1180, height=1300) as made:
        yield made


def take(page: LabPage, where: Locator, *name: str) -> None:
    path = PICTURES.joinpath(*name[:-1]) / f"{name[-1]}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    where.scroll_into_view_if_needed()
    page.page.wait_for_timeout(60)
    where.screenshot(path=str(path))
    assert path.stat().st_size > BLANK, path


def take_all(page: LabPage, state: str, *names: str, themes: tuple[str, ...] = ("light", "dark")) -> None:
    for theme in themes:
        if theme == "dark":
            page.dark()
            page.page.wait_for_timeout(500)
        for name in names or (*HEADINGS, "strip"):
            shown = page.page.locator(".nbh-strip:visible").first if name == "strip" else page.panel(HEADINGS[name])
            take(page, shown, theme, f"{name}-{state}")
    if "dark" in themes:
        page.dark(False)


def test_a_picture_of_every_panel_in_every_state(page: LabPage, folder: Path) -> None:
    state = folder / "lab"
    settings = configuration.load("simulator", state, environ={}, folder=folder)
    # The token card at the end is of a token that is over when it is looked at.
    page.start("all", *cells_of(state), "lab.panels.token(lab._course.identity().token(ttl=30))")
    page.page.keyboard.press("Control+b")  # the files are put away
    lab = Lab(state=state, mode="simulator")
    for name, bring_about in STATES.items():
        bring_about(lab)
        if name == "working":
            page.panel("The round, live").get_by_label("What to follow").select_option(index=3)
            page.panel("Reply").get_by_label("Your answer").fill("Rye bread, baked this morning.")
            page.panel("Hello").get_by_role("button", name="Press me").click()
        if name == "done":
            page.panel("Reply").get_by_label("Your answer").fill("Until six. See you!")
            page.panel("Reply").get_by_role("button", name="Send").click()
            page.panel("The round, live").get_by_label("What to follow").select_option(index=1)
        if name == "refused":
            lab.webhooks.save(method="POST")
            lab.simulator.refuse_next("1340")
            page.panel("Reply").get_by_label("Your answer").fill("Too late")
            page.panel("Reply").get_by_role("button", name="Send").click()
            expect(page.panel("Reply").locator(".nbh-tick", has_text="rejected")).to_be_visible(timeout=15_000)
            lab.webhooks.save()
            follow = page.panel("The round, live").get_by_label("What to follow")
            follow.select_option(label=follow.locator("option", has_text="Anybody there?").inner_text())
        page.panel("The way of a message").get_by_role("button", name="Look again").click()
        page.page.wait_for_timeout(2500)
        take_all(page, name, *(() if name == "empty" else MOVING))
    take(page, page.panel("Your JWT", 1), "light", "token-expired")

    page.panel("Reply").get_by_role("button", name="Request").click()
    page.panel("The round, live").locator(".nbh-arrow", has_text="POST").first.click()
    page.panel("Inbox").locator("button.nbh-tiny").nth(1).click()
    page.panel("The whole talk").get_by_role("button", name="A second person").click()
    page.panel("The whole talk").get_by_role("button", name="Faults").click()
    page.panel("Credentials").get_by_text("Public half", exact=True).click()
    page.page.wait_for_timeout(1500)
    take_all(page, "open", "reply", "round", "inbox", "conversation", "credentials")

    page.page.set_viewport_size({"width": 480, "height": 1300})
    page.page.wait_for_timeout(1000)
    take_all(page, "narrow", themes=("light",))
    page.page.set_viewport_size({"width": 1180, "height": 1300})

    lab.stop()
    launcher.stop(settings)
    page.page.wait_for_timeout(2500)
    take_all(page, "no-service", "webhooks", "round", "conversation", "lessons", themes=("light",))
    page.menu("Kernel", "Shut Down Kernel")
    expect(page.panel("Captured PSID").get_by_text("This panel has stopped")).to_be_visible(timeout=15_000)
    page.page.wait_for_timeout(2500)
    take_all(page, "dead")
    assert page.page.errors == []


# The size of the letters of every text that is on the page, in CSS pixels, with the text.
LETTERS = """root => [...root.querySelectorAll("*")].flatMap(each => {
  const said = [...each.childNodes].filter(node => node.nodeType === 3).map(node => node.data.trim()).join(" ").trim();
  const seen = each.checkVisibility() && each.getBoundingClientRect().width > 2;
  return said && seen && !each.closest("style, .jp-InputPrompt, .jp-OutputPrompt, .jp-Notebook-footer, svg") ?
    [[parseFloat(getComputedStyle(each).fontSize), said.slice(0, 60)]] : [];
})"""
# The same of a drawing, which is scaled.
DRAWN = """root => [...root.querySelectorAll(".nbh-round text")].map(each =>
  [parseFloat(getComputedStyle(each).fontSize) * each.getScreenCTM().a, each.textContent])"""
TOO_WIDE = """root => [...root.querySelectorAll(".jp-OutputArea-output, .nbh-round")]
  .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent.slice(0, 80))"""


def test_a_picture_of_what_a_room_sees_at_1024_by_768(page: LabPage, folder: Path) -> None:
    state = folder / "room"
    names = ("psid", "reply", "round", "inbox", "webhooks", "token", "lessons", "question")
    page.page.set_viewport_size({"width": 1024, "height": 768})
    outputs = [
        "lab.present()",
        "lab.need('webhooks')",
        "print(lab.user.write('Do you have rye bread?'))\nlab.inbox.wait_for_message(timeout=20)",
        "lab.inbox.newest_message().json",
        "lab.receiver",
        "lab.preflight()",
        "lab.doctor()",
        "lab.check('receive', lab.inbox.newest_message().psid)",
        "lab.exercise('3.1').hint()",
        f"from IPython.display import Markdown\nMarkdown('![A square]({SQUARE})')",
    ]
    page.start("room", opened(state), *outputs, *cells_of(state, *names)[1:], "lab.panels.conversation(plays=True)")
    lab = Lab(state=state, mode="simulator")
    notebook = page.page.locator(".jp-Notebook:visible")
    page.page.keyboard.press("Control+b")
    page.page.wait_for_timeout(9000)
    for dark in (False, True):
        page.dark(dark)
        page.page.wait_for_timeout(500)
        theme = "dark" if dark else "light"
        for name in (*names, "conversation"):
            take(page, page.panel(HEADINGS[name]), "projector", f"{name}-{theme}")
        for at in range(2, len(outputs) + 1):
            page.page.locator(".jp-CodeCell").nth(at).scroll_into_view_if_needed()
            page.page.wait_for_timeout(100)
            page.page.screenshot(path=str(PICTURES / "projector" / f"output-{at}-{theme}.png"))
    page.dark(False)
    newest = lab.inbox.newest_message()
    assert newest.psid not in notebook.inner_text()
    assert [text for text in page.outputs() if re.search(r"://[^•…\s]", text)] == []
    small = [each for each in notebook.evaluate(LETTERS) if each[0] < SMALLEST]
    assert small == []
    drawn = notebook.evaluate(DRAWN)
    assert len(drawn) > 5 and [each for each in drawn if each[0] < SMALLEST] == []
    width = "each => [each.clientWidth, each.parentElement.clientWidth]"
    picture, text = notebook.locator(".jp-RenderedMarkdown img").evaluate(width)
    assert picture == text > 700, "a picture of 20 pixels grows as wide as the text"
    assert notebook.evaluate(TOO_WIDE) == []
    assert page.panel("The whole talk").locator(".nbh-own").count() > 0, "it plays by itself"

    page.page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.page.keyboard.press("Control+A")
    page.page.keyboard.insert_text("lab.present(False)")
    page.page.keyboard.press("Control+Enter")
    expect(page.page.get_by_text("As before: small type")).to_be_visible(timeout=15_000)
    letters = page.page.locator(".jp-CodeCell .cm-content").first.evaluate("each => getComputedStyle(each).fontSize")
    assert letters == "13px", "what the theme says, though the outputs that made it large are still there"
    lab.stop()
    launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))
    page.page.set_viewport_size({"width": 1180, "height": 1300})


def test_a_picture_of_live_mode(page: LabPage, folder: Path) -> None:
    state = folder / "live"
    body = json.dumps(message(psid="5643442791834631", page_id="220385903556922", text="From a phone"))
    inbound = (
        f"from nbhelpers.inbox.events import Delivery\nbody = {body.encode()!r}\nwhy = 'no signature secret is set'\n"
        "lab.inbox.record(Delivery('POST', '/webhooks/inbound', (), body, 200, why=why)).result()"
    )
    names = ("psid", "reply", "round", "conversation", "webhooks", "inbox")
    live = f"from nbhelpers import Lab\nlab = Lab(state={str(state)!r}, mode='live')\n{inbound}"
    page.start("live", live, *(f"lab.panels.{name}()" for name in names))
    page.page.wait_for_timeout(1500)
    for dark in (False, True):
        page.dark(dark)
        page.page.wait_for_timeout(500)
        for name in names:
            take(page, page.panel(HEADINGS[name]), "dark" if dark else "light", f"{name}-live")
    page.dark(False)
    expect(page.panel("Reply").get_by_text("This reaches a real person.")).to_be_visible()
