// A block of code or JSON that scrolls inside its own box, with a Copy button.
function render({ model, el }) {
  const box = made("pre", "nbh-code");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  const said = spoken("nbh-soft");
  const ask = button("Copy", () => copy(model.get("value"), ask, said));
  const draw = () => {
    box.textContent = model.get("value");
    box.setAttribute("aria-label", model.get("label"));
    ask.setAttribute("aria-label", `Copy ${model.get("label")}`);
    said.textContent = "";
  };
  model.on("change", draw);
  draw();
  el.append(made("div", "nbh-code-box", box, made("div", "nbh-row", ask, said)));
}
export default { render };
