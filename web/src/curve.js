// The curve of a session: power and battery above, current and voltage below, over one time; a running one goes on.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { AxisPointerComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, TooltipComponent, LegendComponent, AxisPointerComponent, CanvasRenderer]);
const SAMPLE_EVERY_MS = 2000, LEAST_SPAN_MS = 120_000, SHORT_MS = 600_000;
const language = document.documentElement.lang;

export async function start(element, live) {
  const answer = await fetch(element.dataset.curve);
  if (!answer.ok) return;
  const lines = await answer.json(), words = JSON.parse(element.dataset.words);
  const empty = () => !Object.values(lines).some((line) => line.length > 0);
  if (empty()) return element.replaceChildren(Object.assign(document.createElement("p"), { className: "dim", textContent: words.none }));
  const chart = echarts.init(element), font = getComputedStyle(document.body).fontFamily;
  const clock = (seconds) => new Intl.DateTimeFormat(language, { timeZone: element.dataset.zone, hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}), hour12: false });
  const exact = new Intl.DateTimeFormat(language, { timeZone: element.dataset.zone, dateStyle: "medium", timeStyle: "medium" });
  const first = Math.min(...Object.values(lines).filter(Array.isArray).flatMap((line) => (line.length ? [line[0][0]] : [])));
  const begun = Math.min(Date.parse(element.dataset.start), first);
  // What runs has room to go on; what is over ends where it ended.
  const ended = element.dataset.end ? Date.parse(element.dataset.end) : NaN;
  const until = (latest) => Number.isNaN(ended) ? Math.max(latest, begun + LEAST_SPAN_MS) : Math.max(latest, ended, begun + 1000);
  const number = (digits) => new Intl.NumberFormat(language, { maximumFractionDigits: digits });
  const all = [
    { key: "power_kw", name: lines.power_from_register ? words.register : words.power, unit: "kW", digits: 1, colour: "charging", grid: 0, axis: 0, area: true },
    { key: "offered_kw", name: words.offered, unit: "kW", digits: 1, colour: "dim", grid: 0, axis: 0, dashed: true },
    { key: "soc_pct", name: words.soc, unit: "%", digits: 0, colour: "available", grid: 0, axis: 1 },
    { key: "current_a", name: words.current, unit: "A", digits: 1, colour: "suspendedev", grid: 1, axis: 2 },
    { key: "voltage_v", name: words.voltage, unit: "V", digits: 0, colour: "reserved", grid: 1, axis: 3 },
  ];
  const draw = () => {
    const shown = all.filter(({ key }) => lines[key].length), below = shown.some(({ grid }) => grid === 1);
    const hours = clock(Math.max(...shown.flatMap(({ key }) => [lines[key].at(-1)[0]]), begun) - begun < SHORT_MS);
    element.classList.toggle("tall", below);
    chart.resize();
    const line = token("line"), text = { color: token("dim"), fontFamily: font, fontSize: 12 };
    const yAxis = (grid, unit, right, used) => ({ gridIndex: grid, type: "value", show: used, min: unit === "V" ? ({ min }) => Math.floor((min - 5) / 10) * 10 : unit === "kW" ? ({ min }) => Math.min(0, Math.floor(min)) : 0, max: unit === "%" ? 100 : undefined, splitNumber: 3,
      position: right ? "right" : "left", splitLine: { show: !right, lineStyle: { color: line } }, axisLabel: { ...text, formatter: (v) => `${number(1).format(v)} ${unit}` } });
    const has = (key) => shown.some((each) => each.key === key);
    const grids = [{ left: 64, right: 58, top: 34, height: below ? 168 : 180 }, ...(below ? [{ left: 64, right: 58, top: 250, height: 90 }] : [])];
    chart.setOption({
      animation: false, textStyle: { fontFamily: font }, grid: grids,
      legend: { top: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 3, textStyle: text, data: shown.map(({ name }) => name) },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
        formatter: (points) => [exact.format(points[0].value[0]), ...points.map(({ seriesName, value: [, v] }) => { const each = all.find(({ name }) => name === seriesName); return `${seriesName}  ${number(each.digits).format(v)} ${each.unit}`; })].join("\n") },
      xAxis: grids.map((_, grid) => ({ gridIndex: grid, type: "time", min: begun, max: ({ max }) => until(max), splitNumber: 5, axisLine: { lineStyle: { color: line } }, axisTick: { show: false },
        axisLabel: { ...text, show: grid === grids.length - 1, hideOverlap: true, formatter: (at) => hours.format(at) } })),
      yAxis: [yAxis(0, "kW", false, true), yAxis(0, "%", true, has("soc_pct")), ...(below ? [yAxis(1, "A", false, has("current_a")), yAxis(1, "V", true, has("voltage_v"))] : [])],
      series: shown.map(({ key, name, colour, grid, axis, area, dashed }) => ({ name, type: "line", xAxisIndex: grid, yAxisIndex: axis, data: lines[key], showSymbol: lines[key].length < 2, symbolSize: 5, step: dashed ? "end" : false,
        lineStyle: { width: dashed ? 1.5 : 2, color: token(colour), type: dashed ? "dashed" : "solid" }, itemStyle: { color: token(colour) }, areaStyle: area ? { color: token(colour), opacity: 0.1 } : undefined })),
    }, { notMerge: true });
  };
  draw();
  addEventListener("themechange", draw);
  new ResizeObserver(() => chart.resize()).observe(element);
  const { power, soc } = element.dataset;
  if (!power) return;
  live.onCells(SAMPLE_EVERY_MS, () => {
    if (!element.isConnected || document.hidden) return;
    const now = Date.now(), w = live.cell(power), pct = live.cell(soc);
    if (w !== null && w !== undefined) lines.power_kw.push([now, w / 1000]);
    if (pct !== null && pct !== undefined) lines.soc_pct.push([now, pct]);
    draw();
  });
}
