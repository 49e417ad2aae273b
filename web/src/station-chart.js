// Power of one station over the chosen time: what is stored first, then what it says while the page is open.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { kw } from "./formats.js";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, TooltipComponent, CanvasRenderer]);
const SAMPLE_EVERY_MS = 5000, MAX_TAIL = 2000;

export function start(element, live) {
  const chart = echarts.init(element), data = element.dataset, points = JSON.parse(data.series);
  const from = Number(data.from), to = Number(data.to), most = Number(data.most) || null, stored = points.length;
  const language = document.documentElement.lang;
  const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: data.zone });
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: data.zone });
  const stamp = (at) => `${day.format(at)}, ${clock.format(at)}`, short = to - from > 2 * 86_400_000 ? day : clock;
  const end = () => ("liveTail" in data ? Math.min(to, Math.max(Date.now(), from + 1)) : to);
  const dress = () => {
    const line = token("line"), dim = token("dim"), colour = token("charging"), text = { color: dim, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 };
    const limit = most && { type: "line", symbol: "none", silent: true, lineStyle: { width: 1, type: "dashed", color: token("strong-line") }, data: [[from, most], [to, most]],
      endLabel: { show: true, ...text, formatter: data.mostWord, align: "right", offset: [-4, -9] } };
    chart.setOption({
      animation: false,
      grid: { left: 4, right: 14, top: 22, bottom: 2, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
        formatter: ([first]) => (first ? `${stamp(first.value[0])}\n${kw(first.value[1])} kW` : "") },
      xAxis: { type: "time", min: from, max: end(), axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitNumber: 5, axisLabel: { ...text, hideOverlap: true, formatter: (at) => short.format(at) } },
      yAxis: { type: "value", min: 0, splitNumber: 4, splitLine: { lineStyle: { color: line } }, axisLabel: { ...text, formatter: (w) => `${(w / 1000).toLocaleString(language)} kW` } },
      series: [{ type: "line", showSymbol: points.length < 2, symbolSize: 5, sampling: "lttb", lineStyle: { width: 2, color: colour }, itemStyle: { color: colour }, areaStyle: { color: colour, opacity: 0.12 }, data: points }, limit].filter(Boolean),
    });
  };
  dress();
  addEventListener("themechange", dress);
  new ResizeObserver(() => chart.resize()).observe(element);
  if (!("liveTail" in data)) return;
  setInterval(() => {
    const w = live.cell(data.key);
    if (w === undefined || w === null || document.documentElement.dataset.connection !== "live" || Date.now() > to) return;
    points.push([Date.now(), w]);
    while (points.length > stored + MAX_TAIL) points.splice(stored, 1);
    if (!document.hidden) chart.setOption({ xAxis: { max: end() }, series: [{ data: points, showSymbol: points.length < 2 }] });
  }, SAMPLE_EVERY_MS);
}
