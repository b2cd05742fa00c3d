// A labelled value with a Copy button. Digits are grouped by spacing alone, so that what is selected holds no blanks.
function render({ model, el }) {
  const label = made("span", "nbh-label");
  const value = made("code", "nbh-value");
  const after = made("span", "nbh-soft");
  const said = spoken("nbh-soft");
  const press = () => (model.get("held") ? model.send({ ask: "copy" }) : copy(model.get("value"), press_me, said));
  const press_me = button("", press);
  const hear = (message) => { if (typeof message.text === "string") copy(message.text, press_me, said); };
  const draw = () => {
    const text = model.get("value");
    const big = model.get("big");
    label.textContent = big ? model.get("label") : `${model.get("label")}:`;
    label.classList.toggle("nbh-heard", big);
    value.classList.toggle("nbh-psid", big);
    const parts = big && /^[•\d]{8,}$/.test(text) ? text.match(/.{1,4}/g).map((part) => made("span", "", part)) : [text];
    value.replaceChildren(...(text ? parts : [model.get("empty")]));
    press_me.disabled = !text;
    press_me.textContent = model.get("words");
    press_me.setAttribute("aria-label", `Copy ${model.get("label")}`);
    after.textContent = model.get("after");
    said.textContent = "";
  };
  model.on("change", draw);
  model.on("msg:custom", hear);
  draw();
  el.classList.add("nbh-row");
  el.append(label, value, press_me, after, said);
}
export default { render };
