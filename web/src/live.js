// One socket a page: says what is on screen, takes a snapshot and then changes by dot-key, and paints at most ten times
// a second. Whoever needs the values themselves (chart, map) listens with `onCells`.
import { ago, said, show, stateWord } from "./formats.js";

const PAINT_EVERY_MS = 100, SILENCE_MS = 45_000, FIRST_RETRY_MS = 500, LONGEST_RETRY_MS = 15_000, SIGNED_OUT = 4401, MAX_WATCHED = 500, AGES_EVERY_MS = 20_000;
const cells = new Map(), extra = new Set();
let socket, watched = "", changed = new Map(), paintedAt = 0, painting = false, paints = 0, retryMs = FIRST_RETRY_MS, silence;

export const cell = (key) => cells.get(key);
export function onCells(everyMs, listener) {
  let seen = -1;
  setInterval(() => { if (seen !== paints) { seen = paints; listener(); } }, everyMs);
}
export function watchAlso(topics) { topics.forEach((topic) => extra.add(topic)); watch(); }

const topicOf = (key) => (key.startsWith("station.") ? key.slice(0, key.lastIndexOf(".")) : key.split(".")[0]);

export function watch() {
  const topics = new Set();
  for (const e of document.querySelectorAll("[data-live]")) topics.add(topicOf(e.dataset.live));
  for (const e of document.querySelectorAll("[data-live-state]")) topics.add(topicOf(e.dataset.liveState));
  const wanted = [...topics, ...extra].slice(0, MAX_WATCHED);
  if (wanted.length && !socket) return connect();
  const said = JSON.stringify({ watch: wanted });
  if (said !== watched && socket?.readyState === WebSocket.OPEN) socket.send((watched = said));
}

function connect() {
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  const alive = () => { clearTimeout(silence); silence = setTimeout(() => socket.close(), SILENCE_MS); };
  socket.onopen = () => { alive(); watched = ""; watch(); };
  socket.onmessage = ({ data }) => {
    alive();
    const frame = JSON.parse(data);
    if (frame.ping) return socket.send('{"pong":true}');
    if (frame.snapshot) { retryMs = FIRST_RETRY_MS; note("live"); }
    // A snapshot is whole: what it no longer names has ended.
    if (frame.snapshot) for (const key of cells.keys()) if (!(key in frame.snapshot)) changed.set(key, null);
    for (const [key, value] of Object.entries(frame.snapshot ?? frame.delta)) changed.set(key, value);
    if (painting || !changed.size) return;
    painting = true;
    setTimeout(() => requestAnimationFrame(paint), Math.max(0, paintedAt + PAINT_EVERY_MS - performance.now()));
  };
  socket.onclose = ({ code }) => {
    clearTimeout(silence);
    note(code === SIGNED_OUT ? "signed-out" : "lost");
    if (code === SIGNED_OUT) return;
    setTimeout(connect, retryMs * (0.5 + Math.random()));
    retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
  };
}

function paint() {
  const fresh = changed;
  changed = new Map();
  painting = false;
  paintedAt = performance.now();
  paints += 1;
  for (const [key, value] of fresh) cells.set(key, value);
  for (const e of document.querySelectorAll("[data-live]")) if (fresh.has(e.dataset.live)) paintCell(e, fresh.get(e.dataset.live));
  for (const e of document.querySelectorAll("[data-live-state]")) if (fresh.get(e.dataset.liveState)) paintState(e, fresh.get(e.dataset.liveState));
}

function paintCell(element, value) {
  if (element.tagName === "PROGRESS") element.value = value ?? 0;
  else { const text = show(element.dataset.as, value); if (element.textContent !== text) element.textContent = text; }
  const part = element.closest("[data-hide-empty]");
  if (part) part.hidden = !value;
}

function paintState(element, state) {
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const word = element.querySelector("[data-word]");
  if (word) word.textContent = stateWord(state);
  const seen = state === "Offline" && element.closest("[data-row]")?.querySelector("time[data-ago]");
  if (seen) { seen.dateTime = new Date().toISOString(); seen.textContent = ago(Date.now()); }
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) time.textContent = ago(Date.parse(time.dateTime));
}, AGES_EVERY_MS);

function note(status) {
  document.documentElement.dataset.connection = status;
  const line = document.getElementById("connection");
  if (!line) return;
  line.hidden = status === "live";
  line.textContent = said(status);
}
