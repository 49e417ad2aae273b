// A site on one axis of time: what cars took and are meant to take, what limits them, what energy costs and what is stored.
// What has another unit has a band of its own below the power, with an axis of its own.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);
const REFRESH_EVERY_MS = 15_000, NARROW_PX = 560, HEADROOM = 1.1, MINUTE_MS = 60_000;
// At least so much is shown before and after now, and of what is to come as much as of what was.
const LEAST_PAST_MS = 15 * MINUTE_MS, LEAST_AHEAD_MS = 120 * MINUTE_MS, BEHIND_MS = 30 * MINUTE_MS;
const STEPS = [1, 2, 2.5, 5, 10], MOST_TICKS = 5, BAND_PX = 56, BETWEEN_PX = 30, TOP_PX = 22, BOTTOM_PX = 22, SIDE_PX = 54;
const language = document.documentElement.lang;

// Of those that have something to show, in the order of the legend. Colours are apart for colour-blind readers too, and a
// line says by its kind what it is: drawn through it was measured or holds, dashed it is planned, dotted it is expected.
const LINES = [
  { key: "took", colour: "charging", area: 0.16, width: 2 },
  { key: "meant", colour: "charging", area: 0.06, width: 2, type: "dashed", step: true },
  { key: "grid_took", colour: "ink", width: 1.5 },
  { key: "grid_meant", colour: "ink", width: 1.5, type: "dashed", step: true },
  { key: "limit_was", colour: "faulted", width: 2, step: true },
  { key: "limit", colour: "faulted", width: 2, type: "dotted", step: true },
  { key: "allowed", colour: "faulted", width: 1, type: "dashed" },
  { key: "kept", colour: "chart-kept", width: 1.5, type: "dashed", step: true },
  { key: "load", colour: "dim", width: 1.75, type: "dotted", step: true },
  { key: "solar", colour: "chart-sun", width: 2, type: "dotted", step: true },
  { key: "battery_took", colour: "chart-battery", area: 0.14, width: 1.75 },
  { key: "battery_meant", colour: "chart-battery", width: 1.75, type: "dashed", step: true },
  { key: "price_was", colour: "reserved", width: 1.75, step: true, band: "price" },
  { key: "price", colour: "reserved", width: 1.75, type: "dotted", step: true, band: "price" },
  { key: "stored", colour: "chart-battery", area: 0.14, width: 1.75, band: "stored" },
];

export async function start(element) {
  const words = JSON.parse(element.dataset.words), zone = element.dataset.zone, hidden = new Set();
  let lines = await read(element);
  if (!lines) return;
  const chart = echarts.init(element), legend = element.parentElement.insertBefore(document.createElement("ul"), element);
  legend.className = "plan-legend";
  const clock = new Intl.DateTimeFormat(language, { timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false });
  const exact = new Intl.DateTimeFormat(language, { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false });
  const kw = new Intl.NumberFormat(language, { maximumFractionDigits: 1 }), price = new Intl.NumberFormat(language, { maximumFractionDigits: 4 });
  const draw = () => {
    const all = LINES.map((each) => ({ ...each, data: drawn(lines, each.key, words) })).filter(({ data }) => data.some(([, value]) => value !== null));
    const shown = all.filter(({ key }) => !hidden.has(key)), unit = lines.currency ? `${lines.currency}/kWh` : "";
    chart.setOption(option(shown, { lines, words, unit, element, clock, exact, kw, price }), { notMerge: true });
    fill(legend, all, words, hidden, draw);
  };
  draw();
  addEventListener("themechange", draw);
  new ResizeObserver(() => { chart.resize(); draw(); }).observe(element);
  if (!("live" in element.dataset)) return;
  setInterval(async () => {
    if (document.hidden || !element.isConnected) return;
    lines = (await read(element)) ?? lines;
    draw();
  }, REFRESH_EVERY_MS);
}

async function read(element) {
  const answer = await fetch(element.dataset.plan);
  return answer.ok ? answer.json() : null;
}

// Points with, where there is something to say of them, a note: where a limit or a price was from.
function drawn(lines, key, words) {
  if (key === "limit_was") return lines[key].map(([at, value, source]) => [at, value, source || words.of_site]);
  if (!key.startsWith("price")) return lines[key];
  const found = lines[key].map(([at, value, missing, source]) => [at, value === "" ? null : Number(value), [missing && words.stand_in, source].filter(Boolean).join(", ")]);
  // The last one that is known holds to the end.
  if (key === "price" && found.length > 1) found[found.length - 1].splice(1, 2, ...found.at(-2).slice(1));
  return found;
}

