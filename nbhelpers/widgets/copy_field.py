"""The two parts that need a little JavaScript: a value with a Copy button, and a token with a countdown.

The script is inline: nothing is fetched from a network.
"""

from __future__ import annotations

import anywidget
import traitlets

__all__ = ["CopyField", "TokenView"]

# The clipboard is only there on https and localhost; elsewhere the text is selected for the learner to copy.
_COPY = """
async function copy(text, button, said) {
  let words = "Copied.";
  try {
    await navigator.clipboard.writeText(text);
  } catch (refused) {
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    if (document.execCommand("copy")) { area.remove(); } else { words = "Press Ctrl+C to copy the selected text."; }
  }
  said.textContent = words;
}
"""

_STYLE = """
.nbhelpers-row { display: flex; flex-wrap: wrap; gap: 0.3em 0.8em; align-items: baseline;
  font-family: var(--jp-ui-font-family, sans-serif); font-size: var(--jp-ui-font-size1, 13px);
  color: var(--jp-ui-font-color1, inherit); line-height: 1.6 }
.nbhelpers-row code { overflow-wrap: anywhere }
.nbhelpers-row button { font: inherit; padding: 0.1em 0.9em; cursor: pointer }
.nbhelpers-row time { font-variant-numeric: tabular-nums; font-weight: 600 }
"""


class CopyField(anywidget.AnyWidget):
    """A labelled value with a Copy button beside it."""

    _esm = (
        _COPY
        + """
function render({ model, el }) {
  el.className = "nbhelpers-row";
  const label = document.createElement("span");
  const value = document.createElement("code");
  const button = document.createElement("button");
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  const draw = () => {
    label.textContent = model.get("label") + ":";
    value.textContent = model.get("value") || "(empty)";
    button.disabled = !model.get("value");
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy " + model.get("label"));
  };
  button.onclick = () => copy(model.get("value"), button, said);
  model.on("change:value", draw);
  draw();
  el.append(label, value, button, said);
}
export default { render };
"""
    )
    _css = _STYLE
    label = traitlets.Unicode("").tag(sync=True)
    value = traitlets.Unicode("").tag(sync=True)


class TokenView(anywidget.AnyWidget):
    """A countdown, *Copy JWT* and *Mint again*. The token is no trait: it is sent when it is to be copied.

    Widget state can end up in the saved notebook; the token must not.
    """

    _esm = (
        _COPY
        + """
function render({ model, el }) {
  el.className = "nbhelpers-row";
  const left = document.createElement("time");
  const copyButton = document.createElement("button");
  const mintButton = document.createElement("button");
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  copyButton.textContent = "Copy JWT";
  mintButton.textContent = "Mint again";
  const tick = () => {
    const seconds = Math.max(0, Math.round(model.get("expires") - Date.now() / 1000));
    const two = (number) => String(number).padStart(2, "0");
    left.textContent = seconds > 0
      ? two(Math.floor(seconds / 60)) + ":" + two(seconds % 60) + " left"
      : "This token has run out. Mint a new one.";
  };
  copyButton.onclick = () => model.send({ ask: "copy" });
  mintButton.onclick = () => { said.textContent = ""; model.send({ ask: "mint" }); };
  const hear = (message) => {
    if (message.token) { copy(message.token, copyButton, said); }
    if (message.words) { said.textContent = message.words; }
  };
  model.on("msg:custom", hear);
  model.on("change:expires", tick);
  const timer = setInterval(tick, 1000);
  tick();
  el.append(left, copyButton, mintButton, said);
  return () => { clearInterval(timer); model.off("msg:custom", hear); };
}
export default { render };
"""
    )
    _css = _STYLE
    expires = traitlets.Float(0.0).tag(sync=True)
