// The map of places to charge: a dot each, green where something is free.
import * as maplibre from "maplibre-gl";
import { feature } from "topojson-client";
import { frontiers, ground, unwrapped } from "./map.js";
import { token } from "./tokens.js";

const CLOSEST_ZOOM = 9, PADDING = 40;

export async function start(element, places, choose) {
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
      { id: "places", type: "circle", source: "places", paint: { "circle-radius": 9, "circle-color": ["case", ["get", "free"], token("open"), token("shut")], "circle-stroke-width": 2, "circle-stroke-color": token("bg") } },
      { id: "names", type: "symbol", source: "places", layout: { "text-field": ["get", "name"], "text-size": 12, "text-offset": [0, 1], "text-anchor": "top", "text-optional": true, "text-font": ["sans-serif"] }, paint: { "text-color": token("ink"), "text-halo-color": token("land"), "text-halo-width": 1.5 } },
    ] });
  map.setStyle(style());
  map.on("click", "places", ({ features }) => choose(features[0].properties.site));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.setStyle(style(), { diff: false }));
  return (now, goto) => {
    points = collection(now);
    map.getSource("places")?.setData(points);
    if (goto) map.jumpTo({ center: [goto.longitude, goto.latitude], zoom: CLOSEST_ZOOM });
  };
}

const collection = (places) => ({ type: "FeatureCollection", features: places.map((p) => ({ type: "Feature", properties: { site: p.site, name: p.name, free: p.free > 0 }, geometry: { type: "Point", coordinates: [p.longitude, p.latitude] } })) });
