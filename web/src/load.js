// The load of a whole day in the zone of the sites, beside that of a usual such day. Times are ms from midnight.
import * as echarts from "echarts/core";
import { LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { kw } from "./formats.js";
import { token } from "./tokens.js";

echarts.use([LineChart, GridComponent, TooltipComponent, CanvasRenderer]);
const HOUR_MS = 3_600_000, KEEP_EVERY_MS = 60_000, DRAW_EVERY_MS = 5_000, GAP_MS = 16 * 60_000, LEAST_TOP_W = 10_000;

export function start(element, live) {
  const { start: midnight, length, zone, usualWord } = element.dataset;
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: zone });
  const at = (ms) => clock.format(Number(midnight) + ms);
  const today = withGaps(JSON.parse(element.dataset.today)), usual = JSON.parse(element.dataset.usual);
  const chart = echarts.init(element), font = getComputedStyle(document.body).fontFamily;
  let now = null;
  const lines = () => [{ data: now ? [...today, now] : today }, { data: usual }];
  const dress = () => {
    const line = token("line"), dim = token("dim"), colour = token("charging"), text = { color: dim, fontFamily: font, fontSize: 12 };
    chart.setOption({
      animation: false,
      grid: { left: 4, right: 14, top: 10, bottom: 2, containLabel: true },
      tooltip: { trigger: "axis", renderMode: "richText", backgroundColor: token("card"), borderColor: line, textStyle: { ...text, color: token("ink") },
        formatter: (points) => [at(points[0].value[0]), ...points.filter((p) => p.value[1] !== null).map((p) => `${p.seriesIndex ? `${usualWord}: ` : ""}${kw(p.value[1])} kW`)].join("\n") },
      xAxis: { type: "value", min: 0, max: Number(length), interval: 3 * HOUR_MS, splitLine: { show: false }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false },
        axisLabel: { ...text, hideOverlap: true, showMaxLabel: false, formatter: at } },
      yAxis: { type: "value", min: 0, max: ({ max }) => (max > LEAST_TOP_W ? null : LEAST_TOP_W), minInterval: 1000, splitNumber: 3, splitLine: { lineStyle: { color: line } }, axisLabel: { ...text, formatter: (w) => `${(w / 1000).toLocaleString(document.documentElement.lang)} kW` } },
      series: [
        { type: "line", showSymbol: today.length < 3, symbolSize: 5, connectNulls: false, lineStyle: { width: 2, color: colour }, itemStyle: { color: colour }, areaStyle: { color: colour, opacity: 0.12 }, data: lines()[0].data },
        { type: "line", showSymbol: false, lineStyle: { width: 1.5, type: "dashed", color: dim }, itemStyle: { color: dim }, data: usual },
      ],
    });
  };
  dress();
  addEventListener("themechange", dress);
  new ResizeObserver(() => chart.resize()).observe(element);
  let keptAt = Date.now();
  setInterval(() => {
    const w = live.cell("totals.power_w");
    if (w === undefined || w === null || document.documentElement.dataset.connection !== "live") return;
    now = [Math.min(Date.now() - Number(midnight), Number(length)), w];
    if (Date.now() - keptAt >= KEEP_EVERY_MS) { today.push(now); keptAt = Date.now(); }
    if (!document.hidden) chart.setOption({ series: lines() });
    // A page that is open over midnight begins the new day.
    if (Date.now() > Number(midnight) + Number(length)) location.reload();
  }, DRAW_EVERY_MS);
}

// Where nobody noted the load the line breaks, so that it never says what was not measured.
function withGaps(points) {
  return points.flatMap((point, i) => (i && point[0] - points[i - 1][0] > GAP_MS ? [[point[0] - 1, null], point] : [point]));
}
