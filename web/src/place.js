// A map on which a click says where something is: it fills the two fields that it names, and follows them.
import * as maplibre from "maplibre-gl";
import { feature } from "topojson-client";
import { frontiers, ground, unwrapped } from "./map.js";
import { token } from "./tokens.js";

const CLOSE_ZOOM = 6, DIGITS = 5, NEIGHBOURS = 3, LEAST_DEGREES = 1.5, LABEL_PX = 11;

export async function start(element) {
  const [latitude, longitude] = [element.dataset.latitude, element.dataset.longitude].map((id) => document.getElementById(id));
  let world, near;
  try {
    [world, near] = await Promise.all([element.dataset.world, element.dataset.near].map((url) => fetch(url).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))));
    maplibre.setWorkerUrl(element.dataset.worker);
  } catch { return; }
  const said = () => { const [lat, lng] = [latitude, longitude].map(({ value }) => (value.trim() ? Number(value.replace(",", ".")) : NaN)); return Number.isFinite(lat) && Number.isFinite(lng) && Math.abs(lat) <= 90 && Math.abs(lng) <= 180 ? [lng, lat] : null; };
  const at = said(), bounds = new maplibre.LngLatBounds();
  // Where something stands is told by land, borders and the sites around it: all of them while it stands nowhere yet.
  const far = (p) => (at ? Math.hypot(p.longitude - at[0], p.latitude - at[1]) : 0);
  for (const p of [...near].sort((a, b) => far(a) - far(b)).slice(0, at ? NEIGHBOURS + 1 : undefined)) bounds.extend([p.longitude, p.latitude]);
  if (at) for (const by of [-LEAST_DEGREES, LEAST_DEGREES]) bounds.extend([at[0] + by, at[1] + by]);
  const shapes = { land: unwrapped(feature(world, world.objects.countries)), borders: frontiers(world) };
  const map = new maplibre.Map({
    container: element, attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false,
    ...(at || near.length ? { bounds, fitBoundsOptions: { padding: 40, maxZoom: CLOSE_ZOOM } } : { center: [10, 50], zoom: 3 }),
    style: style(shapes, said(), near),
  });
  map.touchZoomRotate.disableRotation();
  const mark = () => map.getSource("place")?.setData(point(said()));
  map.on("click", ({ lngLat }) => {
    latitude.value = lngLat.lat.toFixed(DIGITS);
    longitude.value = lngLat.wrap().lng.toFixed(DIGITS);
    mark();
  });
  for (const field of [latitude, longitude]) field.addEventListener("change", () => { mark(); if (said()) map.jumpTo({ center: said() }); });
  addEventListener("themechange", () => map.setStyle(style(shapes, said(), near), { diff: false }));
}

const point = (at) => ({ type: "FeatureCollection", features: at ? [{ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: at } }] : [] });

function style(shapes, at, near) {
  const others = { type: "FeatureCollection", features: near.map((p) => ({ type: "Feature", properties: { name: p.name }, geometry: { type: "Point", coordinates: [p.longitude, p.latitude] } })) };
  return { version: 8, sources: { land: { type: "geojson", data: shapes.land }, borders: { type: "geojson", data: shapes.borders }, others: { type: "geojson", data: others }, place: { type: "geojson", data: point(at) } },
    layers: [...ground(),
      { id: "borders", type: "line", source: "borders", paint: { "line-color": token("sea"), "line-width": 1 } },
      { id: "others", type: "circle", source: "others", paint: { "circle-radius": 4, "circle-color": token("offline"), "circle-stroke-width": 1, "circle-stroke-color": token("card") } },
      { id: "names", type: "symbol", source: "others", layout: { "text-field": ["get", "name"], "text-size": LABEL_PX, "text-offset": [0, 0.7], "text-anchor": "top", "text-optional": true, "text-font": ["Inter Variable"] }, paint: { "text-color": token("dim"), "text-halo-color": token("land"), "text-halo-width": 1.5 } },
      { id: "place", type: "circle", source: "place", paint: { "circle-radius": 7, "circle-color": token("faulted"), "circle-stroke-width": 2, "circle-stroke-color": token("ink") } }] };
}
