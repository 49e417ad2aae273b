// Sites: the map leads to them, a form's map says where one is, and a site's power is the sum of its stations' live values.
const SUM_EVERY_MS = 1000;

export function sites(live) {
  const map = document.querySelector("#map[data-go]"), place = document.getElementById("place"), sum = document.querySelector("[data-sum]"), chosen = document.getElementById("siting-map");
  if (map) import("./map.js").then(({ start }) => start(map, live, (id) => { location.href = map.dataset.go + encodeURIComponent(id); }));
  if (place) import("./place.js").then(({ start }) => start(place));
  if (chosen) import("./siting.js").then(({ start }) => start(chosen));
  if (sum) live.onCells(SUM_EVERY_MS, async () => {
    const { show } = await import("./formats.js");
    const rows = [...document.querySelectorAll(".at-site [data-row]")].map(({ dataset }) => live.cell(`station.${dataset.row}.${sum.dataset.sum}`));
    if (rows.every((value) => value !== undefined)) sum.textContent = show(sum.dataset.as, rows.reduce((all, value) => all + (value ?? 0), 0));
  });
}
