// The stations page: the chosen station is in the address, marked in the list and on the map, and shown in the panel.
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

  document.addEventListener("htmx:after:swap", () => {
    mark();
    const name = panel.querySelector("h2")?.textContent;
    if (name && name !== panel.dataset.said) say(`Showing ${name}`);
    panel.dataset.said = name ?? "";
  });

  const chart = document.getElementById("chart"), map = document.getElementById("map");
  if (chart) import("./chart.js").then(({ start }) => start(chart, live));
  if (map) import("./map.js").then(({ start }) => start(map, live, choose));
}
