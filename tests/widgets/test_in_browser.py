"""Panels in real JupyterLab: they follow while cells block, survive restarts and reloads, say when they are dead."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nbhelpers.config import settings as configuration
from nbhelpers.services import launcher
from nbhelpers.simulator.control.client import ControlClient
from tests.conftest import wait_until
from tests.support.lab_page import NEEDS_BROWSER, LabPage, lab_in_browser

pytestmark = NEEDS_BROWSER

GONE = "This panel has stopped: its kernel has ended or was restarted. Run the first code cell, then this cell again."


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    folder = tmp_path_factory.mktemp("browser")
    with lab_in_browser(folder) as made:
        yield made
    for state in folder.glob("*"):
        launcher.stop(configuration.load("simulator", state, environ={}, folder=folder))


@pytest.fixture
def state(lab: LabPage, tmp_path: Path) -> Iterator[Path]:
    lab.page.errors.clear()  # those of another test were told there
    yield tmp_path / "lab"
    launcher.stop(configuration.load("simulator", tmp_path / "lab", environ={}, folder=tmp_path))
    assert lab.page.errors == []


def opened(state: Path) -> str:
    return f"from nbhelpers import Lab\n\nlab = Lab(state={str(state)!r})\nlab.need('webhooks')"


def write(state: Path, text: str, person: str = "Ada") -> str:
    """Write as a person from outside, while the kernel may be busy; return the PSID."""
    settings = configuration.load("simulator", state, environ={}, folder=state.parent)
    running = wait_until(lambda: launcher.find("simulator", settings), 30, "the simulator")
    control = ControlClient(running.url, running.control)
    try:
        return str(control.write(text=text, person=person, page="Corner Bakery")["psid"])
    finally:
        control.close()


def blocking(state: Path, work: str) -> str:
    """A cell that does this again and again until `let_go` is called."""
    return f"import time\nfrom pathlib import Path\nwhile not Path({str(state)!r}, 'go').exists():\n    {work}"


def let_go(state: Path) -> None:
    (state / "go").touch()


@pytest.mark.parametrize("work", ["time.sleep(0.5)", "sum(range(10_000))"], ids=["sleeping", "computing"])
def test_a_webhook_shows_while_another_cell_blocks(lab: LabPage, state: Path, work: str) -> None:
    lab.open(lab.write(f"blocked-{'sum' in work}", opened(state), "lab.panels.psid()", blocking(state, work), "'over'"))
    lab.run_all(done=False)
    panel = lab.panel("Captured PSID")
    expect(panel).to_contain_text("Nobody has written yet.", timeout=90_000)
    busy = lab.page.locator(".jp-Notebook:visible .jp-InputArea-prompt", has_text="[*]")
    expect(busy.first).to_be_visible()
    write(state, "While you were busy")
    expect(panel.locator("bdi", has_text="“While you were busy”")).to_be_visible(timeout=15_000)
    assert busy.count() >= 1, "the cell still blocks"
    let_go(state)
    expect(busy).to_have_count(0, timeout=60_000)


def test_after_a_restart_the_panel_says_so_and_run_again_it_is_there(lab: LabPage, state: Path) -> None:
    lab.start("restarted", opened(state), "lab.panels.psid()")
    panel = lab.panel("Captured PSID")
    write(state, "Before")
    expect(panel.locator("bdi", has_text="“Before”")).to_be_visible(timeout=15_000)
    lab.restart()
    expect(panel.get_by_text(GONE)).to_be_visible(timeout=15_000)
    expect(panel.get_by_role("status").filter(has_text=GONE)).to_have_count(1)
    write(state, "While nobody looked")
    lab.run_all()
    panel = lab.panel("Captured PSID")
    expect(panel.locator("bdi", has_text="“While nobody looked”")).to_be_visible(timeout=15_000)
    expect(panel.get_by_text(GONE)).to_have_count(0)
    write(state, "After")
    expect(panel.locator("bdi", has_text="“After”")).to_be_visible(timeout=15_000)


def test_a_saved_notebook_that_is_loaded_again_follows_on(lab: LabPage, state: Path) -> None:
    lab.start("reloaded", opened(state), "lab.panels.psid()", "lab.panels.round()")
    write(state, "Before")
    expect(lab.panel("Captured PSID").locator("bdi", has_text="“Before”")).to_be_visible(timeout=15_000)
    lab.save()
    lab.page.reload()
    panel = lab.panel("Captured PSID")
    expect(panel.locator("bdi", has_text="“Before”")).to_be_visible(timeout=90_000)
    write(state, "After the reload")
    expect(panel.locator("bdi", has_text="“After the reload”")).to_be_visible(timeout=15_000)
    expect(lab.panel("The round, live").locator("text", has_text="“After the reload”")).to_be_attached(timeout=15_000)
    saved = (lab.notebooks / "reloaded.ipynb").read_text()
    assert "eyJ" not in saved, "nothing secret is in the saved notebook"


# Its cell goes out of sight, something is drawn, and it is back before the browser has told anybody of a change.
DRAWN_OUT_OF_SIGHT = """root => {
  const widths = () => [...root.querySelectorAll(".nbh-sequence")].map(each => each.getAttribute("width"));
  const before = widths();
  root.style.display = "none";
  root.querySelector("[aria-label='Step back']").click();
  root.style.display = "";
  return [before, widths()];
}"""


def test_a_round_that_was_drawn_while_its_cell_was_out_of_sight_is_as_wide_as_before(lab: LabPage, state: Path) -> None:
    lab.start("hidden", opened(state), "lab.panels.round()")
    write(state, "Where are you?")
    panel = lab.panel("The round, live")
    expect(panel.locator("text", has_text="“Where are you?”")).to_be_attached(timeout=15_000)
    before, after = panel.evaluate(DRAWN_OUT_OF_SIGHT)
    assert after == before and before[0] != "800"


def test_a_kernel_that_is_shut_down_is_said_in_every_panel(lab: LabPage, state: Path) -> None:
    lab.start("shut-down", opened(state), "lab.panels.psid()", "lab.panels.webhooks()", "lab.panels.token(lab.token())")
    lab.menu("Kernel", "Shut Down Kernel")
    for heading in ("Captured PSID", "Webhooks", "Your JWT"):
        expect(lab.panel(heading).get_by_text(GONE)).to_be_visible(timeout=15_000)


def test_two_notebooks_follow_at_once_and_a_second_run_stills_the_first(lab: LabPage, state: Path) -> None:
    lab.start("one", opened(state), "lab.panels.psid()", "lab.panels.psid()")
    first, second = lab.panel("Captured PSID"), lab.panel("Captured PSID", 1)
    expect(first.get_by_text("This panel was opened again, and follows there.")).to_be_visible(timeout=15_000)
    expect(second.get_by_text("This panel was opened again")).to_have_count(0)
    other = lab.page.context.browser.new_page()
    beside = LabPage(other, lab.address, lab.notebooks)
    beside.start("other", opened(state), "lab.panels.psid()")
    write(state, "To both of you")
    for panel in (second, beside.panel("Captured PSID")):
        expect(panel.locator("bdi", has_text="“To both of you”")).to_be_visible(timeout=15_000)
    other.close()


def test_a_newcomer_takes_the_place_only_when_asked(lab: LabPage, state: Path) -> None:
    lab.start("people", opened(state), "lab.panels.psid()")
    panel = lab.panel("Captured PSID")
    ada = write(state, "I am Ada")
    expect(panel.locator("code.nbh-psid", has_text=ada)).to_be_visible(timeout=15_000)
    ben = write(state, "I am Ben", "Ben")
    write(state, "I am Chiara", "Chiara")
    expect(panel.get_by_text("2 newer people:")).to_be_visible(timeout=15_000)
    expect(panel.locator("code.nbh-psid", has_text=ada)).to_be_visible()
    panel.get_by_role("button", name="Show Ben instead").click()
    expect(panel.locator("code.nbh-psid", has_text=ben)).to_be_visible(timeout=15_000)
    expect(panel.get_by_label("Write as Ben")).to_be_visible()


def test_what_is_selected_of_a_psid_holds_no_blanks(lab: LabPage, state: Path) -> None:
    lab.start("select", opened(state), "lab.panels.psid()")
    psid = write(state, "Select me")
    shown = lab.panel("Captured PSID").locator("code.nbh-psid", has_text=psid)
    expect(shown).to_be_visible(timeout=15_000)
    selected = shown.evaluate("e => { getSelection().selectAllChildren(e); return getSelection().toString() }")
    assert selected == psid


def test_a_token_runs_out_while_the_kernel_is_busy_and_is_minted_again(lab: LabPage, state: Path) -> None:
    claims = "now = int(time.time())\nclaims = {'application_id': lab.facts['application_id'], 'iat': now, 'jti': 'x'}"
    sign = "key = lab._course.key().key\nsigned = jwt.encode(claims | {'exp': now + 12}, key, algorithm='RS256')"
    short = f"import jwt, time\n{claims}\n{sign}\nlab.panels.token(signed)"
    lab.open(lab.write("expires", opened(state), short, blocking(state, "time.sleep(0.5)")))
    lab.run_all(done=False)
    card = lab.panel("Your JWT")
    expect(card.get_by_text(re.compile(r"00:\d\d left"))).to_be_visible(timeout=90_000)
    expect(card.get_by_text("expired: mint a new one").first).to_be_visible(timeout=20_000)
    expect(card.get_by_role("status").filter(has_text="expired: mint a new one")).to_have_count(1)
    busy = lab.page.locator(".jp-Notebook:visible .jp-InputArea-prompt", has_text="[*]")
    assert busy.count() >= 1, "the kernel was busy all the while"
    let_go(state)
    expect(busy).to_have_count(0, timeout=60_000)
    card.get_by_role("button", name="Mint again").click()
    expect(card.get_by_text(re.compile(r"14:\d\d left"))).to_be_visible(timeout=15_000)


def test_where_the_clipboard_is_not_allowed_the_text_is_selected(lab: LabPage, state: Path) -> None:
    lab.start("clipboard", opened(state), "lab.panels.webhooks()")
    panel = lab.panel("Webhooks")
    lab.page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
        " document.execCommand = () => false }"
    )
    panel.get_by_role("button", name="Copy Webhook URL for Inbound Message").click()
    expect(panel.get_by_text("Press Ctrl+C to copy the selected text.")).to_be_visible()
    area = panel.get_by_label("The text to copy")
    assert area.input_value().endswith("/webhooks/inbound")
    assert area.evaluate("e => e.value.substring(e.selectionStart, e.selectionEnd)") == area.input_value()
    lab.page.reload()  # the page as it was


def test_a_simulator_that_is_gone_is_said_and_comes_back(lab: LabPage, state: Path) -> None:
    lab.start("no-service", opened(state), "lab.panels.webhooks()", "lab.panels.round()")
    settings = configuration.load("simulator", state, environ={}, folder=state.parent)
    launcher.stop(settings, ("simulator",), ("simulator",))
    for heading in ("Webhooks", "The round, live"):
        lab.page.wait_for_timeout(300)
        panel = lab.panel(heading)
        if heading == "Webhooks":
            lab.run_cell(1)
        expect(panel.get_by_role("alert").filter(has_text="The simulator does not answer.")).to_be_visible(
            timeout=30_000
        )
    time.sleep(0.1)
