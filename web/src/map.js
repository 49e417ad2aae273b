// Where the stations stand: a dot each, coloured by state; stations of one place stand around it so that all are seen.
import { feature, mesh } from "topojson-client";
import { said, stateWord } from "./formats.js";
import { token } from "./tokens.js";

const REPAINT_EVERY_MS = 1000, MAX_POINTS = 400, SPREAD_PX = 11, FAR_SPREAD_PX = 7, FAR_ZOOM = 3.4, GOLDEN_ANGLE = 2.39996, LABEL_PX = 11, CLOSEST_ZOOM = 9, CENTRE_ZOOM = 5.2;
const fit = (element) => ({ padding: Math.min(48, element.clientHeight * 0.15), maxZoom: element.dataset.centre ? CENTRE_ZOOM : CLOSEST_ZOOM, animate: false });
const STATES = ["Available", "Charging", "SuspendedEV", "SuspendedEVSE", "Preparing", "Finishing", "Occupied", "Reserved", "Faulted", "Unavailable", "Restarting", "Offline"];

export async function start(element, live, choose) {
  try {
    // Where nothing stands nothing is drawn: the world and what draws it weigh two megabytes.
    const points = await read(element.dataset.points);
    if (!points.length) return tell(element, said("no-places"));
    const [world, maplibre] = await Promise.all([read(element.dataset.world), import("maplibre-gl")]);
    maplibre.setWorkerUrl(element.dataset.worker);
    draw(maplibre, element, live, choose, world, points.slice(0, MAX_POINTS));
  } catch {
    tell(element, said("no-map"));
  }
}

const read = (url) => fetch(url).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)));

function draw(maplibre, element, live, choose, world, points) {
  const land = unwrapped(feature(world, world.objects.countries)), borders = frontiers(world);
  const bounds = new maplibre.LngLatBounds();
  const centre = points.filter((p) => p.id === element.dataset.centre);
  (centre.length ? centre : points).forEach((p) => bounds.extend([p.longitude, p.latitude]));
  const map = new maplibre.Map({
    container: element, bounds, fitBoundsOptions: fit(element), attributionControl: false,
    dragRotate: false, pitchWithRotate: false, touchPitch: false, cooperativeGestures: matchMedia("(pointer: coarse)").matches,
    style: style(land, borders, points),
  });
  map.touchZoomRotate.disableRotation();
  const index = new Map(points.map((p, i) => [p.id, i])), shown = points.map((p) => p.state);
  // A style that is still loading takes no states of features: until then they are only remembered.
  let chosen = null, moved = false, ready = false;
  const mark = (i, said) => { if (ready && i !== null) map.setFeatureState({ source: "stations", id: i }, said); };

  const place = () => map.getSource("stations")?.setData(collection(points, map));
  const paint = () => points.forEach((p, i) => {
    const state = live.cell(`station.${p.id}.state`) ?? p.state;
    if (state !== shown[i]) { shown[i] = state; mark(i, { state }); }
  });
  map.on("load", () => { ready = true; place(); live.onCells(REPAINT_EVERY_MS, paint); });
  map.on("zoomend", place);
  // Until a person moves the map, it shows all stations whatever its size.
  map.on("movestart", ({ originalEvent }) => { moved ||= Boolean(originalEvent); });
  map.on("resize", () => { if (!moved) map.fitBounds(bounds, fit(element)); });
  map.on("click", "stations", ({ features }) => choose(features[0].properties.id));
  const tip = Object.assign(document.createElement("div"), { className: "map-tip", hidden: true });
  element.append(tip);
  map.on("mousemove", "stations", ({ features, point }) => {
    const { id, name, at } = features[0].properties;
    map.getCanvas().style.cursor = "pointer";
    tip.textContent = `${name}${name === id ? "" : ` · ${id}`} · ${stateWord(shown[at])}`;
    tip.style.transform = `translate(${Math.min(point.x + 12, element.clientWidth - 220)}px, ${point.y + 12}px)`;
    tip.hidden = false;
  });
  map.on("mouseleave", "stations", () => { map.getCanvas().style.cursor = ""; tip.hidden = true; });
  const choice = (id) => {
    mark(chosen, { chosen: false });
    chosen = index.get(id) ?? null;
    mark(chosen, { chosen: true });
  };
  addEventListener("stationchosen", ({ detail }) => choice(detail));
  map.once("load", () => choice(document.getElementById("panel")?.dataset.chosen));
  // Themes differ in colours alone: what was cut into tiles stays, and so do the states.
  const colour = () => {
    for (const { id, paint } of style(land, borders, points).layers) for (const [name, value] of Object.entries(paint)) map.setPaintProperty(id, name, value);
  };
  addEventListener("themechange", () => (ready ? colour() : map.once("load", colour)));
  live.watchAlso(points.map((p) => `state.${p.id}`));
}

