"""What every panel has: a head with the mode's word, a text twin, a thread that looks, survives and ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ipywidgets
import pytest

from nbhelpers import Lab
from nbhelpers.config.settings import Settings
from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError, MessageError, ServiceError
from nbhelpers.inbox.inbox import Inbox
from nbhelpers.widgets import base
from nbhelpers.widgets.base import Panel
from nbhelpers.widgets.parts import block, guarded
from nbhelpers.widgets.token import TokenCard
from tests.conftest import wait_until
from tests.support.labs import lookers, markup, printed, says, seen

pytestmark = pytest.mark.fast


class Counter(Panel):
    """Shows how often it was refreshed; `fault` is raised instead when it is set."""

    heading = "Counting & more"

    def __init__(self, course: CourseContext) -> None:
        self.count = 0
        self.fault: Exception | None = None
        self.shown = block()
        super().__init__(course, [self.shown])

    def refresh(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.count += 1
        self.shown.value = f"<p>refreshed {self.count}</p>"

    def as_text(self) -> str:
        if self.fault is not None:
            raise self.fault
        return f"refreshed {self.count}"


@pytest.fixture
def course(settings: Settings) -> Iterator[CourseContext]:
    """A course over an inbox alone; its mode is live, so nothing is started."""
    import dataclasses

    made = dataclasses.replace(settings, mode="live", host="https://api.nexmo.com")
    inbox = Inbox(made.folder / "lab.sqlite3")
    yield CourseContext(made, inbox, None)
    inbox.close()


@pytest.fixture
def unheard() -> Iterator[list[threading.ExceptHookArgs]]:
    """What a thread died of, which nobody would hear of."""
    died: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, died.append
    yield died
    threading.excepthook = before


def follows(panel: Panel) -> bool:
    """Whether it sees a change at once."""
    before = panel.count
    panel.course.inbox.note(change=time.monotonic())
    return bool(wait_until(lambda: panel.count > before, 1.5, "a refresh"))


def ended(name: str = "Counter") -> bool:
    return bool(wait_until(lambda: not lookers(name), 2, "the end of its thread"))


def test_the_head_has_the_name_and_the_word_of_the_mode(course: CourseContext, ready: Lab) -> None:
    assert seen(Counter(course)).split()[:4] == ["Counting", "&", "more", "LIVE"]
    assert seen(Counter(ready._course)).split()[:4] == ["Counting", "&", "more", "SIMULATOR"]
    assert "<small>LIVE</small>" in markup(Counter(course)), "as a word, not as a colour"


def test_sandbox_is_neither(tmp_path: Path) -> None:
    sandbox = Lab(state=tmp_path / "lab", mode="sandbox")
    assert seen(Counter(sandbox._course)).split()[3] == "SANDBOX"
    sandbox.inbox.close()


def test_it_prints_as_text_beside_its_panel(course: CourseContext) -> None:
    panel = Counter(course)
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "Counting & more (LIVE)\nrefreshed 0"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_it_prints_what_went_wrong_instead_of_raising(course: CourseContext) -> None:
    panel = Counter(course)
    panel.fault = ServiceError("It is down.", "Nobody answers.", "Start it.")
    assert printed(panel) == "Counting & more (LIVE)\nIt is down. Nobody answers. Start it."


def test_it_refreshes_by_itself_within_a_second_when_something_reaches_the_inbox(course: CourseContext) -> None:
    panel = Counter(course)
    panel.follow()
    wait_until(lambda: panel.count == 1, 1)
    course.inbox.note(anything=1)
    says(panel, "refreshed 2", 1)
    panel.close()


def test_it_rests_while_nothing_comes(course: CourseContext) -> None:
    panel = Counter(course)
    panel.follow()
    wait_until(lambda: panel.count == 1, 1)
    time.sleep(0.2)
    assert panel.count == 1
    panel.close()


def test_made_again_the_panel_before_stops_looking(course: CourseContext) -> None:
    first, second = Counter(course), Counter(course)
    first.follow()
    assert follows(first)
    second.follow()
    wait_until(lambda: len(lookers("Counter")) == 1, 2, "the end of the first")
    count = first.count
    assert follows(second)
    assert first.count == count
    second.close()
    assert ended()


def test_panels_of_two_inboxes_look_beside_each_other(course: CourseContext, ready: Lab) -> None:
    one, other = Counter(course), Counter(ready._course)
    one.follow()
    other.follow()
    assert follows(one)
    assert follows(other)
    one.close()
    other.close()
    assert ended()


def test_a_state_that_another_notebook_set_aside_is_said_in_the_panel(course: CourseContext) -> None:
    panel = Counter(course)
    panel.follow()
    assert follows(panel)
    panel.refresh = course.inbox.facts  # what every real panel does: it reads the inbox
    folder = course.settings.folder
    folder.rename(folder.with_name("backup"))
    says(panel, "Run `lab = Lab()` again.")
    panel.close()
    assert ended()


@pytest.mark.parametrize("finish", [Panel.stop, Panel.close, lambda panel: panel.course.inbox.close()])
def test_its_thread_ends_with_it_or_with_the_inbox(course: CourseContext, finish: Callable[[Panel], None]) -> None:
    panel = Counter(course)
    panel.follow()
    assert follows(panel)
    finish(panel)
    assert ended()


FAULTS = [
    (ServiceError("The simulator does not answer.", "It is gone.", "Open it."), "The simulator does not answer."),
    (MessageError("This cannot be sent."), "This cannot be sent."),
    (ZeroDivisionError("secret detail"), "This panel cannot be drawn anew (ZeroDivisionError). Run its cell again."),
]


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_what_goes_wrong_is_said_in_the_panel_and_does_not_end_the_looking(
    course: CourseContext,
    unheard: list[threading.ExceptHookArgs],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    words: str,
) -> None:
    monkeypatch.setattr(base, "_AGAIN", 0.1)
    panel = Counter(course)
    panel.follow()
    assert follows(panel)
    panel.fault = fault
    course.inbox.note(anything=1)
    assert "secret detail" not in says(panel, words)
    assert len(lookers("Counter")) == 1

    panel.fault = None
    wait_until(lambda: words not in seen(panel), 3, "the recovery, without anything new in the inbox")
    assert follows(panel)
    panel.close()
    assert ended()
    assert unheard == []
    assert capfd.readouterr() == ("", "")


def test_what_is_said_of_trouble_is_escaped(course: CourseContext) -> None:
    panel = Counter(course)
    panel.fault = KitError("<b>Odd</b>")
    assert panel.show() is False
    assert '<p role="alert">&lt;b&gt;Odd&lt;/b&gt;</p>' in markup(panel)
    panel.fault = None
    assert panel.show() is True
    assert "Odd" not in markup(panel)


def test_a_panel_that_could_not_be_made_leaves_nothing_behind(ready: Lab) -> None:
    """Warnings are errors here: an exception in its disposal would be one."""
    import gc

    with pytest.raises(KitError, match="This is not a JWT"):
        TokenCard(ready._course, "no token")
    gc.collect()


def test_a_click_handler_says_what_went_wrong_in_one_line(course: CourseContext) -> None:
    said: list[str] = []

    def refuse() -> None:
        raise MessageError("No.", "You asked.", "Do not.")

    guarded(said.append, refuse)(None)
    guarded(said.append, lambda: said.append("done"))(None)
    assert said == ["No. You asked. Do not.", "done"]


def test_a_panel_without_its_two_methods_says_which_is_missing(course: CourseContext) -> None:
    empty = Panel(course, [])
    with pytest.raises(TypeError, match="Panel has nothing to refresh"):
        empty.refresh()
    with pytest.raises(TypeError, match="Panel has no text"):
        empty.as_text()


def test_a_block_is_empty_markup() -> None:
    assert isinstance(block(), ipywidgets.HTML)
    assert block().value == ""
