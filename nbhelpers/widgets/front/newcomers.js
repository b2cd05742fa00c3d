// Who has written since the person on screen: a button for each. Nobody takes the screen by themselves.
function render({ model, el }) {
  el.setAttribute("role", "status");
  const draw = () => {
    const words = model.get("words");
    el.classList.toggle("nbh-none", words === "");
    if (!words) { el.replaceChildren(); return; }
    const people = model.get("names").map((name, at) =>
      button(name, () => model.send({ pin: at }), `Show ${name} instead`, "nbh-quiet"));
    el.replaceChildren(made("span", "nbh-soft", `${words}: `), ...people);
  };
  model.on("change", draw);
  draw();
  el.classList.add("nbh-row");
}
export default { render };
