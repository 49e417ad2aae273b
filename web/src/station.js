// The page of one station: commands in a dialog, the live message log, the power chart.
import { say } from "./say.js";

const LOOK_EVERY_MS = 1500, CONNECTORS_EVERY_MS = 1000, MAX_LINES = 500;

export function station(htmx, live) {
  const dialog = document.getElementById("ask"), body = document.getElementById("ask-body");
  let opener;

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    const ask = event.target.closest("a[data-ask]"), close = event.target.closest("[data-ask-close]");
    if (ask && dialog) {
      event.preventDefault();
      if (!dialog.contains(ask)) opener = ask;
      htmx.ajax("GET", ask.getAttribute("href"), { target: "#ask-body", swap: "innerHTML" });
    } else if (close && dialog?.open) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog?.addEventListener("close", () => { body.replaceChildren(); opener?.focus(); });
  dialog?.addEventListener("submit", ({ target }) => {
    if (!target.dataset.waits) return;
    target.setAttribute("data-waiting", "");
    const line = target.querySelector(".waiting") ?? target.appendChild(Object.assign(document.createElement("p"), { className: "waiting dim", role: "status" }));
    line.textContent = target.dataset.waits;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!dialog || !body.childElementCount) return;
    if (!dialog.open) dialog.showModal();
    const answer = body.querySelector(".answer");
    if (!answer || answer.dataset.told) return;
    answer.dataset.told = "1";
    say(answer.textContent.trim());
    const history = document.getElementById("commands");
    if (history) htmx.ajax("GET", history.dataset.href, { target: "#commands", swap: "outerHTML" });
  });

  // A fault comes with words that only the server has.
  const connectors = document.getElementById("connectors"), key = document.querySelector(".station-head")?.dataset.station;
  if (connectors) {
    let seen = connectors.dataset.seen;
    live.onCells(CONNECTORS_EVERY_MS, () => {
      const now = `${live.cell(`station.${key}.state`)} ${live.cell(`station.${key}.error`)}`;
      if (seen !== now) htmx.ajax("GET", connectors.dataset.href, { target: "#connectors", swap: "innerHTML" });
      seen = now;
    });
  }

  const log = document.getElementById("log");
  if (log?.dataset.news) follow(htmx, log);
  const chart = document.getElementById("station-chart");
  if (chart) import("./station-chart.js").then(({ start }) => start(chart, live));
}

// New messages are fetched while somebody looks; what is open stays open, since lines are only put in front.
function follow(htmx, log) {
  const pause = document.getElementById("log-pause"), state = document.getElementById("log-state");
  const goOn = pause.dataset.resume, hold = pause.textContent;
  let newest = Number(log.dataset.newest), paused = false, busy = false;
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? goOn : hold;
    state.textContent = paused ? state.dataset.pausedWord : state.dataset.liveWord;
  });
  setInterval(async () => {
    if (paused || busy || document.hidden) return;
    busy = true;
    try {
      const url = new URL(log.dataset.news, location.href);
      url.searchParams.set("after", newest);
      const answer = await fetch(url, { headers: { "hx-request": "true" } });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      state.textContent = state.dataset.liveWord;
      if (answer.status === 200) put(htmx, log, await answer.text());
      newest = Math.max(newest, Number(log.firstElementChild?.dataset.number ?? 0));
    } catch { state.textContent = state.dataset.lostWord; }
    busy = false;
  }, LOOK_EVERY_MS);
}

function put(htmx, log, html) {
  const lines = document.createElement("template");
  lines.innerHTML = html;
  const fresh = [...lines.content.querySelectorAll("li")].filter((line) => !log.querySelector(`[data-number="${line.dataset.number}"]`));
  if (!fresh.length) return;
  document.querySelector(".list > .none")?.remove();
  log.prepend(...fresh);
  fresh.forEach((line) => htmx.process(line));
  while (log.childElementCount > MAX_LINES) log.lastElementChild.remove();
}
