// The inbox as a table: a row for each exchange, which opens what was sent, in both shapes.
const HEADS = ["", "When", "Way", "Person", "What", "Receipts", "Signature"];
const SHAPES = [["guide", "the guide's shape"], ["today", "today's shape"]];

function render({ model, el }) {
  let open = null;
  let shape = "guide";
  let later = null;
  const said = spoken("nbh-soft");
  const ask = (more) => model.send({ ask: "find", text: search.value, person: person.value, kind: kind.value, ...more });

  const search = made("input", "nbh-input");
  search.type = "search";
  search.placeholder = "Search the texts";
  search.setAttribute("aria-label", "Search the texts");
  search.oninput = () => { clearTimeout(later); later = setTimeout(ask, 200); };
  const picker = (label) => {
    const made_one = made("select", "nbh-select");
    made_one.setAttribute("aria-label", label);
    made_one.onchange = () => ask();
    return made_one;
  };
  const person = picker("Person");
  const kind = picker("Kind");
  const save = (as) => button(as, () => model.send({ ask: "export", as: as.toLowerCase() }), `Export as ${as}, ids as text`);
  const more = button("Show more", () => model.send({ ask: "more" }));
  const count = made("span", "nbh-soft");
  count.setAttribute("role", "status");

  const table = made("table", "nbh-inbox");
  const body = made("tbody");
  table.append(
    made("caption", "nbh-heard", "Exchanges, the newest first"),
    made("thead", "", made("tr", "", ...HEADS.map((head) => {
      const cell = made("th", "", head || made("span", "nbh-heard", "Open"));
      cell.scope = "col";
      return cell;
    }))),
    body);
  const box = made("div", "nbh-inbox-box", table);
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", "Exchanges");

  const cell = (head, ...inside) => {
    const td = made("td", "", ...inside);
    td.dataset.head = head;
    if (td.textContent === "") td.replaceChildren();
    return td;
  };

  const pieces = (detail) => detail.parts.flatMap((part) => {
    const heard = spoken("nbh-soft");
    const box = made("pre", "nbh-code", part[shape]);
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `${part.title}, in ${SHAPES.find(([name]) => name === shape)[1]}`);
    const row = made("div", "nbh-row", button("Copy", (event) => copy(part[shape], event.target, heard), `Copy ${part.title}`));
    if (part.replay !== null)
      row.append(button("Replay", () => model.send({ ask: "replay", event: part.replay }), `Replay ${part.title}: it is marked as a replay`));
    row.append(heard);
    return [made("div", "nbh-label", `${part.title}. ${part.verdict}`), box, row];
  });

  const drawer = (detail) => {
    const row = made("tr", "nbh-drawer");
    const td = made("td");
    td.colSpan = HEADS.length;
    const shapes = made("fieldset", "nbh-shapes", made("legend", "nbh-heard", "Shape"));
    for (const [name, words] of SHAPES) {
      const input = made("input");
      input.type = "radio";
      input.name = `shape-${detail.key}-${Math.random()}`;
      input.checked = name === shape;
      input.onchange = () => { shape = name; draw(); body.querySelector(".nbh-drawer input:checked")?.focus(); };
      shapes.append(made("label", "", input, ` ${words}`));
    }
    td.append(shapes, ...pieces(detail));
    row.append(td);
    return row;
  };

  const line = (each) => {
    const row = made("tr", each.key === open ? "nbh-open-row" : "");
    const toggle = button(each.key === open ? "▾" : "▸", () => {
      open = each.key === open ? null : each.key;
      if (open !== null) model.send({ ask: "open", key: open });
      draw();
      body.querySelector(`[data-key="${CSS.escape(each.key)}"]`)?.focus();
    }, `Open ${each.way} ${each.what}`, "nbh-tiny");
    toggle.dataset.key = each.key;
    toggle.setAttribute("aria-expanded", String(each.key === open));
    const what = made("span", "", each.what);
    what.dir = "auto";
    const marks = each.marks ? [" ", made("span", "nbh-soft", each.marks)] : [];
    row.append(
      cell("", toggle), cell("When", each.when), cell("Way", each.way), cell("Person", each.who),
      cell("What", what, ...marks), cell("Receipts", each.receipts), cell("Signature", each.verdict));
    return row;
  };

  const options = (list, wanted) => {
    const told = JSON.stringify(wanted);
    if (list.dataset.told === told) return;
    const before = list.value;
    list.dataset.told = told;
    list.replaceChildren(...wanted.map(([value, words]) => new Option(words, value)));
    list.value = wanted.some(([value]) => value === before) ? before : "";
  };

  const lines = new Map(); // what has not changed stays: a row is drawn anew when something in it is another
  const drawers = new Map();
  const kept = (rows, key, told, make) => {
    if (rows.get(key)?.told !== told) rows.set(key, { told, row: make() });
    return rows.get(key).row;
  };

  function draw() {
    options(person, model.get("people"));
    options(kind, model.get("kinds"));
    const focus = el.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const at = box.scrollTop;
    const rows = model.get("rows");
    const detail = model.get("detail");
    const wanted = rows.flatMap((each) => {
      const row = kept(lines, each.key, JSON.stringify([each, each.key === open]), () => line(each));
      if (each.key !== open || detail.key !== open) return [row];
      return [row, kept(drawers, open, JSON.stringify([detail, shape]), () => drawer(detail))];
    });
    const keys = new Set(rows.map((each) => each.key));
    for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
    for (const key of drawers.keys()) if (key !== open) drawers.delete(key);
    let next = body.firstChild;
    for (const row of wanted) {
      if (row === next) next = next.nextSibling;
      else body.insertBefore(row, next);
    }
    while (next) { const gone = next; next = next.nextSibling; gone.remove(); }
    if (box.scrollTop !== at) box.scrollTop = at;
    box.hidden = rows.length === 0;
    more.hidden = !model.get("more");
    const words = model.get("count");
    if (count.textContent !== words) count.textContent = words;
    if (focus && document.activeElement?.dataset.key !== focus) body.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
  }

  let waiting = false;
  model.on("change", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  model.on("msg:custom", (message) => {
    if (message.words !== undefined) said.textContent = message.words;
    if (typeof message.file === "string") {
      const link = made("a");
      link.href = URL.createObjectURL(new Blob([message.text], { type: message.type }));
      link.download = message.file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
  });
  el.classList.add("nbh-column");
  el.append(
    made("div", "nbh-row", search, person, kind, save("JSON"), save("CSV")),
    box, made("div", "nbh-row", more, count, said));
  draw();
}
export default { render };
