"""How Sphinx makes the book: what it reads, how docstrings are understood, how pages look."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nbhelpers import __version__  # noqa: E402

project = "Facebook Messenger over the Messages API"
author = "the kit's contributors"
version = release = __version__
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_click"]
exclude_patterns = ["deploy/kubernetes/**"]
default_role = "literal"  # docstrings are written with single backticks, as Markdown has them

# The notebooks come with what they showed: docs/notebooks.py has run them.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # panels are text and pictures here: nothing from a network
myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = project
html_static_path = [str(ROOT / "docs" / "static"), str(ROOT / "nbhelpers" / "course" / "look.css")]
html_css_files = ["look.css", "book.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # it would fetch pages, which a browser refuses for files
html_show_sphinx = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
