// Asks every five seconds who is at which step, and writes it into the page; what comes is put in as text alone.
"use strict";

const EVERY = 5000;
const FIRST = 1000; // until the servers were asked for the first time
const titles = document.body.dataset.titles.split("|");
const at = (id) => document.getElementById(id);
const rows = new Map();
let learners = [];
let asked = false;

const columns = [...titles.map((title, index) => `${index + 1} ${title}`), "done"].map((title) => {
  const item = document.createElement("li");
  const [count, column, fill, name] = ["span", "span", "span", "span"].map((tag) => document.createElement(tag));
  count.className = "count";
  column.className = "column";
  fill.className = "fill";
  name.className = "title";
  name.textContent = title;
  column.append(fill);
  column.setAttribute("aria-hidden", "true");
  item.append(column, count, name);
  at("bar").append(item);
  return { count, fill };
});

titles.forEach((title, index) => at("step").append(new Option(`${index + 1} ${title}`, String(index + 1))));
at("step").append(new Option("done", "8"));

const place = (learner) => learner.at ?? titles.length + 1;
const isGrey = (learner) => learner.kind === "silent" || learner.kind === "stopped";

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function how(learner) {
  const clock = new Date(learner.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = { done: "done", stuck: `stuck since ${clock}`, silent: "does not answer", stopped: "server stopped" };
  return words[learner.kind] || (learner.kernel ? "working" : "working, no kernel");
}

function put(element, words) {
  if (element.textContent !== words) { element.textContent = words; }
}

function rowOf(name) {
  if (!rows.has(name)) {
    const row = document.createElement("tr");
    const who = document.createElement("th");
    who.scope = "row";
    const cells = ["step", "for", "how", "marks", "solved"].map((kind) => {
      const cell = document.createElement("td");
      cell.className = kind;
      return cell;
    });
    const [signs, words] = [document.createElement("span"), document.createElement("span")];
    signs.setAttribute("aria-hidden", "true");
    words.className = "unseen";
    cells[3].append(signs, words);
    row.append(who, ...cells);
    rows.set(name, { row, who, step: cells[0], time: cells[1], how: cells[2], signs, words, solved: cells[4] });
  }
  return rows.get(name);
}

function write(learner) {
  const found = rowOf(learner.name);
  const number = place(learner);
  found.row.dataset.kind = learner.kind;
  put(found.who, learner.name);
  put(found.step, number > titles.length ? "all seven" : `${number} ${titles[number - 1]}`);
  put(found.time, duration(learner.seconds));
  put(found.how, how(learner));
  const signs = { done: "✓", "filled in": "◦", open: "·" };
  put(found.signs, learner.steps.map((state) => signs[state]).join(""));
  put(found.words, learner.steps.map((state, index) => `${index + 1} ${state}`).join(", "));
  put(found.solved, String(learner.exercises));
  return found.row;
}

function fits(learner) {
  const kind = at("kind").value;
  const name = at("name").value.trim().toLowerCase();
  const step = at("step").value;
  return (!kind || learner.kind === kind || (kind === "grey" && isGrey(learner)))
    && (!step || String(place(learner)) === step)
    && (at("projector").checked || !name || learner.name.toLowerCase().includes(name));
}

function draw() {
  document.body.classList.toggle("projector", at("projector").checked);
  const heard = learners.filter((learner) => !isGrey(learner));
  const counts = columns.map((_, index) => heard.filter((learner) => place(learner) === index + 1).length);
  const most = Math.max(1, ...counts);
  columns.forEach(({ count, fill }, index) => {
    put(count, String(counts[index]));
    fill.style.height = `${(100 * counts[index]) / most}%`;
  });
  const many = (kind) => learners.filter((learner) => learner.kind === kind).length;
  const grey = learners.filter(isGrey).length;
  const parts = [`${many("done")} done`, `${many("stuck")} stuck`, `${many("working")} working`];
  if (grey) { parts.push(`${grey} not answering`); }
  const people = learners.length === 1 ? "1 learner" : `${learners.length} learners`;
  const nobody = asked ? "Nobody has a server yet." : "Asking the servers…";
  put(at("summary"), learners.length ? `${people}: ${parts.join(", ")}.` : nobody);
  // Without names in sight, the order must not give them away.
  const order = at("projector").checked ? (one, other) => place(one) - place(other) || one.seconds - other.seconds : () => 0;
  const wanted = learners.filter(fits).sort(order).map(write);
  const now = [...at("rows").children];
  if (wanted.length !== now.length || wanted.some((row, index) => row !== now[index])) {
    at("rows").replaceChildren(...wanted);
  }
  at("nobody").hidden = wanted.length > 0 || learners.length === 0;
}

function say(trouble) {
  put(at("trouble"), trouble);
  at("trouble").hidden = !trouble;
}

async function ask() {
  try {
    const answer = await fetch("room", { headers: { "X-XSRFToken": document.body.dataset.xsrf }, redirect: "error" });
    if (!answer.ok) { throw new Error(`answered ${answer.status}`); }
    const said = await answer.json();
    learners = said.learners;
    asked = said.asked;
    say(said.trouble);
  } catch (error) {
    say(`The board does not answer (${error.message}). If you were logged out, load this page again.`);
  }
  draw();
  setTimeout(ask, asked ? EVERY : FIRST);
}

at("controls").addEventListener("submit", (event) => event.preventDefault());
at("controls").addEventListener("input", draw);
ask();
