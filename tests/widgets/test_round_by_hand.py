"""The whole round in JupyterLab without running a cell: once by mouse, once by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.support.lab_page import NEEDS_BROWSER, LabPage, lab_in_browser
from tests.support.panels import HEADINGS, cells_of

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hand")


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[LabPage]:
    with lab_in_browser(folder, height=1000) as made:
        yield made
        assert made.page.errors == []


@pytest.fixture(params=["mouse", "keyboard"])
def round_page(request: pytest.FixtureRequest, page: LabPage, folder: Path) -> Iterator[tuple[LabPage, str]]:
    state = folder / f"lab-{request.param}"
    page.start(request.param, *cells_of(state, "psid", "reply", "conversation", "round", "inbox"))
    yield page, request.param
    launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))


class Hand:
    """Presses and types as a person does: with the mouse, or with Tab, Enter and the arrow keys alone."""

    def __init__(self, page: LabPage, by: str) -> None:
        self.page, self.by = page.page, by

    def reach(self, control: Locator) -> None:
        """Bring the focus to a control."""
        expect(control).to_be_enabled(timeout=15_000)
        if self.by == "mouse":
            control.click()
            return
        panel = control.locator("xpath=ancestor::*[contains(@class, 'nbh-panel')]")
        # One step before the panel's first control, as whoever comes from the cell above it.
        panel.evaluate("root => { root.tabIndex = -1; root.focus(); root.removeAttribute('tabindex') }")
        for _ in range(60):
            if control.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        pytest.fail("it cannot be reached with Tab")

    def press(self, control: Locator) -> None:
        self.reach(control)
        if self.by == "keyboard":
            self.page.keyboard.press("Enter")

    def write(self, control: Locator, text: str) -> None:
        self.reach(control)
        self.page.keyboard.type(text)


def test_the_whole_round_by_hand(round_page: tuple[LabPage, str]) -> None:
    lab, by = round_page
    hand = Hand(lab, by)
    psid, reply, talk, diagram, inbox = (
        lab.panel(HEADINGS[name]) for name in ("psid", "reply", "conversation", "round", "inbox")
    )
    hand.write(psid.get_by_label("Write as Ada"), "Do you have rye bread?")
    if by == "mouse":
        psid.get_by_role("button", name="Write").click()
    else:
        lab.page.keyboard.press("Enter")
    expect(psid.locator("bdi", has_text="“Do you have rye bread?”")).to_be_visible(timeout=15_000)

    hand.write(reply.get_by_label("Your answer"), "It's baked this morning 🥐")
    expect(reply.get_by_text("25 of 640")).to_be_visible()
    hand.press(reply.get_by_role("button", name="Send"))
    expect(reply.locator("li", has_text=re.compile(r"✓ delivered \d\d:\d\d:\d\d"))).to_be_visible(timeout=15_000)
    hand.press(reply.get_by_role("button", name="Request"))
    expect(reply.get_by_text("curl -X POST")).to_be_visible(timeout=15_000)

    phone = talk.locator(".nbh-phone").first
    expect(phone.get_by_text("It's baked this morning 🥐")).to_be_visible(timeout=15_000)
    hand.press(phone.get_by_role("button", name="Read as Ada"))
    expect(reply.locator("li", has_text=re.compile(r"✓ read \d\d:\d\d:\d\d"))).to_be_visible(timeout=15_000)
    expect(phone.get_by_text("1 message read.")).to_be_visible()
    hand.write(phone.get_by_label("Write as Ada", exact=True), "Thank you!")
    lab.page.keyboard.press("Enter")
    expect(talk.locator(".nbh-side").first.get_by_text("Thank you!")).to_be_visible(timeout=15_000)

    sent = diagram.locator(".nbh-arrow", has_text="POST /v0.1/messages → 202")
    expect(sent).to_be_attached(timeout=15_000)
    if by == "mouse":
        sent.click()
    else:
        hand.reach(diagram.locator(".nbh-arrow[tabindex='0']"))
        lab.page.keyboard.press("Home")
        for _ in range(30):
            if sent.evaluate("element => element === document.activeElement"):
                break
            lab.page.keyboard.press("ArrowDown")
        lab.page.keyboard.press("Enter")
    detail = diagram.get_by_role("region", name="The request and its answer")
    expect(detail.get_by_text("Body, in the guide's shape")).to_be_visible(timeout=15_000)
    expect(detail.get_by_text("Bearer ••••")).to_be_visible()
    hand.press(diagram.get_by_role("button", name="Step back"))
    expect(diagram.get_by_role("status").filter(has_text=re.compile(r"^\d+ of \d+: "))).to_be_visible()
    hand.press(diagram.get_by_role("button", name="Show all arrows"))

    hand.press(inbox.get_by_role("button", name=re.compile("^Open ← out")))
    expect(inbox.get_by_text("Your answer of")).to_be_visible(timeout=15_000)
    hand.press(inbox.get_by_role("button", name=re.compile("^Open → in “Do you")))
    hand.press(inbox.get_by_role("button", name=re.compile("^Replay The message")))
    expect(inbox.get_by_text("Replayed, and marked so.")).to_be_visible(timeout=15_000)
    expect(diagram.locator(".nbh-arrow", has_text="(replay)")).to_be_attached(timeout=15_000)


def test_the_diagram_is_saved_as_svg_and_copied_as_mermaid(page: LabPage, folder: Path) -> None:
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    state = folder / "lab-export"
    page.start("export", *cells_of(state, "psid", "round"))
    line = page.panel("Captured PSID").get_by_label("Write as Ada")
    line.fill("Draw <this> & that")
    line.press("Enter")
    diagram = page.panel("The round, live")
    expect(diagram.locator(".nbh-arrow", has_text="the PSID is known")).to_be_attached(timeout=15_000)
    diagram.get_by_label("What to follow").select_option(index=1)
    expect(diagram.locator(".nbh-arrow")).to_have_count(4, timeout=15_000)
    with page.page.expect_download() as saved:
        diagram.get_by_role("button", name="Save as SVG").click()
    svg = Path(saved.value.path()).read_text(encoding="utf-8")
    assert svg.startswith("<svg") and "“Draw &lt;this&gt; &amp; that”" in svg
    assert "var(--" not in svg and "class=" not in svg and "<script" not in svg, "it stands by itself"
    diagram.get_by_role("button", name="Copy as Mermaid").click()
    expect(diagram.get_by_text("Copied.")).to_be_visible()
    mermaid = page.page.evaluate("navigator.clipboard.readText()")
    assert mermaid.startswith("sequenceDiagram") and "“Draw #lt;this#gt; & that”" in mermaid
    launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))
