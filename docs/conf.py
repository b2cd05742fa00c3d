"""How Sphinx makes the book: what it reads, how docstrings are understood, how pages look."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
logging.getLogger("alembic").setLevel(logging.WARNING)  # the board's hub loads it, and it tells what it loads

from nbhelpers import __version__  # noqa: E402

project = "Facebook Messenger over the Messages API"
author = "the kit's contributors"
version = release = __version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["deploy/kubernetes/**"]
default_role = "literal"  # docstrings are written with single backticks, as Markdown has them

# The notebooks come with what they showed: docs/notebooks.py has run them.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # panels are text and pictures here: nothing from a network
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4

# What only a type checker imports is known by its last name alone, and `Accepted` is the name of two.
suppress_warnings = ["ref.python"]
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False

html_theme = "furo"
html_title = project
html_static_path = [str(ROOT / "docs" / "static"), str(ROOT / "nbhelpers" / "course" / "look.css")]
# As JupyterLab's own themes have it: the kit's outputs mix their colours from this one.
html_theme_options = {
    "light_css_variables": {"jp-content-font-color1": "#212121"},
    "dark_css_variables": {"jp-content-font-color1": "#ffffff"},
}
html_css_files = ["look.css", "book.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for files
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
