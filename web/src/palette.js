// Ctrl-K finds anything, ? shows the keys. The server finds and words it; here is only what the keyboard does.
const ASK_AFTER_MS = 60;
const palette = document.getElementById("palette"), keys = document.getElementById("keys");
const input = palette?.querySelector("input"), found = document.getElementById("palette-found");
// `goWhenFound` is the Enter that waits for its answer: it means this text, this answer and this opening of the palette.
let asking, waiting, goWhenFound = null, moved = false;

const options = () => [...found.querySelectorAll("a[role=option]")];
const chosen = () => found.querySelector('[aria-selected="true"]');

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (!option) return input.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function go({ ctrlKey, metaKey }) {
  chosen()?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey, metaKey }));
}

function forget() {
  goWhenFound = null;
  clearTimeout(waiting);
  asking?.abort();
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const text = input.value;
  try {
    const answer = await fetch(`/search?part=true&q=${encodeURIComponent(text)}`, { signal: asking.signal });
    if (answer.redirected) return location.reload();
    if (!answer.ok) { goWhenFound = null; return; }
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    // What somebody chose of the list that stood there meanwhile stays chosen, if it is found still.
    const kept = moved && chosen()?.getAttribute("href");
    found.replaceChildren(template.content);
    options().forEach((option, n) => { option.id = `found-${n}`; });
    choose(options().find((option) => option.getAttribute("href") === kept) ?? options()[0]);
    found.dataset.for = text;
    const enter = goWhenFound;
    goWhenFound = null;
    if (enter) go(enter);
  } catch (fault) {
    if (fault.name === "AbortError") return;
    goWhenFound = null;
    throw fault;
  }
}

export function openPalette() {
  if (palette.open) return;
  forget();
  delete found.dataset.for;
  moved = false;
  palette.showModal();
  input.select();
  ask();
}

export function openKeys() {
  palette.close();
  if (!keys.open) keys.showModal();
}

if (palette) {
  input.addEventListener("input", () => { moved = false; goWhenFound = null; clearTimeout(waiting); waiting = setTimeout(ask, ASK_AFTER_MS); });
  input.addEventListener("keydown", (event) => {
    // These keys choose among an input method's own words.
    if (event.isComposing) return;
    const all = options(), step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) { event.preventDefault(); moved = true; choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]); }
    // Whoever types faster than the answer comes means what was typed, not what is listed still.
    if (event.key === "Enter") { event.preventDefault(); if (found.dataset.for === input.value) go(event); else { goWhenFound = event; clearTimeout(waiting); ask(); } }
    if (event.key === "?" && !input.value) { event.preventDefault(); openKeys(); }
  });
  // The event comes a moment late: who opened the palette again meanwhile is not forgotten.
  palette.addEventListener("close", () => { if (!palette.open) forget(); });
  for (const dialog of [palette, keys]) dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
  // A link to another part of the page that is open anyway must not leave the palette over it.
  found.addEventListener("click", ({ target }) => { if (target.closest("a")) palette.close(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette]") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openPalette();
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea"), search = document.querySelector("[data-search]");
  if (event.key === "k" && (event.ctrlKey || event.metaKey) && palette) { event.preventDefault(); openPalette(); }
  else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "/" && (search || palette)) { event.preventDefault(); search ? (search.focus(), search.select()) : openPalette(); }
  else if (event.key === "?" && keys) { event.preventDefault(); openKeys(); }
});
