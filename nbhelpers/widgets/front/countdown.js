// A countdown by itself.
function render({ model, el }) {
  const { row, stop } = countdown(model);
  el.append(row);
  return stop;
}
export default { render };