function option(shown, { lines, words, unit, element, clock, exact, kw, price }) {
  const font = getComputedStyle(document.body).fontFamily, line = token("line"), narrow = element.clientWidth < NARROW_PX;
  const text = { color: token("dim"), fontFamily: font, fontSize: narrow ? 11 : 12 };
  const bands = ["power", ...["price", "stored"].filter((band) => shown.some((each) => each.band === band))];
  const power = element.clientHeight - TOP_PX - BOTTOM_PX - (bands.length - 1) * (BAND_PX + BETWEEN_PX);
  const place = (at) => (at ? TOP_PX + power + BETWEEN_PX + (at - 1) * (BAND_PX + BETWEEN_PX) : TOP_PX);
  const ofBand = (each) => bands.indexOf(each.band ?? "power");
  const { min: least, max: most, interval } = scale(shown.filter(({ key, band }) => !band && key !== "allowed"));
  const costs = scale(shown.filter(({ band }) => band === "price"), 2);
  const units = { power: "kW", price: unit, stored: "%" }, named = { price: `${words.price_was}${unit && `, ${unit}`}`, stored: `${words.stored}, %` };
  const axes = {
    power: { min: least, max: most, interval, axisLabel: { ...text, formatter: (v) => `${kw.format(v)} kW` } },
    price: { ...costs, axisLabel: { ...text, formatter: (v) => price.format(v) } },
    stored: { min: 0, max: 100, interval: 50, axisLabel: { ...text, formatter: (v) => `${v} %` } },
  };
  const written = ({ seriesId, seriesName, value: [, v, note] }) => {
    const band = LINES.find(({ key }) => key === seriesId).band ?? "power";
    return `${seriesName}  ${(band === "price" ? price : kw).format(v)} ${units[band]}${note ? ` (${note})` : ""}`;
  };
  const now = (at) => ({ symbol: "none", silent: true, lineStyle: { color: token("dim"), type: "solid", width: 1 }, label: { ...text, show: !at, formatter: words.now, position: "end", distance: 4 }, data: [{ xAxis: lines.at }] });
  return {
    animation: false, textStyle: { fontFamily: font },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    grid: bands.map((_, at) => ({ left: SIDE_PX, right: 12, top: place(at), height: at ? BAND_PX : power })),
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
      formatter: (points) => [exact.format(points[0].axisValue), ...points.filter(({ value }) => value[1] !== null).map(written)].join("\n") },
    xAxis: bands.map((_, at) => ({ type: "time", gridIndex: at, ...extent(lines), splitNumber: narrow ? 4 : 8, axisLine: { onZero: false, lineStyle: { color: line } }, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { ...text, show: at === bands.length - 1, hideOverlap: true, formatter: (value) => clock.format(value) } })),
    yAxis: bands.map((band, at) => ({ type: "value", gridIndex: at, splitLine: { lineStyle: { color: line } }, name: named[band], nameGap: 7, nameTextStyle: { ...text, align: "left", padding: [0, 0, 0, 8] }, ...axes[band] })),
    series: shown.map((each, number) => ({
      id: each.key, name: words[each.key], type: "line", xAxisIndex: ofBand(each), yAxisIndex: ofBand(each), data: each.data, symbol: each.data.length < 2 ? "circle" : "none", symbolSize: 5, connectNulls: false, step: each.step ? "end" : false, clip: true,
      lineStyle: { width: each.width, color: token(each.colour), type: each.type ?? "solid" }, itemStyle: { color: token(each.colour) }, areaStyle: each.area ? { color: token(each.colour), opacity: each.area } : undefined,
      markLine: shown.findIndex((other) => ofBand(other) === ofBand(each)) === number ? now(ofBand(each)) : undefined,
    })),
  };
}

// Hours in which nothing was known, or nothing is meant to be charged, would press the others together.
function extent(lines) {
  const known = [lines.took, lines.grid_took, lines.stored].flatMap((each) => each.slice(0, 1).map(([at]) => at)), end = lines.price.at(-1)[0];
  const min = Math.min(lines.at - LEAST_PAST_MS, ...known);
  const busyUntil = (lines.meant.findLast(([, value]) => value > 0)?.[0] ?? 0) + BEHIND_MS;
  return { min, max: Math.min(end, Math.max(lines.at + LEAST_AHEAD_MS, 2 * lines.at - min, busyUntil)) };
}

// Round numbers, equally far apart, around all values and zero. What all EVSEs might draw can be many times what they do,
// so it isn't asked for: it must not flatten all the others.
function scale(shown, ticks = MOST_TICKS) {
  const values = shown.flatMap(({ data }) => data.map(([, value]) => value ?? 0)), low = Math.min(0, ...values), high = Math.max(0, ...values) * HEADROOM;
  const rough = (high - low || 1) / ticks, ten = 10 ** Math.floor(Math.log10(rough)), interval = ten * STEPS.find((each) => each * ten >= rough * 0.999);
  return { min: Math.floor(low / interval) * interval, max: Math.ceil(high / interval) * interval || interval, interval };
}

function fill(legend, all, words, hidden, draw) {
  const focused = document.activeElement?.dataset.line;
  legend.replaceChildren(...all.map(({ key, colour, type = "solid", width }) => {
    const item = document.createElement("li"), button = item.appendChild(document.createElement("button")), mark = button.appendChild(document.createElement("i"));
    Object.assign(mark.style, { borderTop: `${Math.max(2, width)}px ${type} var(--${colour})` });
    button.append(words[key]);
    button.type = "button";
    button.dataset.line = key;
    button.setAttribute("aria-pressed", String(!hidden.has(key)));
    button.addEventListener("click", () => { hidden.delete(key) || hidden.add(key); draw(); });
    return item;
  }));
  if (focused) legend.querySelector(`[data-line="${focused}"]`)?.focus();
}
