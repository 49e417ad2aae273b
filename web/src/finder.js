// The map of places to charge: a dot each, green where something is free.
import * as maplibre from "maplibre-gl";
import { feature } from "topojson-client";
import { frontiers, ground, unwrapped } from "./map.js";
import { token } from "./tokens.js";

const CLOSEST_ZOOM = 9, PADDING = { top: 32, bottom: 40, left: 56, right: 56 };
// A dot's radius with its rim, in pixels; drawn twice as fine, for telephones.
const DOT = 11, RIM = 2, FINE = 2;

export async function start(element, places, choose, moved) {
  const world = await (await fetch(element.dataset.world)).json();
  maplibre.setWorkerUrl(element.dataset.worker);
  const bounds = new maplibre.LngLatBounds();
  for (const p of places) bounds.extend([p.longitude, p.latitude]);
  const map = new maplibre.Map({
    container: element, bounds, fitBoundsOptions: { padding: PADDING, maxZoom: CLOSEST_ZOOM, animate: false }, attributionControl: false,
    dragRotate: false, pitchWithRotate: false, touchPitch: false, cooperativeGestures: matchMedia("(pointer: coarse)").matches,
  });
  map.touchZoomRotate.disableRotation();
  const land = unwrapped(feature(world, world.objects.countries)), borders = frontiers(world);
  let points = collection(places);
  const style = () => ({ version: 8,
    sources: { land: { type: "geojson", data: land }, borders: { type: "geojson", data: borders }, places: { type: "geojson", data: points } },
    layers: [
      ...ground(),
      { id: "borders", type: "line", source: "borders", paint: { "line-color": token("sea"), "line-width": 1 } },
      // What lies above is placed first: names keep clear of every dot, and of each other.
      { id: "names", type: "symbol", source: "places", layout: { "text-field": ["get", "name"], "text-size": 12, "text-max-width": 8, "text-radial-offset": 1.3, "text-padding": 1, "text-variable-anchor": ["top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"], "text-justify": "auto", "text-font": ["sans-serif"] }, paint: { "text-color": token("ink"), "text-halo-color": token("land"), "text-halo-width": 1.5 } },
      { id: "places", type: "symbol", source: "places", layout: { "icon-image": ["case", ["get", "free"], "open", "shut"], "icon-allow-overlap": true, "icon-padding": 0 } },
    ] });
  map.on("style.load", () => ["open", "shut"].forEach((id) => map.addImage(id, dot(token(id)), { pixelRatio: FINE })));
  map.setStyle(style());
  map.on("click", "places", ({ features }) => choose(features[0].properties.site));
  if (moved) map.on("moveend", ({ originalEvent }) => originalEvent && moved(map.getBounds()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.setStyle(style(), { diff: false }));
  return (now, goto) => {
    points = collection(now);
    map.getSource("places")?.setData(points);
    if (goto) map.jumpTo({ center: [goto.longitude, goto.latitude], zoom: CLOSEST_ZOOM });
  };
}

function dot(colour) {
  const side = 2 * DOT * FINE, pen = new OffscreenCanvas(side, side).getContext("2d");
  pen.arc(side / 2, side / 2, side / 2 - RIM * FINE / 2, 0, 2 * Math.PI);
  Object.assign(pen, { fillStyle: colour, strokeStyle: token("bg"), lineWidth: RIM * FINE });
  pen.fill();
  pen.stroke();
  return pen.getImageData(0, 0, side, side);
}

const collection = (places) => ({ type: "FeatureCollection", features: places.map((p) => ({ type: "Feature", properties: { site: p.site, name: p.name, free: p.free > 0 }, geometry: { type: "Point", coordinates: [p.longitude, p.latitude] } })) });
