"""Every panel for everybody: axe-core, contrast in both themes, labels, the keyboard, reading order, narrow screens."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from nbhelpers import Lab
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.support.lab_page import NEEDS_BROWSER, LabPage, lab_in_browser
from tests.support.panels import HEADINGS, STATES, cells_of

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def all_panels(folder: Path) -> Iterator[tuple[LabPage, Lab]]:
    """A notebook in which every panel is open, and the lab that acts on it from outside."""
    with lab_in_browser(folder, height=1000) as page:
        state = folder / "lab"
        page.start("all", *cells_of(state))
        lab = Lab(state=state, mode="simulator")
        yield page, lab
        lab.stop()
        launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))
        assert page.page.errors == []


# Each text on its ground, as it is painted: colours may be mixed, see-through and on several layers.
CONTRAST = """
root => {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (layers) => {
    context.clearRect(0, 0, 1, 1);
    for (const each of layers) { context.fillStyle = each; context.fillRect(0, 0, 1, 1); }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  for (const element of root.querySelectorAll('*')) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join('');
    const style = getComputedStyle(element);
    if (!text || !element.checkVisibility() || element.closest('.nbh-heard, :disabled, option')) continue;
    const grounds = [];
    for (let at = element; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
    const ground = over(['white', ...grounds]);
    const ink = over(['white', ...grounds, element.namespaceURI.endsWith('svg') ? style.fill : style.color]);
    const [low, high] = [light(ground), light(ink)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} “${text.slice(0, 30)}” ${element.outerHTML.slice(0, 80)}`);
  }
  return found;
}
"""


def panels(page: LabPage) -> Iterator[tuple[str, Locator]]:
    for name, heading in HEADINGS.items():
        panel = page.panel(heading)
        panel.scroll_into_view_if_needed()
        yield name, panel


def unfold(page: LabPage) -> None:
    """Open what can be opened: the request, the public half, an arrow, a row."""
    page.panel("Reply").get_by_role("button", name="Request").click()
    page.panel("Credentials").get_by_text("Public half", exact=True).click()
    page.panel("The whole talk").get_by_role("button", name="A second person").click()
    page.panel("The whole talk").get_by_role("button", name="Faults").click()
    arrows = page.panel("The round, live").locator(".nbh-arrow", has_text="POST")
    arrows.first.click()
    page.panel("Inbox").locator("button.nbh-tiny").first.click()
    expect(page.panel("Inbox").get_by_text("today's shape")).to_be_visible(timeout=15_000)


def test_a_panel_of_a_step_leaves_room_for_the_cell_below_it(all_panels: tuple[LabPage, Lab]) -> None:
    page, lab = all_panels
    lab.user.write("Hello from Facebook Messenger!")
    page.page.wait_for_timeout(1500)
    heights = {
        name: page.panel(HEADINGS[name]).bounding_box()["height"]
        for name in ("psid", "reply", "webhooks", "token", "credentials")
    }
    assert all(height <= 240 for height in heights.values()), heights


def test_axe_finds_nothing_in_any_panel_in_any_state_in_either_theme(all_panels: tuple[LabPage, Lab]) -> None:
    page, lab = all_panels
    found = []
    for state, bring_about in STATES.items():
        bring_about(lab)
        page.page.wait_for_timeout(1500)
        if state == "working":
            unfold(page)
        for dark in (False, True):
            page.dark(dark)
            page.page.wait_for_timeout(500)
            for name, panel in panels(page):
                where = f"{name}, {state}, {'dark' if dark else 'light'}"
                found += [f"{where}: {each}" for each in [*page.violations(panel), *panel.evaluate(CONTRAST)]]
    page.dark(False)
    assert found == []


def test_the_look_at_contrast_finds_what_can_hardly_be_read(all_panels: tuple[LabPage, Lab]) -> None:
    page, _ = all_panels
    panel = page.panel("Hello")
    panel.evaluate("root => { root.querySelector('button').style.cssText = 'background: #777; color: #888' }")
    assert [each.split()[1] for each in panel.evaluate(CONTRAST)] == ["“Press"]
    panel.evaluate("root => { root.querySelector('button').style.cssText = '' }")


def test_the_progress_strip_and_an_outcome_are_clean_too(all_panels: tuple[LabPage, Lab]) -> None:
    page, _ = all_panels
    for dark in (False, True):
        page.dark(dark)
        page.page.wait_for_timeout(500)
        assert page.violations(page.page.locator(".nbh-strip:visible").first) == []
    page.dark(False)


def test_every_control_has_its_words_and_everything_is_reached_in_reading_order(
    all_panels: tuple[LabPage, Lab],
) -> None:
    page, _ = all_panels
    for name, panel in panels(page):
        controls = panel.evaluate(
            """root => [...root.querySelectorAll('button, input, select, textarea, summary, [tabindex="0"]')]
                .filter(e => e.offsetParent !== null && !e.disabled && e.tabIndex >= 0 && e.type !== 'radio')
                .map(e => ({ box: e.getBoundingClientRect().toJSON(), says: (e.getAttribute('aria-label')
                  || (e.labels && [...e.labels].map(l => l.textContent).join(' ')) || e.textContent || '').trim() }))"""
        )
        assert all(each["says"] for each in controls), f"{name}: {controls}"
        for before, after in itertools.pairwise(controls):
            below = after["box"]["top"] >= before["box"]["top"] - 4
            beside = after["box"]["left"] > before["box"]["left"]
            column = after["box"]["left"] > before["box"]["right"] - 4
            assert below or beside or column, f"{name}: {after['says']} stands before {before['says']}"


def test_tab_goes_through_a_panel_and_out_of_it_again(all_panels: tuple[LabPage, Lab]) -> None:
    page, _ = all_panels
    for name in ("psid", "reply", "webhooks", "lessons"):
        panel = page.panel(HEADINGS[name])
        first = panel.locator("button:visible, input:visible, select:visible, textarea:visible").first
        first.focus()
        seen = 0
        for _ in range(40):
            page.page.keyboard.press("Tab")
            if not panel.evaluate("root => root.contains(document.activeElement)"):
                break
            seen += 1
        else:
            pytest.fail(f"{name} holds the keyboard")
        assert seen >= 1, name


@pytest.mark.parametrize("width", [320, 480, 1024])
def test_nothing_leaves_its_box_on_a_narrow_screen(all_panels: tuple[LabPage, Lab], width: int) -> None:
    page, _ = all_panels
    page.page.set_viewport_size({"width": width + 160, "height": 1000})
    page.page.keyboard.press("Control+b")  # the files are put away
    page.page.wait_for_timeout(800)
    try:
        for name, panel in panels(page):
            box = panel.bounding_box()
            wide = panel.evaluate(
                """root => [...root.querySelectorAll('*')].filter(e => e.offsetParent !== null
                    && !e.closest('pre, svg, .nbh-round, .nbh-inbox-box, .nbh-talk, .nbh-heard')
                    && e.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
                    .map(e => e.className + ': ' + e.textContent.slice(0, 40))"""
            )
            assert wide == [], f"{name} at {box['width']} px"
    finally:
        page.page.keyboard.press("Control+b")
        page.page.set_viewport_size({"width": 1280, "height": 1000})
