// A question with choices: radio buttons of the browser, so that Tab, arrow keys and a screen reader know what to do.
let asked = 0;
function render({ model, el }) {
  const name = `nbh-choices-${(asked += 1)}`;
  const draw = () => {
    const labels = model.get("choices").map((words, at) => {
      const radio = made("input");
      radio.type = "radio";
      radio.name = name;
      radio.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys for the next cell
      radio.checked = model.get("picked") === at;
      radio.onchange = () => { model.set("picked", at); model.save_changes(); };
      return made("label", "", radio, made("span", "", words));
    });
    el.replaceChildren(made("fieldset", "nbh-asked", made("legend", "", model.get("asks")), ...labels));
  };
  model.on("change:asks change:choices", draw);
  model.on("change:picked", () => el.querySelectorAll("input").forEach((radio, at) => { radio.checked = model.get("picked") === at; }));
  draw();
}
export default { render };
