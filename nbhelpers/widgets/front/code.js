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
  const parts = [box, made("div", "nbh-row", ask, said)];
  if (model.get("folded")) {
    const name = model.get("label");
    const fold = made("details", "", made("summary", "", name[0].toUpperCase() + name.slice(1)), ...parts);
    el.append(fold);
  } else {
    el.append(...parts);
  }
}
export default { render };
