"""What `lab.present()` does to a notebook: large type for everything on the page, outputs masked as they leave it."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbhelpers.course.look import marked
from nbhelpers.course.masking import masked, masked_output
from nbhelpers.errors import KitError

if TYPE_CHECKING:
    from nbhelpers.course.context import CourseContext

__all__ = ["Presented", "follow", "present"]

_SIZES = {
    "--nbh-type": "24px",
    "--nbh-table": "22px",
    "--jp-content-font-size1": "24px",
    "--jp-code-font-size": "22px",
    "--jp-code-line-height": "1.35",
}
# Jupyter takes the letters of its own menus for those of tables.
_TABLES = ".jp-RenderedHTMLCommon table { font-size: var(--nbh-table, var(--jp-ui-font-size1)) }"


def _style(turn: int) -> str:
    # Each turn counts for more than the one before, wherever on the page the outputs stand that carry them.
    sizes = "; ".join(f"{name}: {size if turn % 2 else 'inherit'}" for name, size in _SIZES.items())
    return f"<style>{':root' * turn} body {{ {sizes} }} body {_TABLES}</style>"


@dataclass(frozen=True)
class Presented:
    """What a cell shows when presenting begins or ends; `turn` counts both, so an odd one is a beginning."""

    words: str
    turn: int

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return f"{_style(self.turn) if self.turn else ''}<p>{marked(self.words)}</p>"


class _Watch:
    """Knows from cell to cell whether the newest lab of this kernel presents."""

    course: CourseContext | None = None
    turn = 0

    def look(self, *_: Any) -> None:
        """Read it anew; where the inbox cannot be read, nothing changes."""
        if self.course is None or self.course.inbox.closed:
            return
        try:
            self.turn = self.course.presented
        except KitError:
            return

    def shown(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Return what a message to the page holds as the room may see it."""
        if kind == "stream":
            return content | {"text": masked(content["text"])}
        if kind in ("error", "execute_reply") and "traceback" in content:
            lines = [masked(line) for line in content["traceback"]]
            return content | {"evalue": masked(content["evalue"]), "traceback": lines}
        if kind == "input_request":
            return content | {"prompt": masked(content["prompt"])}
        if kind in ("execute_result", "display_data", "update_display_data", "inspect_reply"):
            data = {name: masked_output(name, value) for name, value in content["data"].items()}
            if "text/html" in data:
                data["text/html"] = _style(self.turn) + data["text/html"]
            return content | {"data": data}
        return content


_WATCH = _Watch()


def follow(course: CourseContext) -> None:
    """From now on mask what the cells of this kernel show while this course presents; elsewhere nothing changes."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    session = getattr(getattr(shell, "kernel", None), "session", None)
    if session is None:
        return
    if _WATCH.course is None:
        # Results, prints and errors all pass here, and nowhere else, on their way to the page.
        session.send = functools.partial(_send, session.send)
        shell.events.register("pre_run_cell", _WATCH.look)
    _WATCH.course = course
    _WATCH.look()


def _send(send: Any, stream: Any, msg_or_type: Any, content: Any = None, *more: Any, **named: Any) -> Any:
    if _WATCH.turn % 2:
        if isinstance(msg_or_type, dict) and "content" in msg_or_type:
            kind = msg_or_type["header"]["msg_type"]
            msg_or_type = msg_or_type | {"content": _WATCH.shown(kind, msg_or_type["content"])}
        elif isinstance(msg_or_type, str) and isinstance(content, dict):
            content = _WATCH.shown(msg_or_type, content)
    return send(stream, msg_or_type, content, *more, **named)


def present(course: CourseContext, on: bool) -> Presented:
    """Begin to present, or end it: large type, PSIDs and URLs masked, in every notebook of this state directory."""
    turn = course.presented
    if on != bool(turn % 2):
        turn += 1
        course.inbox.note(presenting=turn)
    _WATCH.look()
    if on:
        words = "For a projector now: large type, PSIDs and URLs masked, in every notebook. What stands here already"
        return Presented(f"{words} is masked when its cell is run again. `lab.present(False)` ends it.", turn)
    return Presented("As before: small type, everything shown. Run cells again to see them whole.", turn)
