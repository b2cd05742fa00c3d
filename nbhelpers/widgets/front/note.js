// A sentence that is read out when it changes; its place stays on the page while there is none.
function render({ model, el }) {
  const role = model.get("urgent") ? "alert" : "status";
  el.setAttribute("role", role);
  const draw = () => {
    const words = model.get("words");
    el.classList.toggle("nbh-none", words === "");
    el.replaceChildren(...(words ? [made("p", `nbh-note nbh-${model.get("kind")}`, ...coded(words))] : []));
  };
  model.on("change", draw);
  draw();
}
export default { render };
