"""Reads from the browser under which address the page was opened: a hub need not know its own public name."""

from __future__ import annotations

import anywidget
import traitlets

__all__ = ["PageOrigin"]


class PageOrigin(anywidget.AnyWidget):
    """Nothing to see: `origin` becomes the page's own, such as `https://hub.example.org`, once it is shown."""

    _esm = """
function render({ model, el }) {
  el.style.display = "none";
  if (model.get("origin") !== window.location.origin) {
    model.set("origin", window.location.origin);
    model.save_changes();
  }
}
export default { render };
"""
    origin = traitlets.Unicode("").tag(sync=True)
