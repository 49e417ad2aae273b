// Load of all sites over the last minutes, by the organisation's clock: the page's own series first, then a point a second.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { kw } from "./formats.js";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, TooltipComponent, CanvasRenderer]);
const MINUTE_MS = 60_000, WINDOW_MS = 15 * MINUTE_MS, SAMPLE_EVERY_MS = 1000;

export function start(element, live) {
  const chart = echarts.init(element), points = seen(element);
  const font = getComputedStyle(document.body).fontFamily, language = document.documentElement.lang;
  const hours = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: element.dataset.zone };
  const clock = new Intl.DateTimeFormat(language, hours), exact = new Intl.DateTimeFormat(language, { ...hours, second: "2-digit" });
  const draw = () => chart.setOption({ series: [{ data: points, showSymbol: points.length < 2 }] });
  const dress = () => {
    const line = token("line"), dim = token("dim"), colour = token("charging");
    const text = { color: dim, fontFamily: font, fontSize: 12 };
    chart.setOption({
      animation: false,
      grid: { left: 4, right: 12, top: 10, bottom: 2, containLabel: true },
      tooltip: {
        trigger: "axis", renderMode: "richText", backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
        formatter: ([{ value: [at, w] }]) => `${exact.format(at)}\n${kw(w)} kW`,
      },
      xAxis: { type: "time", axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitNumber: 4,
        axisLabel: { ...text, hideOverlap: true, formatter: (at) => (at % MINUTE_MS ? exact : clock).format(at) } },
      yAxis: { type: "value", min: 0, splitNumber: 4, splitLine: { lineStyle: { color: line } },
        axisLabel: { ...text, formatter: (w) => `${(w / 1000).toLocaleString(language)} kW` } },
      series: [{ type: "line", showSymbol: points.length < 2, symbolSize: 5, sampling: "lttb", lineStyle: { width: 2, color: colour }, itemStyle: { color: colour },
        areaStyle: { color: colour, opacity: 0.12 }, data: points }],
    });
  };
  dress();
  addEventListener("themechange", dress);
  new ResizeObserver(() => chart.resize()).observe(element);
  addEventListener("pagehide", () => sessionStorage.setItem(keptAs(element), JSON.stringify(points)));
  setInterval(() => {
    const w = live.cell("totals.power_w");
    if (w === undefined || w === null || document.documentElement.dataset.connection !== "live") return;
    const now = Date.now();
    points.push([now, w]);
    while (points.length && points[0][0] < now - WINDOW_MS) points.shift();
    if (!document.hidden) draw();
  }, SAMPLE_EVERY_MS);
}

const keptAs = (element) => `load-${element.dataset.owner}`;

// The server's series if it has one, else what this tab saw before it went from one page to the next.
function seen(element) {
  const given = JSON.parse(element.dataset.series || "[]");
  const kept = given.length ? [] : JSON.parse(sessionStorage.getItem(keptAs(element)) ?? "[]");
  return [...given, ...kept].filter(([at]) => at > Date.now() - WINDOW_MS);
}
