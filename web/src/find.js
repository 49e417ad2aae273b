// Places to charge: what is free is asked anew, and a map comes when there is time for it; the list works without either.
const map = document.getElementById("map"), EVERY_MS = 20000;
const rows = new Map([...document.querySelectorAll("[data-site]")].map((row) => [row.dataset.site, row]));
let shown;

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
      shown?.(places);
      return places;
    }
  } catch { /* The list stays as it was. */ }
}

const choose = (site) => { const row = rows.get(site); if (row) { row.open = true; row.querySelector("summary").focus(); row.scrollIntoView({ block: "center" }); } };
async function draw() {
  const places = await ask();
  if (!places?.some((p) => p.latitude !== null)) return;
  map.hidden = false;
  try {
    const { start } = await import("./finder.js");
    shown = await start(map, places.filter((p) => p.latitude !== null), choose);
  } catch { map.hidden = true; }
}
if (navigator.connection?.saveData) ask(); else (self.requestIdleCallback ?? setTimeout)(draw);
setInterval(() => { if (!document.hidden) ask(); }, EVERY_MS);
