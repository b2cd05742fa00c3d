// A talk as bubbles: one side of a conversation, or a phone with a line to write in. What has not changed stays.
function render({ model, el }) {
  const list = made("ol");
  const log = made("div", "nbh-talk", list);
  log.tabIndex = 0;
  log.setAttribute("role", "log");
  const name = made("div", "nbh-talk-name");
  let relabel = () => {};
  const empty = made("p", "nbh-soft nbh-talk-empty");
  const earlier = made("p", "nbh-soft nbh-talk-empty");
  const rows = new Map();

  const bubble = (each) => {
    const item = made("li", each.own ? "nbh-own" : "nbh-other");
    const said = made("div", `nbh-bubble nbh-kind-${each.kind}`, each.text);
    said.dir = "auto"; // of its own, not that of the words around it
    const below = made("div", "nbh-below", each.below);
    item.append(made("span", "nbh-heard", `${each.who}: `), said);
    if (each.choices.length) {
      const tap = (title) => button(title, () => model.send({ ask: "tap", choice: title }), `Tap “${title}”`);
      item.append(made("div", "nbh-row nbh-choices", ...each.choices.map(tap)));
    }
    item.append(below);
    return item;
  };
  const draw = () => {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
    const wanted = model.get("bubbles");
    const keys = new Set(wanted.map((each) => each.key));
    for (const [key, old] of rows) if (!keys.has(key)) { old.item.remove(); rows.delete(key); }
    let last = null;
    for (const each of wanted) {
      const told = JSON.stringify(each);
      const known = rows.get(each.key);
      let item = known?.item;
      if (!known) {
        item = bubble(each);
        rows.set(each.key, { item, told });
      } else if (known.told !== told) {
        item = bubble(each);
        known.item.replaceWith(item);
        rows.set(each.key, { item, told });
      }
      const next = last ? last.nextSibling : list.firstChild;
      if (next !== item) list.insertBefore(item, next);
      last = item;
    }
    relabel();
    name.textContent = model.get("name");
    const before = model.get("earlier");
    earlier.hidden = before === 0;
    earlier.textContent = `${before} before these are in lab.panels.inbox().`;
    empty.textContent = model.get("empty");
    empty.hidden = wanted.length > 0;
    log.hidden = wanted.length === 0;
    log.setAttribute("aria-label", model.get("name"));
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  model.on("change", draw);
  el.classList.add("nbh-side");
  el.append(name, empty, earlier, log);

  if (model.get("write")) {
    const said = spoken("nbh-soft");
    const line = made("input", "nbh-input");
    line.placeholder = "Message";
    const row = made("div", "nbh-row nbh-compose", line);
    let kind = null;
    if (model.get("kinds").length) {
      kind = made("select", "nbh-select");
      kind.setAttribute("aria-label", "What to send");
      kind.append(...model.get("kinds").map((each) => new Option(each, each)));
      row.append(kind);
      kind.onchange = () => { line.disabled = kind.value !== "text"; };
    }
    const send = () => model.send({ ask: "send", kind: kind ? kind.value : "text", text: line.value });
    line.onkeydown = (event) => { if (event.key === "Enter" && !event.isComposing) send(); };
    const go = button("Send", send, null, "nbh-go");
    const look = button("Read", () => model.send({ ask: "read" }));
    row.append(go, ...(model.get("reads") ? [look] : []));
    relabel = () => {
      line.setAttribute("aria-label", model.get("write"));
      go.setAttribute("aria-label", `Send: ${model.get("write")}`);
      look.setAttribute("aria-label", `Read as ${model.get("reads")}`);
    };
    const hear = (message) => {
      if (message.words !== undefined) said.textContent = message.words;
      if (message.sent) line.value = "";
    };
    model.on("msg:custom", hear);
    el.append(row, said);
  }
  draw();
  const end = () => { log.scrollTop = log.scrollHeight; };
  end();
  const later = setTimeout(end, 50);
  return () => clearTimeout(later);
}
export default { render };
