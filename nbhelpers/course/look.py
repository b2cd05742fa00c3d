"""How the outputs of cells look: one stylesheet on Jupyter's theme variables, for plain outputs and for panels."""

from __future__ import annotations

import html
import re
from pathlib import Path

__all__ = ["LOOK", "dressed", "marked"]


def _squeezed(css: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)).strip()


#: Squeezed, since it stands in every output that is no panel.
LOOK = _squeezed(Path(__file__).with_name("look.css").read_text(encoding="utf-8"))


def dressed(markup: str) -> str:
    """Return HTML with the stylesheet that its classes need; what came from outside must be escaped in it already."""
    return f'<div class="nbh"><style>{LOOK}</style>{markup}</div>'


def marked(words: str) -> str:
    """Return a sentence as markup: `code` as code, the *heading* of a cell in italics, everything else escaped."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(words))
    return re.sub(r"(?<![\w*])\*([A-Z][\w ]+)\*(?![\w*])", r"<em>\1</em>", coded)
