"""What every panel has: a head with its name and the word SIMULATOR or LIVE, a text twin, a live view of the inbox."""

from __future__ import annotations

import html
import threading
import weakref
from collections.abc import Callable
from typing import Any

import ipywidgets

from nbhelpers.course.context import CourseContext
from nbhelpers.errors import KitError

__all__ = ["TIGHT", "Panel", "block", "guarded"]

_EVERY = 0.02  # seconds between two looks at the inbox while a panel is open
_AGAIN = 1.0  # seconds until another look, when a panel could not be refreshed

# The panel of each kind that is on screen for an inbox: made again, the one before stops looking.
_OPEN: weakref.WeakValueDictionary[tuple[str, str], Panel] = weakref.WeakValueDictionary()

TIGHT = "margin:2px 0;line-height:1.3"  # a panel stays under 240 px high as long as it asks nothing


class Panel(ipywidgets.VBox):
    """A panel over the rooms below. `refresh()` shows how things stand; `as_text()` says the same in plain text.

    `show()` refreshes too, but says in the panel what went wrong. After `follow()` it is called whenever something
    reaches the inbox. Only widget traits are set from the thread that looks: printing from it would land in whatever
    cell runs.
    """

    heading = "Panel"
    _closed: threading.Event | None = None  # a panel that could not be made is closed all the same

    def __init__(self, course: CourseContext, children: list[ipywidgets.Widget]) -> None:
        self.course = course
        self.mode_word = "SIMULATOR" if course.simulated else course.settings.mode.upper()
        head = ipywidgets.HTML(
            f'<div style="display:flex;justify-content:space-between"><strong role="heading" aria-level="3">'
            f"{html.escape(self.heading)}</strong>"
            f"<small>{self.mode_word}</small></div>"
        )
        self._trouble = ipywidgets.HTML(layout={"display": "none"})
        super().__init__([head, *children, self._trouble])
        self.layout.border = "1px solid var(--jp-border-color1, #888)"
        self.layout.padding = "6px 12px"
        self.layout.max_width = "760px"
        self._closed = threading.Event()
        self._lock = threading.RLock()  # a click and the thread that looks must not refresh at the same time

    def refresh(self) -> None:
        """Show how things stand now."""
        raise TypeError(f"{type(self).__name__} has nothing to refresh")

    def as_text(self) -> str:
        """Return what the panel shows, as plain text."""
        raise TypeError(f"{type(self).__name__} has no text")

    def show(self) -> bool:
        """Refresh; what goes wrong is said in the panel, in one line, until it goes well again. Say whether it did."""
        try:
            with self._lock:
                self.refresh()
        except KitError as error:
            return self._say_trouble(str(error))
        except Exception as error:  # noqa: BLE001 - on a thread nobody would hear of it, and the panel would stand still
            return self._say_trouble(f"This panel cannot be drawn anew ({type(error).__name__}). Run its cell again.")
        self._trouble.layout.display = "none"
        return True

    def _say_trouble(self, words: str) -> bool:
        self._trouble.value = f'<p role="alert">{html.escape(words)}</p>'
        self._trouble.layout.display = ""
        return False

    def follow(self) -> None:
        """Show whatever reaches the inbox, until the panel is closed or made again, or the inbox is closed."""
        key = (type(self).__name__, str(self.course.inbox.path))
        before = _OPEN.get(key)
        if before is not None:
            before.stop()
        _OPEN[key] = self
        threading.Thread(
            target=_look, args=(weakref.ref(self), self._closed), name=f"{key[0]} looks", daemon=True
        ).start()

    def stop(self) -> None:
        """Stop looking; what is on screen stays."""
        if self._closed is not None:
            self._closed.set()

    def close(self) -> None:
        self.stop()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        try:
            text = self.as_text()
        except KitError as error:
            text = str(error)
        bundle["text/plain"] = f"{self.heading} ({self.mode_word})\n{text}"
        return bundle


def block() -> ipywidgets.HTML:
    """Make an empty place for text; what is put there escapes everything that came from outside."""
    widget = ipywidgets.HTML()
    widget.layout.margin = "0"
    return widget


def guarded(say: Callable[[str], None], action: Callable[[], None]) -> Callable[[Any], None]:
    """Make a click handler that says what went wrong beside the button, in one line."""

    def handler(_: Any) -> None:
        try:
            action()
        except KitError as error:
            say(str(error))

    return handler


def _look(panel: weakref.ref[Panel], closed: threading.Event) -> None:
    seen = None
    while not closed.is_set():
        living = panel()
        if living is None or living.course.inbox.closed:
            return
        try:
            now = living.course.inbox.changes()
        except KitError:  # busy for a moment, or set aside by another notebook: then the panel says so
            now = None
        well = (now is not None and now == seen) or living.show()
        if well:
            seen = now
        del living
        closed.wait(_EVERY if well else _AGAIN)
