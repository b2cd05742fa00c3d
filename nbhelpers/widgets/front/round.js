// A sequence diagram that draws itself: an arrow for each hop, which opens its request and answer.
const SVG = "http://www.w3.org/2000/svg";
const ROW = 32;
const LINE = 14;
const CHARACTER = 6.7;
const NARROWEST = 640;
const LARGE = 1.5; // on a projector: its smallest letters then have 17 pixels
const NARROWEST_LARGE = 500; // names are cut there, so that all lifelines are in sight at 1024 pixels
const TOP = 24; // the names of the lifelines, which stay in sight

const drawn = (name, attributes, ...inside) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
};

const wrapped = (text, longest) => {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1) && lines.at(-1).length + word.length >= longest) lines.push("");
    lines[lines.length - 1] = `${lines.at(-1)} ${word}`.trim();
  }
  return lines;
};

const short = (text, longest) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);

// The picture by itself: the theme's colours are written into it.
const standalone = (names, svg) => {
  const [width, height] = svg.getAttribute("viewBox").split(" ").slice(2).map(Number);
  const parts = [[names, 0], [svg, TOP]].map(([part, down]) => {
    const copied = drawn("g", { transform: `translate(0 ${down})` }, ...part.cloneNode(true).childNodes);
    const from = part.querySelectorAll("*");
    copied.querySelectorAll("*").forEach((element, at) => {
      const style = getComputedStyle(from[at]);
      for (const name of ["fill", "stroke", "stroke-width", "stroke-dasharray", "paint-order", "font-family", "font-size", "font-weight"])
        element.setAttribute(name, style.getPropertyValue(name));
      for (const name of ["class", "tabindex", "role", "aria-label", "data-key", "style"]) element.removeAttribute(name);
    });
    copied.querySelectorAll("rect").forEach((hit) => hit.remove()); // what a click needs and a picture does not
    return copied;
  });
  const fill = getComputedStyle(svg.closest(".nbh-panel")).backgroundColor;
  const size = { viewBox: `0 0 ${width} ${height + TOP}`, width, height: height + TOP };
  return new XMLSerializer().serializeToString(drawn("svg", size, drawn("rect", { width: "100%", height: "100%", fill }), ...parts));
};

