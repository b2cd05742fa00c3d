"""A picture of every panel in each state, in both themes, narrow and on a projector, left in build/ to be looked at."""

from __future__ import annotations

import json
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
    expect(page.panel("Captured PSID").get_by_text("The kernel of this panel has stopped")).to_be_visible(
        timeout=15_000
    )
    page.page.wait_for_timeout(2500)
    take_all(page, "dead")
    assert page.page.errors == []


def test_a_picture_of_what_a_room_sees(page: LabPage, folder: Path) -> None:
    state = folder / "room"
    names = ("psid", "reply", "round", "inbox", "webhooks")
    page.page.set_viewport_size({"width": 1024, "height": 768})
    shown = [f"lab.panels.{name}()" for name in names]
    page.start("room", opened(state, more="\nlab.present()"), *shown, "lab.panels.conversation(projector=True)")
    lab = Lab(state=state, mode="simulator")
    page.page.keyboard.press("Control+b")
    page.page.wait_for_timeout(9000)
    for name in (*names, "conversation"):
        take(page, page.panel(HEADINGS[name]), "projector", name)
    newest = lab.inbox.newest_message()
    assert newest.psid not in page.page.locator(".jp-Notebook:visible").inner_text()
    assert page.panel("The whole talk").locator(".nbh-own").count() > 0, "it plays by itself"
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
