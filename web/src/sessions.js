// Sessions: a list keeps up with what begins and ends; a session's page reads itself anew when its state changes.
const REFRESH_EVERY_MS = 4000;

export function sessions(htmx, live) {
  if (document.querySelector("[data-sessions]")) keepUp(htmx, live);
  if (document.querySelector("#session[data-running]")) follow(htmx, live);
  draw(live);
}

// Without an id: htmx carries what an element of the same id had over to the new one, a canvas' inline style as well.
function draw(live) {
  const curve = document.querySelector("[data-curve]");
  if (curve && !curve.dataset.drawn) { curve.dataset.drawn = "true"; import("./curve.js").then(({ start }) => start(curve, live)); }
  for (const button of document.querySelectorAll("[data-print]")) { button.hidden = false; button.onclick = () => print(); }
}

// Only the first page of a list changes by itself, and never while somebody has something in it in hand.
function keepUp(htmx, live) {
  let seen;
  live.watchAlso(["totals"]);
  live.onCells(REFRESH_EVERY_MS, () => {
    const running = live.cell("totals.sessions"), ended = [...document.querySelectorAll("[data-sessions] [data-state=Ended][data-live-state]")].length;
    const changed = seen !== undefined && (seen !== running || ended);
    seen = running;
    if (!changed || document.hidden || new URL(location.href).searchParams.has("cursor") || document.querySelector("[data-sessions]")?.contains(document.activeElement)) return;
    htmx.ajax("GET", location.pathname + location.search, { target: "[data-sessions]", select: "[data-sessions]", swap: "outerHTML" });
  });
}

// States come with the live values; the story, the evidence and the record come from the server.
function follow(htmx, live) {
  const { session, station, running } = document.getElementById("session").dataset, key = `station.${station}.state@${session}`;
  let state = running;
  live.onCells(1000, async () => {
    const now = live.cell(key);
    if (now === undefined || now === state) return;
    if (document.querySelector("#stop:popover-open")) return;
    state = now;
    await htmx.ajax("GET", `/sessions/${session}`, { target: "#session", select: "#session", swap: "outerHTML" });
    draw(live);
  });
}
