"""The shared parts of all panels: head, note, field, button, value to copy, countdown, code; one stylesheet for all.

A part's script stands beside it in `front/` and is sent inline: nothing is fetched from a network. It puts text on the
page and never markup.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from nbhelpers.course.look import LOOK
from nbhelpers.errors import KitError

__all__ = [
    "CodeBlock",
    "CopyField",
    "Countdown",
    "Head",
    "Line",
    "Note",
    "block",
    "button",
    "column",
    "field",
    "guarded",
    "row",
    "script",
    "table",
]

_FRONT = Path(__file__).with_name("front")


def script(name: str) -> str:
    """Return the script of a part, with what all of them share before it."""
    return "".join((_FRONT / f"{each}.js").read_text(encoding="utf-8") for each in ("shared", name))


class Head(anywidget.AnyWidget):
    """A panel's name and the word of its mode; it brings the stylesheet, and says when nothing follows any more.

    `said` is read out and not seen; `stopped` says why the panel stands still.
    """

    _esm = script("head")
    _css = LOOK + (_FRONT / "panel.css").read_text(encoding="utf-8")
    heading = traitlets.Unicode("").tag(sync=True)
    mode = traitlets.Unicode("").tag(sync=True)
    real = traitlets.Bool(False).tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    stopped = traitlets.Unicode("").tag(sync=True)


class Note(anywidget.AnyWidget):
    """A sentence that is read out when it changes; `kind` is `plain`, `ok`, `warn` or `bad`. Empty it takes no room."""

    _esm = script("note")
    words = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Unicode("plain").tag(sync=True)
    urgent = traitlets.Bool(False).tag(sync=True)

    def say(self, words: str, kind: str = "plain") -> None:
        """Show a sentence in the colour of its kind."""
        with self.hold_sync():
            self.words, self.kind = words, kind


class CopyField(anywidget.AnyWidget):
    """A labelled value with a Copy button beside it; `after` stands behind it.

    With `held` the value that is shown is not the one that is copied: that comes from `whole()`, as a message on the
    click, and is nowhere in the widget's state.
    """

    _esm = script("copy_field")
    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Unicode("Copy").tag(sync=True)
    after = traitlets.Unicode("").tag(sync=True)
    empty = traitlets.Unicode("(empty)").tag(sync=True)
    big = traitlets.Bool(False).tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)

    def __init__(self, whole: Callable[[], str] | None = None, **traits: Any) -> None:
        super().__init__(held=whole is not None, **traits)
        self._whole = whole
        self.on_msg(self._hear)

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if self._whole is not None and message.get("ask") == "copy":
            self.send({"text": self._whole()})


class Countdown(anywidget.AnyWidget):
    """Time that runs out, as a bar and in words, ticking in the browser: no kernel is needed for it.

    `expires` is the end in Unix seconds (0: nothing is shown), `whole` how many seconds fill the bar; `running` are the
    words with `{left}` in them, `over` those of the end.
    """

    _esm = script("countdown")
    expires = traitlets.Float(0.0).tag(sync=True)
    whole = traitlets.Float(1.0).tag(sync=True)
    running = traitlets.Unicode("{left} left").tag(sync=True)
    over = traitlets.Unicode("").tag(sync=True)


class CodeBlock(anywidget.AnyWidget):
    """Code or JSON in a box of its own, with a Copy button; `label` says what it is, `folded` opens on request."""

    _esm = script("code")
    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)
    folded = traitlets.Bool(False).tag(sync=True)


class Line(anywidget.AnyWidget):
    """A line (or a field of several `rows`) to write in, with a button: what was typed comes with the press.

    `act(text)` is called with it; unless it raises, the line is emptied. `limit` is how many characters there may be,
    as the counter of a field says, 0 for any number. `others` are more buttons: what they ask for, their words, and
    whether they are pressed (None: they cannot be); `ask(name)` is called for them. `value` is what has been typed by
    and by.
    """

    _esm = script("line")
    label = traitlets.Unicode("").tag(sync=True)
    placeholder = traitlets.Unicode("").tag(sync=True)
    go = traitlets.Unicode("Send").tag(sync=True)
    says = traitlets.Unicode("").tag(sync=True)
    rows = traitlets.Int(1).tag(sync=True)
    limit = traitlets.Int(0).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    others: Any = traitlets.List().tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        say: Callable[[str], None],
        act: Callable[[str], None],
        ask: Callable[[str], None] | None = None,
        **traits: Any,
    ) -> None:
        super().__init__(**traits)
        self._say, self._act, self._ask = say, act, ask
        self.on_msg(self._hear)

    def press(self, text: str) -> None:
        """Do what a press of the button does, with this text."""
        self._act(text)
        self.value = ""
        self.send({"sent": True})

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        asked, text = message.get("ask"), message.get("text")
        if asked == "send" and isinstance(text, str):
            guarded(self._say, lambda: self.press(text))(None)
        elif self._ask is not None and asked in [name for name, *_ in self.others]:
            ask = self._ask
            guarded(self._say, lambda: ask(asked))(None)


def block() -> ipywidgets.HTML:
    """Make an empty place for markup; what is put there escapes everything that came from outside."""
    return ipywidgets.HTML()


def row(*parts: ipywidgets.Widget) -> ipywidgets.HBox:
    """Put parts beside each other; they wrap where there is no room."""
    made = ipywidgets.HBox(parts)
    made.add_class("nbh-row")
    return made


def column(*parts: ipywidgets.Widget) -> ipywidgets.VBox:
    """Put parts below each other."""
    made = ipywidgets.VBox(parts)
    made.add_class("nbh-column")
    return made


def button(words: str, press: Callable[[Any], None], first: bool = False, tooltip: str = "") -> ipywidgets.Button:
    """Make a button that says what it does; `first` marks the one that a panel is for."""
    made = ipywidgets.Button(description=words, tooltip=tooltip or words, layout={"width": "auto"})
    if first:
        made.add_class("nbh-go")
    made.on_click(press)
    return made


def field(kind: type[ipywidgets.Widget], label: str, **traits: Any) -> ipywidgets.Widget:
    """Make a control of ipywidgets with its label in words before it."""
    made = kind(description=label, style={"description_width": "auto"}, layout={"width": "auto"}, **traits)
    made.add_class("nbh-field")
    return made


def table(rows: list[tuple[str, str, str]]) -> str:
    """Return a table of names, values and what each means, everything escaped."""
    lines = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td class="nbh-mono">{html.escape(value)}</td>'
        f'<td class="nbh-soft">{html.escape(means)}</td></tr>'
        for name, value, means in rows
    )
    return f'<table class="nbh-table">{lines}</table>'


def guarded(say: Callable[[str], None], action: Callable[[], None]) -> Callable[[Any], None]:
    """Make a click handler that says what went wrong beside the button, in one line."""

    def handler(_: Any) -> None:
        try:
            action()
        except KitError as error:
            say(str(error))

    return handler
