// A token's countdown, Copy JWT and Mint again. The token comes as a message when it is to be copied, and is not kept.
function render({ model, el }) {
  const { row, stop } = countdown(model);
  const said = spoken("nbh-soft");
  const ask = button("Copy JWT", () => model.send({ ask: "copy" }), null, "nbh-go");
  const mint = button("Mint again", () => { said.textContent = ""; model.send({ ask: "mint" }); });
  const hear = (message) => {
    if (message.token) copy(message.token, ask, said);
    if (message.words) said.textContent = message.words;
  };
  model.on("msg:custom", hear);
  el.classList.add("nbh-column");
  el.append(row, made("div", "nbh-row", ask, mint, said));
  return () => { stop(); model.off("msg:custom", hear); };
}
export default { render };
