// A line or a field to write in, with its button. What is sent goes with the press: what has been typed a moment ago may
// not have reached the kernel yet, least of all while a cell runs.
function render({ model, el }) {
  const many = model.get("rows") > 1;
  const control = made(many ? "textarea" : "input", "nbh-input");
  const name = made("label", "nbh-label");
  control.id = `nbh-${Math.random().toString(36).slice(2)}`;
  name.htmlFor = control.id;
  if (many) control.rows = model.get("rows");
  let sent = null;
  let later = null;

  const send = () => {
    sent = control.value;
    model.send({ ask: "send", text: sent });
  };
  const go = button("", send, null, many ? "nbh-go" : "");
  const others = made("span", "nbh-row");
  const count = made("span", "nbh-count");
  const tell = () => {
    const limit = model.get("limit");
    const length = [...control.value].length;
    const over = limit && length > limit ? ` ${length - limit} too many` : "";
    count.textContent = limit ? `${length} of ${limit}${over}` : `${length} characters`;
    count.classList.toggle("nbh-over", over !== "");
  };
  const keep = () => {
    clearTimeout(later);
    model.set("value", control.value);
    model.save_changes();
  };
  control.oninput = () => {
    tell();
    clearTimeout(later);
    later = setTimeout(keep, 150);
  };
  control.onkeydown = (event) => {
    if (event.key !== "Enter" || event.isComposing || (many && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would run the cell
    if (!go.disabled) send();
  };
  const draw = () => {
    name.textContent = model.get("label");
    control.placeholder = model.get("placeholder");
    go.textContent = model.get("go");
    go.title = model.get("says");
    go.disabled = model.get("disabled");
    const wanted = JSON.stringify(model.get("others"));
    if (others.dataset.told !== wanted) {
      const focus = others.contains(document.activeElement) ? document.activeElement.textContent : null;
      others.dataset.told = wanted;
      others.replaceChildren(...model.get("others").map(([ask, words, pressed]) => {
        const each = button(words, () => model.send({ ask }));
        if (pressed !== null) each.setAttribute("aria-pressed", String(pressed));
        return each;
      }));
      if (focus) [...others.children].find((each) => each.textContent === focus)?.focus();
    }
  };
  model.on("change", draw);
  model.on("msg:custom", (message) => {
    if (!message.sent || control.value !== sent) return;
    control.value = "";
    tell();
    keep();
  });
  control.value = model.get("value");
  draw();
  tell();
  if (many) {
    el.classList.add("nbh-column");
    el.append(name, control, made("div", "nbh-row nbh-end", made("span", "nbh-row", go, others), count));
  } else {
    el.classList.add("nbh-row", "nbh-line");
    el.append(name, control, go);
  }
  return () => clearTimeout(later);
}
export default { render };
