// Places to charge: what is free is asked anew, and a map comes when there is time for it; the list works without either.
// Who wants to know what is near is asked by the browser; without an answer the list stays as it is, and says so.
const map = document.getElementById("map"), near = document.getElementById("near"), told = document.getElementById("near-said");
const list = document.getElementById("places"), here = document.getElementById("here"), EVERY_MS = 20000, EARTH_KM = 6371, NEAR_DEGREES = 0.5;
const rows = new Map([...list.querySelectorAll("[data-site]")].map((row) => [row.dataset.site, row]));
let shown, latest = [];

async function ask() {
  try {
    const answer = await fetch(map.dataset.places, { cache: "no-store" });
    if (answer.ok) {
      const { places } = await answer.json();
      for (const { site, free, said, price } of places) {
        const row = rows.get(site);
        if (!row) continue;
        const word = row.querySelector("[data-free]");
        if (word.textContent !== said) word.textContent = said;
        word.className = free ? "free" : "none";
        if (price) row.querySelector("[data-price]").textContent = price;
      }
      latest = places.filter((p) => p.latitude !== null && rows.has(p.site));
      shown?.(latest);
    }
  } catch { /* The list stays as it was. */ }
  return latest;
}

const choose = (site) => { const row = rows.get(site); if (row) { row.open = true; row.querySelector("summary").focus(); row.scrollIntoView({ block: "center" }); } };
async function draw() {
  if (!(await ask()).length) return;
  map.hidden = false;
  try {
    const { start } = await import("./finder.js");
    shown = await start(map, latest, choose, moved);
  } catch { map.hidden = true; }
}

// Where not all places are listed, those of a part of the map can be asked for.
function offer(south, west, north, east) {
  const round = (degrees) => ((degrees + 540) % 360) - 180, there = new URL(here.dataset.there, location.href);
  const wide = east - west >= 360, box = [Math.max(south, -90), wide ? -180 : round(west), Math.min(north, 90), wide ? 180 : round(east)];
  there.searchParams.set("box", box.map((each) => each.toFixed(4)).join());
  here.href = there;
  here.hidden = false;
}
const moved = here && ((bounds) => offer(bounds.getSouth(), bounds.getWest(), bounds.getNorth(), bounds.getEast()));
const radians = (degrees) => (degrees * Math.PI) / 180;
function distance(a, b) {
  const h = Math.sin(radians(b.latitude - a.latitude) / 2) ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(radians(b.longitude - a.longitude) / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.sqrt(h));
}
function refused() { told.textContent = near.dataset.refused; told.hidden = false; near.disabled = false; }
function sort({ coords }) {
  near.disabled = false;
  told.hidden = true;
  if (here) offer(coords.latitude - NEAR_DEGREES, coords.longitude - NEAR_DEGREES, coords.latitude + NEAR_DEGREES, coords.longitude + NEAR_DEGREES);
  const far = latest.map((p) => [distance(coords, p), p]).sort(([a], [b]) => a - b);
  const words = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "kilometer", maximumSignificantDigits: 2 });
  for (const [km, { site }] of far) rows.get(site).querySelector("[data-away]").textContent = ` · ${near.dataset.away.replace("{}", words.format(km))}`;
  list.prepend(...far.map(([, { site }]) => rows.get(site)));
  if (far.length) shown?.(latest, far[0][1]);
}
if (navigator.geolocation) {
  near.hidden = false;
  near.addEventListener("click", async () => {
    near.disabled = true;
    if (!latest.length) await ask();
    navigator.geolocation.getCurrentPosition(sort, refused, { timeout: 15000, maximumAge: 60000 });
  });
}
if (navigator.connection?.saveData) ask(); else (self.requestIdleCallback ?? setTimeout)(draw);
setInterval(() => { if (!document.hidden) ask(); }, EVERY_MS);
