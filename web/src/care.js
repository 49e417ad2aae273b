// Incidents on every page: how many are open in the title, a word about each new one, and fragments that read themselves
// anew when something changed. And what only the overview has: its map and the load of the day.
const LOOK_EVERY_MS = 300, TOAST_MS = 30_000, MAX_TOASTS = 3;

export function care(live) {
  const toasts = document.getElementById("toasts"), title = document.title;
  if (toasts) {
    const key = `incident-${toasts.dataset.owner}`;
    // What the page was made from; other pages take the first that they hear.
    const made = document.querySelector("[data-incidents-at]")?.dataset.incidentsAt;
    let changedAt = made === undefined ? undefined : made === "" ? null : Number(made);
    live.onCells(LOOK_EVERY_MS, () => {
      const open = live.cell("totals.incidents"), latest = live.cell("totals.incident"), at = live.cell("totals.incidents_at");
      if (open === undefined) return;
      toasts.dataset.ready = "";
      document.title = open ? `(${open}) ${title}` : title;
      const seen = sessionStorage.getItem(key);
      if (seen !== (latest ?? "")) {
        sessionStorage.setItem(key, latest ?? "");
        // The first page of a tab learns what there is; only what comes later is news.
        if (seen !== null && latest) tell(toasts, latest);
      }
      if (changedAt !== undefined && changedAt !== at) document.body.dispatchEvent(new CustomEvent("incidentschanged"));
      changedAt = at;
    });
    toasts.addEventListener("click", ({ target }) => target.closest("[data-close-toast]")?.closest(".toast").remove());
  }
  const load = document.getElementById("load"), map = document.getElementById("map");
  if (!load) return;
  import("./load.js").then(({ start }) => start(load, live));
  if (map) import("./map.js").then(({ start }) => start(map, live, (id) => { location.href = `/stations/${encodeURIComponent(id)}`; }));
}

async function tell(toasts, incident) {
  const answer = await fetch(`/incidents/${incident}/toast`, { headers: { accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const words = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".toast");
  if (!words) return;
  toasts.append(words);
  while (toasts.children.length > MAX_TOASTS) toasts.firstElementChild.remove();
  setTimeout(() => { if (!words.matches(":hover, :focus-within")) words.remove(); }, TOAST_MS);
}