// Sea and land, of the source `land`, under whatever a map shows.
export const ground = () => [
  { id: "sea", type: "background", paint: { "background-color": token("sea") } },
  { id: "land", type: "fill", source: "land", paint: { "fill-color": token("land"), "fill-antialias": false } },
];

// The lines between countries.
export function frontiers(world) {
  const borders = mesh(world, world.objects.countries, (a, b) => a !== b);
  return { ...borders, coordinates: borders.coordinates.map(unwrap) };
}

// Shapes of which none spans the whole map.
export function unwrapped(shapes) {
  for (const { geometry: g } of shapes.features) g.coordinates = g.type === "Polygon" ? g.coordinates.map(unwrap) : g.coordinates.map((polygon) => polygon.map(unwrap));
  return shapes;
}

// A line that jumps from 180° east to 180° west goes on beyond 180° instead, or its shape would span the whole map.
function unwrap(line) {
  let turn = 0;
  return line.map(([longitude, latitude], i) => {
    const step = i ? longitude - line[i - 1][0] : 0;
    if (Math.abs(step) > 180) turn -= 360 * Math.sign(step);
    return [longitude + turn, latitude];
  });
}

// Stations that share a place are set on a sunflower around it, in pixels of the current zoom.
function collection(points, map) {
  const seen = new Map();
  return { type: "FeatureCollection", features: points.map((p, i) => {
    const key = `${p.longitude},${p.latitude}`, n = seen.get(key) ?? 0;
    seen.set(key, n + 1);
    let at = [p.longitude, p.latitude];
    if (map && n) {
      const { x, y } = map.project(at), r = (map.getZoom() < FAR_ZOOM ? FAR_SPREAD_PX : SPREAD_PX) * Math.sqrt(n), { lng, lat } = map.unproject([x + r * Math.cos(n * GOLDEN_ANGLE), y + r * Math.sin(n * GOLDEN_ANGLE)]);
      at = [lng, lat];
    }
    return { type: "Feature", id: i, properties: { id: p.id, name: p.name, state: p.state, at: i }, geometry: { type: "Point", coordinates: at } };
  }) };
}

function places(points) {
  const byPlace = new Map();
  for (const p of points.filter((p) => p.site)) {
    const key = `${p.longitude},${p.latitude}`;
    byPlace.set(key, { p, n: (byPlace.get(key)?.n ?? 0) + 1 });
  }
  // The name stands below the outermost dot.
  return { type: "FeatureCollection", features: [...byPlace.values()].map(({ p, n }) => ({ type: "Feature", geometry: { type: "Point", coordinates: [p.longitude, p.latitude] },
    properties: { site: p.site, offset: [0, (SPREAD_PX * Math.sqrt(n - 1) + 8) / LABEL_PX] } })) };
}

function style(land, borders, points) {
  const state = ["coalesce", ["feature-state", "state"], ["get", "state"]], isChosen = ["boolean", ["feature-state", "chosen"], false];
  return { version: 8,
    sources: { land: { type: "geojson", data: land }, borders: { type: "geojson", data: borders }, places: { type: "geojson", data: places(points) }, stations: { type: "geojson", data: collection(points) } },
    layers: [
      ...ground(),
      { id: "borders", type: "line", source: "borders", paint: { "line-color": token("sea"), "line-width": 1 } },
      { id: "stations", type: "circle", source: "stations", paint: {
        "circle-radius": ["step", ["zoom"], ["case", isChosen, 5.5, 3.5], FAR_ZOOM, ["case", isChosen, 7, 5]], "circle-stroke-width": ["step", ["zoom"], ["case", isChosen, 2, 1], FAR_ZOOM, ["case", isChosen, 3, 1.5]], "circle-stroke-color": ["case", isChosen, token("ink"), token("card")],
        "circle-color": ["match", state, ...STATES.flatMap((s) => [s, token(s.toLowerCase())]), token("offline")] } },
      { id: "places", type: "symbol", source: "places", minzoom: FAR_ZOOM, layout: { "text-field": ["get", "site"], "text-size": LABEL_PX, "text-offset": ["get", "offset"], "text-anchor": "top", "text-optional": true, "text-font": ["Inter Variable"] },
        paint: { "text-color": token("dim"), "text-halo-color": token("land"), "text-halo-width": 1.5 } },
    ] };
}

function tell(element, words) {
  element.replaceChildren(Object.assign(document.createElement("p"), { className: "dim", textContent: words }));
}
