// What the parts and panels share: making elements, copying, a countdown. Only text is ever put on the page, no markup.
const made = (name, kind, ...inside) => {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...inside);
  return element;
};

const button = (words, press, label, kind) => {
  const element = made("button", kind ? `nbh-button ${kind}` : "nbh-button", words);
  element.type = "button";
  if (label) element.setAttribute("aria-label", label);
  element.onclick = press;
  return element;
};

// A sentence with its `code` as code.
const coded = (words) => words.split(/`([^`]+)`/).map((part, at) => (at % 2 ? made("code", "", part) : part));

// A place whose text is read out when it changes: there from the beginning, or nothing is heard.
const spoken = (kind) => {
  const element = made("span", kind);
  element.setAttribute("role", "status");
  return element;
};

// The clipboard is only there on https and localhost; elsewhere the text is selected for the learner to copy.
async function copy(text, beside, said) {
  said.textContent = "";
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
    return;
  } catch (refused) {
    const area = made("textarea", "nbh-area");
    area.value = text;
    area.setAttribute("aria-label", "The text to copy");
    beside.after(area);
    area.select();
    if (document.execCommand("copy")) {
      area.remove();
      said.textContent = "Copied.";
    } else {
      area.onblur = () => area.remove();
      said.textContent = "Press Ctrl+C to copy the selected text.";
    }
  }
}

const two = (number) => String(number).padStart(2, "0");
const clock = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8);

const remaining = (seconds) => {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  return hours > 0 ? `${hours} h ${minutes} min` : `${two(minutes)}:${two(seconds % 60)}`;
};

// A bar that empties and words that tick, without the kernel; the end is read out once.
function countdown(model) {
  const row = made("div", "nbh-row nbh-countdown");
  const words = made("span", "nbh-left");
  const bar = made("span", "nbh-bar", made("span"));
  const said = spoken("nbh-heard");
  bar.setAttribute("aria-hidden", "true");
  row.append(words, bar, said);
  let over = null;
  const tick = () => {
    const until = model.get("expires");
    const seconds = Math.max(0, Math.round(until - Date.now() / 1000));
    row.hidden = !until;
    row.classList.toggle("nbh-over", seconds === 0);
    row.classList.toggle("nbh-late", seconds > 0 && seconds < model.get("whole") / 10);
    bar.firstChild.style.width = `${Math.min(100, (100 * seconds) / (model.get("whole") || 1))}%`;
    words.textContent = seconds > 0 ? model.get("running").replace("{left}", remaining(seconds)) : model.get("over");
    if (until && over === false && seconds === 0) said.textContent = model.get("over");
    over = until ? seconds === 0 : null;
  };
  const timer = setInterval(tick, 1000);
  model.on("change", tick);
  tick();
  return { row, stop: () => { clearInterval(timer); model.off("change", tick); } };
}
