"""What every panel has: a head with its name and the word SIMULATOR or LIVE, a text twin, a live view of the inbox."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError
from nbhelpers.messages.masking import masked
from nbhelpers.widgets.parts import Head, Note, column

__all__ = ["Panel"]

_EVERY = 0.03  # seconds between two looks at the inbox while a panel is open: 0.02 took 1.4 % of a core (measured)
_AGAIN = 1.0  # seconds until another look, when a panel could not be refreshed
_ELSEWHERE = "This panel was opened again, and follows there. To go on here, run this cell again."

# The panel of each kind that is on screen for an inbox: made again, the one before stops looking.
_OPEN: weakref.WeakValueDictionary[tuple[str, str], Panel] = weakref.WeakValueDictionary()
# The panels that each cell has made, with the run that made them: run again, those before are closed.
_MADE: dict[str, tuple[str, list[Panel]]] = {}


class Panel(ipywidgets.VBox):
    """A panel over the packages below. `refresh()` shows how things stand; `as_text()` says the same in plain text.

    `show()` refreshes too, but says in the panel what went wrong. After `follow()` it is called whenever something
    reaches the inbox, and `beat()` every `pulse` seconds. Only widget traits are set from the thread that looks:
    printing from it would land in whatever cell runs. Made while `lab.present()` is on, it has large type, and PSIDs
    and URLs are masked before they leave the kernel.
    """

    heading = "Panel"
    pulse = 0.0  # seconds between two beats; 0: none
    lag = 0.0  # seconds that it lets others go first: threads of one kernel hold each other up
    _closed: threading.Event | None = None  # a panel that could not be made is closed all the same

    def __init__(self, course: CourseContext, children: list[ipywidgets.Widget]) -> None:
        self.course = course
        self.projector = course.presenting
        self.mode_word = "SIMULATOR" if course.simulated else course.settings.mode.upper()
        self.head = Head(heading=self.heading, mode=self.mode_word, real=not course.simulated)
        self._trouble = Note(urgent=True)
        body = column(self._trouble, *children)
        body.add_class("nbh-body")
        super().__init__([self.head, body])
        for name in ("nbh", "nbh-panel", *(["nbh-projector"] if self.projector else [])):
            self.add_class(name)
        self._closed = threading.Event()
        self._lock = threading.RLock()  # a click and the thread that looks must not refresh at the same time
        _close_those_before(self)

    def refresh(self) -> None:
        """Show how things stand now."""
        raise TypeError(f"{type(self).__name__} has nothing to refresh")

    def as_text(self) -> str:
        """Return what the panel shows, as plain text."""
        raise TypeError(f"{type(self).__name__} has no text")

    def beat(self) -> None:
        """Look at what changes without reaching the inbox."""

    def masked(self, text: str | None) -> str:
        """Return text as it may be shown: on a projector with PSIDs and URLs masked."""
        return masked(text or "") if self.projector else text or ""

    def show(self) -> bool:
        """Refresh; what goes wrong is said in the panel, in one line, until it goes well again. Say whether it did."""
        return self._try(self.refresh)

    def _try(self, work: Callable[[], None]) -> bool:
        try:
            with self._lock:
                work()
        except KitError as error:
            return self._say_trouble(str(error))
        except Exception as error:  # noqa: BLE001 - on a thread nobody would hear of it, and the panel would stand still
            return self._say_trouble(f"This panel cannot be drawn anew ({type(error).__name__}). Run its cell again.")
        self._trouble.say("")
        return True

    def _say_trouble(self, words: str) -> bool:
        self._trouble.say(self.masked(words), "bad")
        return False

    def follow(self) -> None:
        """Show whatever reaches the inbox, until the panel is closed or made again, or the inbox is closed."""
        key = (type(self).__name__, str(self.course.inbox.path))
        before = _OPEN.get(key)
        if before is not None and before is not self:
            before.stop()
            before.head.stopped = _ELSEWHERE
        _OPEN[key] = self
        threading.Thread(
            target=_look, args=(weakref.ref(self), self._closed), name=f"{key[0]} looks", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop looking; what is on screen stays."""
        if self._closed is not None:
            self._closed.set()

    def close(self) -> None:
        """Stop looking, and take the panel and every part of it off the page and out of the kernel."""
        self.stop()
        for widget in [*_parts(self), self] if self._closed is not None else []:
            for each in (getattr(widget, "layout", None), getattr(widget, "style", None)):
                if isinstance(each, ipywidgets.Widget):
                    each.close()
            if widget is not self:
                widget.close()
        super().close()

    def __repr__(self) -> str:
        try:
            text = self.as_text()
        except KitError as error:
            text = str(error)
        return f"{self.heading} ({self.mode_word})\n{self.masked(text)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = repr(self)  # whole: ipywidgets cuts it at 110 characters
        return bundle


def _parts(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    for child in getattr(widget, "children", ()):
        yield from _parts(child)
        yield child


def _close_those_before(panel: Panel) -> None:
    """Close what an earlier run of the same cell has made: its output is gone, its widgets would stay for ever."""
    cell, run = _cell()
    if cell is None:
        return
    made_by, panels = _MADE.get(cell, (run, []))
    if made_by != run:
        for each in panels:
            each.close()
        panels = []
    _MADE[cell] = (run, [*panels, panel])


def _cell() -> tuple[str | None, str]:
    """Return the id of the cell that runs, and of this run of it; None where there is no notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)()
    cell = parent.get("metadata", {}).get("cellId")
    return (str(cell), str(parent["header"]["msg_id"])) if cell else (None, "")


def _look(panel: weakref.ref[Panel], closed: threading.Event) -> None:
    seen, waited = None, 0.0
    while not closed.is_set():
        living = panel()
        if living is None or living.course.inbox.closed:
            return
        try:
            now = living.course.inbox.changes()
        except KitError:  # busy for a moment, or set aside by another notebook: then the panel says so
            now = None
        if now != seen and living.lag and seen is not None:
            closed.wait(living.lag)
        well = (now is not None and now == seen) or living.show()
        if well:
            seen = now
        if living.pulse and waited >= living.pulse:
            living._try(living.beat)
            waited = 0.0
        del living
        pause = _EVERY if well else _AGAIN
        closed.wait(pause)
        waited += pause
