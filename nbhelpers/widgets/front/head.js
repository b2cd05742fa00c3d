// The head of a panel: its name, the word of the mode, what has changed for those who listen, and a kernel that is gone.
const GONE = "This panel has stopped: its kernel has ended or was restarted. Run the first code cell, then this cell again.";

function render({ model, el }) {
  el.classList.add("nbh-head-box");
  const title = made("h3", "nbh-title", model.get("heading"));
  const badge = made("span", model.get("real") ? "nbh-badge nbh-real" : "nbh-badge", model.get("mode"));
  const said = spoken("nbh-heard");
  const dead = made("div", "nbh-dead");
  dead.setAttribute("role", "status");
  const hear = () => { said.textContent = model.get("said"); };
  // A kernel that is shut down leaves its views as they are; the manager behind them knows that it has none.
  const manager = model.get("layout")?.widget_manager;
  const ended = () => manager !== undefined && "kernel" in manager
    && (!manager.kernel || manager.kernel.isDisposed || ["dead", "terminating"].includes(manager.kernel.status));
  const look = () => {
    const gone = el.closest(".jupyter-widgets-disconnected") !== null || ended();
    const words = gone ? GONE : model.get("stopped");
    el.closest(".nbh-panel")?.classList.toggle("nbh-still", words !== "");
    if (dead.textContent !== words) dead.replaceChildren(...(words ? [made("p", "nbh-note nbh-warn", words)] : []));
  };
  // Jupyter marks what has lost its kernel with a class, on the view itself.
  const watch = new MutationObserver(look);
  let outer = el;
  while (outer && outer.classList) {
    if (outer.classList.contains("jupyter-widgets") || outer === el)
      watch.observe(outer, { attributes: true, attributeFilter: ["class"] });
    outer = outer.parentElement;
  }
  model.on("change:said", hear);
  model.on("change:stopped", look);
  model.on("comm_live_update", look);
  el.append(made("div", "nbh-head", title, badge, said), dead);
  hear();
  look();
  const later = setTimeout(look, 0); // its place on the page may come after it is drawn
  const again = setInterval(look, 2000);
  return () => { watch.disconnect(); clearTimeout(later); clearInterval(again); };
}
export default { render };
