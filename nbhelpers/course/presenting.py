"""What `lab.present()` does to a notebook: large type for everything on the page, outputs masked as they leave it."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nbhelpers.config.presented import note_presented
from nbhelpers.course.look import marked
from nbhelpers.messages.masking import masked, masked_output

if TYPE_CHECKING:
    from nbhelpers.course.context import CourseContext

__all__ = ["Presented", "follow", "present"]

_SIZES = {
    "--nbh-type": "24px",
    "--nbh-table": "22px",
    "--nbh-picture": "100%",
    "--jp-content-font-size1": "24px",
    "--jp-code-font-size": "20px",  # of a line of code 67 characters then fit into 1024 pixels
    "--jp-code-line-height": "1.35",
}
_PAGE = ("execute_result", "display_data", "update_display_data")  # the messages that put an output on the page
# Jupyter takes the letters of its own menus for those of tables. Pictures in texts grow as wide as the texts.
_BESIDE = (
    ".jp-RenderedHTMLCommon table { font-size: var(--nbh-table, var(--jp-ui-font-size1)) }"
    " body .jp-RenderedMarkdown img { width: var(--nbh-picture, auto) }"
)


def _style(turn: int) -> str:
    # Each turn counts for more than the one before, wherever on the page the outputs stand that carry them.
    sizes = "; ".join(f"{name}: {size if turn % 2 else 'inherit'}" for name, size in _SIZES.items())
    return f"<style>{':root' * turn} body {{ {sizes} }} body {_BESIDE}</style>"


@dataclass(frozen=True)
class Presented:
    """What a cell shows when presenting begins or ends; `turn` counts both, so an odd one is a beginning."""

    words: str
    turn: int

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return f"{_style(self.turn) if self.turn else ''}<p>{marked(self.words)}</p>"


class _Newest:
    """The newest lab of this kernel, whose state directory says whether to present."""

    course: CourseContext | None = None


def follow(course: CourseContext) -> None:
    """From now on mask what the cells of this kernel show while this course presents; elsewhere nothing changes."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    session = getattr(getattr(shell, "kernel", None), "session", None)
    if session is None:
        return
    if _Newest.course is None:
        # Results, prints and errors all pass here, and nowhere else, on their way to the page.
        session.send = functools.partial(_send, session.send)
    _Newest.course = course


def _send(send: Any, stream: Any, msg_or_type: Any, content: Any = None, *more: Any, **named: Any) -> Any:
    # Asked for each message: another notebook may have begun since this cell was run.
    turn = _Newest.course.presented if _Newest.course else 0
    if isinstance(msg_or_type, dict) and "content" in msg_or_type:
        kind = msg_or_type["header"]["msg_type"]
        msg_or_type = msg_or_type | {"content": _shown(turn, kind, msg_or_type["content"])}
    elif isinstance(msg_or_type, str) and isinstance(content, dict):
        content = _shown(turn, msg_or_type, content)
    return send(stream, msg_or_type, content, *more, **named)


def _shown(turn: int, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return what a message to the page holds as it may be seen, with the size of type that goes with that."""
    if turn and kind in _PAGE and "text/html" in content["data"]:
        # When it has ended too: the notebook may have been saved with the large type of an earlier turn.
        sized = {"text/html": _style(turn) + content["data"]["text/html"]}
        content = content | {"data": content["data"] | sized}
    return _masked(kind, content) if turn % 2 else content


def _masked(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    if kind == "stream":
        return content | {"text": masked(content["text"])}
    if kind in ("error", "execute_reply") and "traceback" in content:
        lines = [masked(line) for line in content["traceback"]]
        return content | {"evalue": masked(content["evalue"]), "traceback": lines}
    if kind == "input_request":
        return content | {"prompt": masked(content["prompt"])}
    if kind in (*_PAGE, "inspect_reply"):
        return content | {"data": {name: masked_output(name, value) for name, value in content["data"].items()}}
    return content


def present(course: CourseContext, on: bool) -> Presented:
    """Begin to present, or end it: large type, PSIDs and URLs masked, in all notebooks of a state directory."""
    turn = course.presented
    if on != bool(turn % 2):
        turn += 1
        note_presented(course.settings.state, turn)
    if on:
        words = "For a projector now: large type, PSIDs and URLs masked, in every notebook. What stands here already"
        return Presented(f"{words} is masked when its cell is run again. `lab.present(False)` ends it.", turn)
    return Presented("As before: small type, everything shown. Run cells again to see them whole.", turn)