function render({ model, el }) {
  let upTo = null; // how many arrows are shown while one steps; null: all, as they come
  let open = null; // the key of the arrow that is open
  let room = 0; // the width of the box as it was last seen
  let scale = 1;
  let width = 0;
  const known = new Set();

  const follow = made("select", "nbh-select");
  follow.setAttribute("aria-label", "What to follow");
  follow.onchange = () => { upTo = null; model.send({ follow: follow.value }); };
  const back = button("◀ Step", () => step(-1), "Step back");
  const on = button("Step ▶", () => step(1), "Step on");
  const all = button("All", () => { upTo = null; draw(); }, "Show all arrows");
  const said = spoken("nbh-soft");
  const mermaid = button("Copy as Mermaid", () => copy(model.get("mermaid"), mermaid, said));
  const save = button("Save as SVG", () => {
    const link = made("a");
    link.href = URL.createObjectURL(new Blob([standalone(names, svg)], { type: "image/svg+xml" }));
    link.download = "round.svg";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    said.textContent = "Saved as round.svg.";
  });
  const summary = made("p", "nbh-round-summary");
  summary.setAttribute("role", "status");
  const legend = made("p", "nbh-soft", "Dashed: inferred. The kit did not see that hop.");
  const box = made("div", "nbh-round");
  const names = drawn("svg", { class: "nbh-sequence nbh-names", "aria-hidden": "true" });
  const svg = drawn("svg", { class: "nbh-sequence", role: "group" });
  box.append(names, svg);
  const detail = made("div", "nbh-detail");
  detail.setAttribute("role", "region");
  detail.setAttribute("aria-label", "The request and its answer");

  const arrows = () => model.get("arrows");
  const scaleNow = () => (el.closest(".nbh-projector") ? LARGE : 1);
  const shown = () => (upTo === null ? arrows() : arrows().slice(0, upTo));

  function step(by) {
    const count = arrows().length;
    const now = upTo === null ? count : upTo;
    upTo = Math.min(count, Math.max(0, now + by));
    draw();
    const last = shown().at(-1);
    said.textContent = last ? `${upTo} of ${count}: ${last.told}` : `0 of ${count}.`;
  }

  function label(text, middle, y, kind) {
    const longest = Math.floor((width - 16) / CHARACTER);
    const words = short(text, longest);
    const half = (words.length * CHARACTER) / 2;
    const x = Math.min(width - 8 - half, Math.max(8 + half, middle));
    return drawn("text", { x, y, class: kind, "text-anchor": "middle" }, words);
  }

  function arrowOf(each, places, y, fresh) {
    const [from, to] = [places[each.source], places[each.target]];
    const sign = to > from ? 1 : -1;
    const kind = `nbh-arrow nbh-is-${each.state}${each.seen ? "" : " nbh-inferred"}${each.key === open ? " nbh-open" : ""}`;
    const group = drawn("g", { class: fresh ? `${kind} nbh-fresh` : kind, role: "button", tabindex: "-1", "aria-label": each.told });
    if (each.key === open) group.setAttribute("aria-expanded", "true");
    group.append(
      drawn("rect", { class: "nbh-hit", x: 2, y: y - 21, width: width - 4, height: each.height - 3, rx: 5 }),
      drawn("line", { class: "nbh-shaft", x1: from, x2: to - sign * 7, y1: y, y2: y, pathLength: 1 }),
      each.state === "refused"
        ? drawn("path", { class: "nbh-cross", d: `M${to - sign * 13} ${y - 5}l10 10m0 -10l-10 10` })
        : drawn("path", { class: "nbh-tip", d: `M${to} ${y}l${-sign * 9} -5v10z` }),
      label((each.state === "refused" ? "✗ " : each.state === "waiting" ? "… " : "") + each.words, (from + to) / 2, y - 7, "nbh-words"),
    );
    each.lines.forEach((line, at) => group.append(label(line, to, y + 16 + at * LINE, "nbh-why")));
    group.onclick = () => choose(each.key, group);
    return group;
  }

  function draw() {
    // Where JupyterLab hides a cell it has no width, and may come back before anybody hears of it: with the width it had.
    if (box.clientWidth) [room, scale] = [box.clientWidth, scaleNow()];
    const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - ROW;
    width = Math.max(scale === 1 ? NARROWEST : NARROWEST_LARGE, Math.floor(room / scale) || 800);
    const lifelines = model.get("lifelines");
    const margin = 62;
    const gap = (width - 2 * margin) / (lifelines.length - 1);
    const places = Object.fromEntries(lifelines.map(([key], at) => [key, margin + at * gap]));
    const focused = svg.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    let y = 34;
    const rows = shown().map((each) => {
      const lines = each.why ? wrapped(each.why, Math.max(28, Math.floor((gap * 2) / CHARACTER))) : [];
      const row = { ...each, y, lines, height: ROW + lines.length * LINE };
      y += row.height;
      return row;
    });
    const height = y - 8;
    const heads = lifelines.map(([key, name]) =>
      drawn("text", { x: places[key], y: 16, "text-anchor": "middle" }, short(name, Math.floor(gap / 7.2))));
    const ends = lifelines.map(([key]) =>
      drawn("line", { class: "nbh-lifeline", x1: places[key], x2: places[key], y1: 0, y2: height }));
    const groups = rows.map((each) => {
      const fresh = !known.has(each.key);
      known.add(each.key);
      const group = arrowOf(each, places, each.y, fresh);
      group.dataset.key = each.key;
      return group;
    });
    for (const [part, high] of [[names, TOP], [svg, height]]) {
      part.setAttribute("viewBox", `0 0 ${width} ${high}`);
      part.setAttribute("width", width * scale);
      part.setAttribute("height", high * scale);
    }
    names.replaceChildren(...heads);
    svg.setAttribute("aria-label", `${model.get("summary")} ${groups.length} arrows; the arrow keys go through them, Enter opens one.`);
    svg.replaceChildren(...ends, ...groups);
    const current = groups.find((group) => group.dataset.key === (focused ?? open)) ?? groups.at(-1);
    current?.setAttribute("tabindex", "0");
    if (focused && current) current.focus();
    if (upTo !== null && groups.length) groups.at(-1).classList.add("nbh-now");
    if (atEnd || upTo !== null) box.scrollTop = box.scrollHeight;
    if (summary.textContent !== model.get("summary")) summary.textContent = model.get("summary");
    const choices = model.get("choices");
    if (JSON.stringify(choices) !== follow.dataset.choices) {
      follow.dataset.choices = JSON.stringify(choices);
      follow.replaceChildren(...choices.map(([value, words]) => new Option(words, value)));
    }
    follow.value = model.get("following");
    legend.hidden = shown().every((each) => each.seen);
    back.disabled = shown().length === 0;
    on.disabled = all.disabled = upTo === null || upTo >= arrows().length;
    if (open !== null && !arrows().some((each) => each.key === open)) show(null);
  }

  function choose(key, group) {
    show(open === key ? null : key);
    draw();
    group?.focus();
  }

  function show(key) {
    open = key;
    const each = arrows().find((arrow) => arrow.key === key);
    if (!each) { detail.replaceChildren(); return; }
    model.send({ open: key }); // the request and its answer come as a message: they are long, and few are opened
    const close = button("Close", () => { const before = open; show(null); draw(); svg.querySelector(`[data-key="${CSS.escape(before)}"]`)?.focus(); });
    detail.replaceChildren(made("div", "nbh-row nbh-end", made("strong", "", each.told), close));
  }

  function fill(key, found) {
    const each = arrows().find((arrow) => arrow.key === key);
    if (key !== open || !each) return;
    const parts = [detail.firstChild];
    if (found) {
      const heard = spoken("nbh-soft");
      const curl = button("Copy as curl", () => copy(found.curl, curl, heard));
      const block = (title, text) => {
        if (!text) return [];
        const pre = made("pre", "nbh-code", text);
        pre.tabIndex = 0;
        pre.setAttribute("role", "region");
        pre.setAttribute("aria-label", title);
        return [made("div", "nbh-label", title), pre];
      };
      const headers = found.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
      parts.push(
        ...block("Request", headers ? `${found.line}\n${headers}` : found.line),
        ...block(found.shape ? `Body, in ${found.shape}` : "Body", found.body),
        ...block("Answer", found.answer));
      if (found.verdict) parts.push(made("p", "nbh-note nbh-plain", found.verdict));
      parts.push(made("div", "nbh-row", curl, heard));
    } else {
      parts.push(made("p", "nbh-soft", each.seen ? "No HTTP call of ours: there is no request to show."
        : "Inferred from what came later: the kit did not see this hop."));
    }
    detail.replaceChildren(...parts);
  }
  model.on("msg:custom", (message) => { if (message.opened !== undefined) fill(message.opened, message.exchanged); });

  svg.addEventListener("keydown", (event) => {
    const groups = [...svg.querySelectorAll(".nbh-arrow")];
    const at = groups.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: groups.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      const next = groups[Math.min(groups.length - 1, Math.max(0, to))];
      for (const group of groups) group.setAttribute("tabindex", group === next ? "0" : "-1");
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.stopPropagation();
      choose(groups[at].dataset.key);
    }
  });

  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
  model.on("change", soon);
  const sizes = new ResizeObserver(() => {
    if (box.clientWidth && (box.clientWidth !== room || scaleNow() !== scale)) soon();
  });
  sizes.observe(box);
  el.classList.add("nbh-column");
  el.append(made("div", "nbh-row", follow, back, on, all, mermaid, save), summary, box, legend, detail, said);
  draw();
  return () => sizes.disconnect();
}
export default { render };
