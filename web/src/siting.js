// The map of a study: demand, places, sites that are there and new ones, each kind a colour and demand by its size.
import { feature } from "topojson-client";
import { frontiers, ground, unwrapped } from "./map.js";
import { token } from "./tokens.js";

const KINDS = { demand: "charging", candidate: "offline", other: "reserved", own: "available", new: "faulted" }, LARGEST_PX = 12, LEAST_PX = 2, CLOSEST_ZOOM = 12, LABEL_PX = 11;

export async function start(element) {
  try {
    const [world, dots, maplibre] = await Promise.all([read(element.dataset.world), read(element.dataset.dots), import("maplibre-gl")]);
    if (!dots.length) return;
    maplibre.setWorkerUrl(element.dataset.worker);
    draw(maplibre, element, world, dots);
  } catch {
    element.replaceChildren(Object.assign(document.createElement("p"), { className: "dim", textContent: element.dataset.failed }));
  }
}

const read = (url) => fetch(url).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)));

function draw(maplibre, element, world, dots) {
  const shapes = { land: unwrapped(feature(world, world.objects.countries)), borders: frontiers(world) };
  const bounds = new maplibre.LngLatBounds();
  // Where one could build is shown, not every site that there is.
  for (const { longitude, latitude } of dots.filter(({ kind }) => kind === "new" || kind === "candidate")) bounds.extend([longitude, latitude]);
  const map = new maplibre.Map({
    container: element, bounds, fitBoundsOptions: { padding: 32, maxZoom: CLOSEST_ZOOM, animate: false }, attributionControl: false,
    dragRotate: false, pitchWithRotate: false, touchPitch: false, cooperativeGestures: matchMedia("(pointer: coarse)").matches, style: style(shapes, dots),
  });
  map.touchZoomRotate.disableRotation();
  addEventListener("themechange", () => map.setStyle(style(shapes, dots), { diff: false }));
  const tip = Object.assign(document.createElement("div"), { className: "map-tip", hidden: true });
  element.append(tip);
  for (const kind of Object.keys(KINDS)) {
    map.on("mousemove", kind, ({ features, point }) => {
      const { name, serves } = features[0].properties;
      tip.textContent = serves === undefined ? name : `${name} · ${Number(serves).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })}`;
      tip.style.transform = `translate(${Math.max(0, Math.min(point.x + 12, element.clientWidth - 220))}px, ${point.y + 12}px)`;
      tip.hidden = false;
    });
    map.on("mouseleave", kind, () => { tip.hidden = true; });
  }
}

function style(shapes, dots) {
  const sources = { land: { type: "geojson", data: shapes.land }, borders: { type: "geojson", data: shapes.borders } };
  const layers = [...ground(), { id: "borders", type: "line", source: "borders", paint: { "line-color": token("sea"), "line-width": 1 } }];
  for (const [kind, colour] of Object.entries(KINDS)) {
    const features = dots.filter((dot) => dot.kind === kind).map(({ name, share, serves, longitude, latitude }) => (
      { type: "Feature", properties: { name, share, ...(serves === null ? {} : { serves }) }, geometry: { type: "Point", coordinates: [longitude, latitude] } }));
    sources[kind] = { type: "geojson", data: { type: "FeatureCollection", features } };
    const demand = kind === "demand", sized = ["+", LEAST_PX, ["*", LARGEST_PX, ["sqrt", ["get", "share"]]]];
    layers.push({ id: kind, type: "circle", source: kind, paint: {
      "circle-radius": demand ? sized : kind === "new" ? 7 : kind === "candidate" ? 3 : 5, "circle-color": token(colour), "circle-opacity": demand ? 0.25 : 1,
      "circle-stroke-width": demand ? 0 : kind === "new" ? 2 : 1, "circle-stroke-color": token(kind === "new" ? "ink" : "card") } });
  }
  for (const kind of ["own", "new"]) layers.push({ id: `${kind}-names`, type: "symbol", source: kind,
    layout: { "text-field": ["get", "name"], "text-size": LABEL_PX, "text-offset": [0, 0.9], "text-anchor": "top", "text-optional": true, "text-font": ["Inter Variable"] },
    paint: { "text-color": token("dim"), "text-halo-color": token("land"), "text-halo-width": 1.5 } });
  return { version: 8, sources, layers };
}
