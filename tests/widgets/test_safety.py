"""What somebody writes stays in its box: a hundred injections as names, texts, URLs, ids and errors, in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from nbhelpers import Lab
from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from tests.support.injections import INJECTIONS
from tests.support.lab_page import NEEDS_BROWSER, LabPage, lab_in_browser
from tests.support.panels import HEADINGS, cells_of

pytestmark = NEEDS_BROWSER

SHOWING = ("psid", "reply", "conversation", "round", "inbox", "webhooks", "hops")
# What no panel may hold, wherever it comes from.
FOREIGN = (
    "script, iframe, object, embed, img, image, video, audio, link, base, meta, form, style, marquee, portal, math,"
    " foreignObject, animate, a[href^='javascript' i], a[href*='evil' i], [onerror], [onload], [onclick], [onfocus],"
    " [ontoggle], [onmouseover], [onbegin], [autofocus], [srcdoc]"
)
UNSEEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069"
    "\ufeff\u2028\u2029]"
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabPage, Lab, list[str]]]:
    """A notebook whose panels are open while all of it arrives; beside it every address that the page asked for."""
    folder = tmp_path_factory.mktemp("safety")
    with lab_in_browser(folder, height=1000) as page:
        asked: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        page.page.on("dialog", lambda dialog: (page.page.errors.append(dialog.message), dialog.dismiss()))
        page.page.add_init_script("window.hits = 0; window.hit = () => { window.hits += 1; }")
        state = folder / "lab"
        page.start("safety", *cells_of(state, *SHOWING))
        lab = Lab(state=state, mode="simulator")
        _attack(lab)
        page.page.wait_for_timeout(3000)
        yield page, lab, asked
        lab.stop()
        launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))


def _attack(lab: Lab) -> None:
    receiver, session = lab.receiver, requests.Session()
    session.trust_env = False

    def call(url: str, body: dict[str, Any]) -> None:
        session.post(url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, timeout=10)

    psid = lab.user.write("I am Ada").psid
    for number, each in enumerate(INJECTIONS):
        ends = {"from": {"type": "messenger", "id": psid}, "to": {"type": "messenger", "id": "200"}}
        text = {"content": {"type": "text", "text": each}}
        call(receiver.inbound_url, {"message_uuid": f"text-{number}", "message": text, **ends})
        # As an id, as a kind of message, as the address of a picture.
        odd = {"from": {"type": "messenger", "id": each[:50]}, "to": {"type": "messenger", "id": each[:50]}}
        picture = {"content": {"type": "image", "image": {"url": each}}}
        call(receiver.inbound_url, {"message_uuid": f"odd-{number}", "message": picture, **odd})
        error = {"error": {"code": each[:60], "reason": each}, "status": "rejected"}
        turned = {"from": ends["to"], "to": ends["from"]}
        call(receiver.status_url, {"message_uuid": f"status-{number}", **error, **turned})
    for each in INJECTIONS[::8]:
        name = each.replace("\x00", "")[:40]
        lab.simulator.write(text=each, person=name, page="Corner Bakery")
        lab.simulator.create_page(name) if name.strip() else None
    base = receiver.inbound_url.removesuffix("/webhooks/inbound")
    session.post(f"{base}/%3Cscript%3Ewindow.hit()%3C/script%3E?x=%3Cimg%20src=x%20onerror=window.hit()%3E", timeout=10)


def test_there_are_a_hundred_of_them_and_no_two_are_alike() -> None:
    assert len(set(INJECTIONS)) == len(INJECTIONS) >= 100


def test_none_is_executed_and_none_reaches_another_address(attacked: tuple[LabPage, Lab, list[str]]) -> None:
    page, _, asked = attacked
    table = page.panel("Inbox")
    while table.get_by_role("button", name="Show more").is_visible():
        before = table.locator("tbody tr").count()
        table.get_by_role("button", name="Show more").click()
        page.page.wait_for_function(
            "before => document.querySelectorAll('.nbh-inbox tbody tr').length > before", arg=before, timeout=30_000
        )
    page.page.mouse.move(400, 400)
    assert page.page.evaluate("window.hits") == 0
    assert page.page.evaluate("window.hit() || window.hits") == 1, "whatever is executed is counted"
    page.page.evaluate("window.hits = 0")
    assert page.page.errors == []
    assert [each for each in asked if "evil.example" in each] == []
    shown = table.locator("tbody").inner_text()
    for each in ("<script>window.hit()</script>", "<svg onload=window.hit()>", "</text></svg><h1>out</h1>"):
        assert each in shown, "it is there, as text"
    assert table.locator("tbody tr").count() >= 3 * len(INJECTIONS)


@pytest.mark.parametrize("name", SHOWING)
def test_in_no_panel_is_anything_but_what_the_panel_is_made_of(
    attacked: tuple[LabPage, Lab, list[str]], name: str
) -> None:
    page, _, _ = attacked
    panel = page.panel(HEADINGS[name])
    panel.scroll_into_view_if_needed()
    assert panel.locator(FOREIGN).evaluate_all("all => all.map(e => e.outerHTML.slice(0, 200))") == []
    handlers = panel.evaluate(
        "root => [...root.querySelectorAll('*')].flatMap(e => e.getAttributeNames().filter(n => n.startsWith('on')))"
    )
    assert handlers == []
    text = panel.evaluate("root => root.textContent")
    assert UNSEEN.findall(text) == [], "nothing turns the writing round"


@pytest.mark.parametrize("name", SHOWING)
def test_nothing_leaves_the_box_of_its_panel(attacked: tuple[LabPage, Lab, list[str]], name: str) -> None:
    page, _, _ = attacked
    panel = page.panel(HEADINGS[name])
    panel.scroll_into_view_if_needed()
    assert panel.is_visible()
    outside = panel.evaluate(
        """root => { const box = root.getBoundingClientRect();
        return [...root.querySelectorAll('*')].filter(e => {
          const style = getComputedStyle(e);
          if (style.position === 'fixed') return true;
          const scrolls = e.closest('.nbh-heard, pre, .nbh-round, .nbh-inbox-box, .nbh-talk, option');
          if (!e.checkVisibility() || scrolls) return false;
          const own = e.getBoundingClientRect();
          return own.right > box.right + 1 || own.left < box.left - 1 || own.bottom > box.bottom + 1;
        }).map(e => e.outerHTML.slice(0, 200)) }"""
    )
    assert outside == []


def test_nothing_of_it_is_executed_when_the_notebook_is_printed(attacked: tuple[LabPage, Lab, list[str]]) -> None:
    _, lab, _ = attacked
    for name in SHOWING:
        panel = getattr(lab.panels, name)()
        printed = repr(panel)
        panel.close()
        assert UNSEEN.findall(printed) == [], name
