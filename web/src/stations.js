// The stations page: the chosen station is in the address, marked in the list and on the map, and shown in the panel.
import { said } from "./formats.js";
import { say } from "./say.js";

export function stations(htmx, live) {
  const panel = document.getElementById("panel");

  function mark() {
    const id = panel.dataset.chosen;
    for (const row of document.querySelectorAll("[data-row]")) row.toggleAttribute("data-chosen", row.dataset.row === id);
    for (const link of document.querySelectorAll("[data-row-link]"))
      link.dataset.rowLink === id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    dispatchEvent(new CustomEvent("stationchosen", { detail: id }));
  }

  function choose(id) {
    const url = new URL(location.href);
    id ? url.searchParams.set("station", id) : url.searchParams.delete("station");
    history.replaceState(history.state, "", url);
    panel.dataset.chosen = id;
    mark();
    if (id) htmx.ajax("GET", `/stations/${encodeURIComponent(id)}/panel`, { target: "#panel", swap: "innerHTML" });
  }

  function close() {
    const from = panel.dataset.chosen;
    panel.replaceChildren();
    choose("");
    if (from) document.querySelector(`[data-row-link="${CSS.escape(from)}"]`)?.focus();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-panel]")) return close();
    const link = event.target.closest("[data-row-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    choose(link.dataset.rowLink);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && panel.dataset.chosen) return close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("[data-row-link]")) return;
    const links = [...document.querySelectorAll("[data-row-link]")];
    const next = links[links.indexOf(event.target) + step];
    if (next) { event.preventDefault(); next.focus(); }
  });

  picking();
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-pick-page]")) for (const box of document.querySelectorAll('[data-row] input[name="station"]')) box.checked = target.checked;
    if (target.closest("#bulk, .pick")) picking();
  });
  document.addEventListener("htmx:after:swap", () => {
    mark();
    picking();
    const name = panel.querySelector("h2")?.textContent;
    if (name && name !== panel.dataset.said) say(said("showing", name));
    panel.dataset.said = name ?? "";
  });

  const chart = document.getElementById("chart"), map = document.getElementById("map");
  if (chart) import("./chart.js").then(({ start }) => start(chart, live));
  if (map) import("./map.js").then(({ start }) => start(map, live, choose));
}

// Choosing many stations: what is chosen is counted, and only what the action needs is shown.
function picking() {
  const bulk = document.getElementById("bulk");
  if (!bulk) return;
  const boxes = [...document.querySelectorAll('[data-row] input[name="station"]')], page = document.querySelector("[data-pick-page]");
  const all = bulk.querySelector("[data-pick-all]"), count = bulk.querySelector("[data-picked]"), action = bulk.querySelector("#bulk-action");
  const chosen = boxes.filter((box) => box.checked).length, number = all?.checked ? Number(all.dataset.pickAll) : chosen;
  page.checked = chosen > 0 && chosen === boxes.length;
  page.indeterminate = chosen > 0 && chosen < boxes.length;
  count.textContent = number ? count.dataset.some.replace("{n}", number.toLocaleString(document.documentElement.lang)) : count.dataset.none;
  bulk.toggleAttribute("data-idle", !number);
  for (const part of bulk.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== action.value;
}
