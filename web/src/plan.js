// A site on one axis of time: what cars took and are meant to take, what limits them, and what energy costs.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);
const REFRESH_EVERY_MS = 15_000, NARROW_PX = 560, HEADROOM = 1.15, LEAST_PAST_MS = 3_600_000, LEAST_AHEAD_MS = 8 * 3_600_000;
const SOLID = "path://M0 3h18v2h-18z", DASHED = "path://M0 3h5v2h-5zM6.5 3h5v2h-5zM13 3h5v2h-5z";
const language = document.documentElement.lang;

// Of those that have something to show, in the order of the legend; power on the left, the price on the right.
const LINES = [
  { key: "took", colour: "charging", area: 0.16, width: 2 },
  { key: "meant", colour: "charging", area: 0.06, width: 2, dashed: true, step: true },
  { key: "grid_took", colour: "ink", width: 1.5 },
  { key: "grid_meant", colour: "ink", width: 1.5, dashed: true, step: true },
  { key: "limit", colour: "faulted", width: 1.5, step: true },
  { key: "allowed", colour: "faulted", width: 1, dashed: true },
  { key: "kept", colour: "preparing", width: 1.5, dashed: true, step: true },
  { key: "load", colour: "reserved", width: 1.25, step: true },
  { key: "solar", colour: "suspendedev", width: 1.25, step: true },
];

export async function start(element) {
  const words = JSON.parse(element.dataset.words), zone = element.dataset.zone;
  let lines = await read(element);
  if (!lines) return;
  const chart = echarts.init(element), font = getComputedStyle(document.body).fontFamily;
  const clock = new Intl.DateTimeFormat(language, { timeZone: zone, hour: "2-digit", minute: "2-digit", hour12: false });
  const exact = new Intl.DateTimeFormat(language, { timeZone: zone, weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false });
  const kw = new Intl.NumberFormat(language, { maximumFractionDigits: 1 }), price = new Intl.NumberFormat(language, { maximumFractionDigits: 4 });
  const draw = () => {
    const line = token("line"), text = { color: token("dim"), fontFamily: font, fontSize: 12 }, narrow = element.clientWidth < NARROW_PX;
    const shown = LINES.filter(({ key }) => lines[key].some(([, value]) => value !== null));
    const prices = lines.price.map(([at, value]) => [at, value === "" ? null : Number(value)]);
    if (prices.length > 1) prices[prices.length - 1][1] = prices.at(-2)[1];
    const unit = lines.currency ?? "";
    // What all EVSEs might draw can be many times what they do: it must not flatten all the others.
    const most = Math.max(...shown.filter(({ key }) => key !== "allowed").flatMap(({ key }) => lines[key].map(([, value]) => value ?? 0)));
    const ceiling = () => (most > 0 ? Math.ceil((most * HEADROOM) / 5) * 5 : undefined);
    // Hours in which nothing is meant to be charged would press the others together.
    const busyUntil = () => (lines.meant.findLast(([, value]) => value > 0)?.[0] ?? 0) + LEAST_PAST_MS;
    chart.setOption({
      animation: false, textStyle: { fontFamily: font },
      grid: { left: 4, right: 4, top: 52, bottom: 4, containLabel: true },
      legend: { type: narrow ? "scroll" : "plain", pageIconColor: token("ink"), pageIconInactiveColor: line, pageTextStyle: text, top: 0, left: 0, itemWidth: 18, itemHeight: narrow ? 12 : 3, itemGap: narrow ? 8 : 12, textStyle: { ...text, fontSize: narrow ? 11 : 12 }, data: [...shown.map(({ key, dashed }) => ({ name: words[key], icon: dashed ? DASHED : SOLID })), { name: words.price, icon: SOLID }] },
      tooltip: { trigger: "axis", renderMode: "richText", confine: true, backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
        formatter: (points) => [exact.format(points[0].axisValue), ...points.filter(({ value }) => value[1] !== null).map(({ seriesName, value: [, v] }) => seriesName === words.price ? `${seriesName}  ${price.format(v)} ${unit}` : `${seriesName}  ${kw.format(v)} kW`)].join("\n") },
      xAxis: { type: "time", min: ({ min }) => Math.min(min, lines.at - LEAST_PAST_MS), max: ({ max }) => Math.min(max, Math.max(lines.at + LEAST_AHEAD_MS, busyUntil())), splitNumber: narrow ? 4 : 8, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { ...text, hideOverlap: true, formatter: (at) => clock.format(at) } },
      yAxis: [
        { type: "value", min: 0, max: ceiling(), splitNumber: 4, splitLine: { lineStyle: { color: line } }, axisLabel: { ...text, formatter: (v) => `${kw.format(v)} kW` } },
        { type: "value", min: ({ min }) => Math.min(0, min), splitNumber: 4, splitLine: { show: false }, name: unit && `${unit}/kWh`, nameGap: 8, nameTextStyle: { ...text, align: "right" }, axisLabel: { ...text, formatter: (v) => price.format(v) } },
      ],
      series: [
        ...shown.map(({ key, colour, area, width, dashed, step }) => ({
          name: words[key], type: "line", data: lines[key], symbol: lines[key].length < 2 ? "circle" : "none", symbolSize: 5, connectNulls: false, step: step ? "end" : false,
          lineStyle: { width, color: token(colour), type: dashed ? "dashed" : "solid" }, itemStyle: { color: token(colour) }, areaStyle: area ? { color: token(colour), opacity: area } : undefined,
          markLine: key === shown[0]?.key ? { symbol: "none", silent: true, lineStyle: { color: token("dim"), type: "solid", width: 1 }, label: { ...text, formatter: words.now, position: "end" }, data: [{ xAxis: lines.at }] } : undefined,
        })),
        { name: words.price, type: "line", yAxisIndex: 1, data: prices, symbol: "none", step: "end", lineStyle: { width: 1.25, color: token("available") }, itemStyle: { color: token("available") } },
      ],
    }, { notMerge: true });
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
