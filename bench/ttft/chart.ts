/**
 * A chart of the figures: a row of panels for each figure, a column for each device.
 *
 * @module
 */
import { BarChart, CustomChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { MODES } from "./devices.ts";
import type { ModeFigures } from "./figures.ts";
import type { DeviceReport, TtftReport } from "./report.ts";
import type { ScenarioName } from "./scenarios.ts";

use([BarChart, CustomChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** A bar and its range. */
interface Mark {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A row of panels. */
interface Row {
  readonly title: string;
  /** Whether values are relative to the plain loop, so that the axis need not begin at 0. */
  readonly isRatio: boolean;
  mark(figures: ModeFigures): Mark;
}

const ROWS: readonly Row[] = [
  {
    title: "time to first token, ms",
    isRatio: false,
    mark: ({ ttftMs: { p50, p95 } }) => ({ value: p50, low: p50, high: p95 }),
  },
  {
    title: "first token on the host to caller’s loop, µs",
    isRatio: false,
    mark: ({ deliveryLagUs: { p50, p95 } }) => ({ value: p50, low: p50, high: p95 }),
  },
  {
    title: "tokens per second, relative to the plain loop",
    isRatio: true,
    mark: ({ toPlain: { tokensPerSecond: { median, p25, p75 } } }) => ({ value: median, low: p25, high: p75 }),
  },
];

/** Short names under the bars. */
const LABELS: Readonly<Record<ScenarioName, string>> = {
  single: "one at\na time",
  burst: "burst",
  arrivals: "Poisson\narrivals",
  prefills: "mixed\nprompts",
  decode1: "decode\n1 row",
  decode32: "decode\n32 rows",
};

/** How to read the chart. */
const NOTE = "Bars are medians. Lines extend to the 95th percentile, in the last row from quartile to quartile.";

const COLOURS = ["#9aa5b1", "#2b6cb0", "#2f855a", "#c05621"];
const TEXT = "#1f2933";
const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";
const [WIDTH, PANEL_HEIGHT, ROW_HEIGHT, TOP, LEFT, GAP] = [960, 150, 230, 76, 56, 56] as const;

/**
 * Draws the figures.
 *
 * @param report The benchmark's report.
 * @returns An SVG document.
 */
export function drawChart(report: TtftReport): string {
  const { devices, runtime, processor, cores, rounds } = report;
  const height = TOP + ROWS.length * ROW_HEIGHT + 44;
  const note = { left: LEFT, size: 12, weight: 400 };
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const panels = devices.flatMap((device, column) => ROWS.map((row, line) => ({ device, column, row, line })));
  const panelWidth = (WIDTH - LEFT - 16 - GAP * (devices.length - 1)) / devices.length;
  const left = (column: number) => LEFT + column * (panelWidth + GAP);
  const top = (line: number) => TOP + line * ROW_HEIGHT + 28;
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: FONT, color: TEXT },
    color: COLOURS,
    legend: {
      data: MODES.map(({ title }) => title),
      top: 10,
      left: LEFT,
      itemHeight: 12,
      itemGap: 28,
      textStyle: { fontSize: 14 },
    },
    title: [
      text(`${runtime}; ${processor}, ${cores} cores; ${rounds} rounds`, { ...note, top: height - 42 }),
      text(NOTE, { ...note, top: height - 24 }),
      ...devices.map(({ title }, column) => text(title, { left: left(column), top: 48, size: 15, weight: 600 })),
      ...panels.map(({ column, row, line }) => {
        return text(row.title, { left: left(column), top: top(line) - 28, size: 12, weight: 400 });
      }),
    ],
    grid: panels.map(({ column, line }) => {
      return { left: left(column), top: top(line), width: panelWidth, height: PANEL_HEIGHT };
    }),
    xAxis: panels.map(({ device }, gridIndex) => ({
      gridIndex,
      type: "category",
      data: namesOf(device).map((name) => LABELS[name]),
      axisTick: { show: false },
      axisLabel: { color: TEXT, fontSize: 11, interval: 0, lineHeight: 13 },
    })),
    yAxis: panels.map(({ row }, gridIndex) => ({
      gridIndex,
      type: "value",
      scale: row.isRatio,
      min: row.isRatio ? ({ min }: { min: number }) => Math.min(0.9, Math.floor(min * 10) / 10) : 0,
      axisLabel: { color: TEXT, fontSize: 11 },
      splitNumber: 4,
      splitLine: { lineStyle: { color: "#e4e7eb" } },
    })),
    series: panels.flatMap(({ device, row }, panel) => seriesOf(device, row, panel)),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function namesOf({ scenarios }: DeviceReport): ScenarioName[] {
  return Object.keys(scenarios) as ScenarioName[];
}

function text(
  content: string,
  { size, weight, ...place }: { size: number; weight: number; top: number; left?: number; right?: number },
) {
  return { text: content, ...place, padding: 0, textStyle: { fontSize: size, fontWeight: weight, color: TEXT } };
}

/** The bars of all modes and their ranges. */
function seriesOf(device: DeviceReport, row: Row, panel: number) {
  const axes = { xAxisIndex: panel, yAxisIndex: panel };
  const marks = MODES.map(({ name }) =>
    namesOf(device).map((scenario) => row.mark(device.scenarios[scenario]!.modes[name]))
  );
  const bars = MODES.map(({ title }, index) => ({
    ...axes,
    type: "bar",
    name: title,
    data: marks[index]!.map(({ value }) => value),
    barGap: "10%",
    barCategoryGap: "28%",
  }));
  const lines = {
    ...axes,
    type: "custom",
    z: 3,
    data: marks.flatMap((ofMode, mode) => ofMode.map(({ low, high }, category) => [category, low, high, mode])),
    // Makes the y axis include the ranges.
    encode: { x: 0, y: [1, 2] },
    renderItem: drawLine,
  };
  return [...bars, lines];
}

/** The API of a custom series' `renderItem`. */
interface ItemApi {
  value(dimension: number): number;
  coord(point: readonly [number, number]): [number, number];
  size(extent: readonly [number, number]): [number, number];
}

/** Draws the range of a bar. */
function drawLine(_: unknown, api: ItemApi) {
  const [category, low, high, mode] = [api.value(0), api.value(1), api.value(2), api.value(3)];
  // Bars take 72 % of a category's width, with gaps of a tenth of a bar.
  const barWidth = (api.size([1, 0])[0] * 0.72) / (MODES.length + (MODES.length - 1) * 0.1);
  const [middle, lowY] = api.coord([category, low]);
  const [, highY] = api.coord([category, high]);
  const x = middle + (mode - (MODES.length - 1) / 2) * barWidth * 1.1;
  const style = { stroke: TEXT, lineWidth: 1.2 };
  return {
    type: "group",
    children: [
      { type: "line", shape: { x1: x, y1: lowY, x2: x, y2: highY }, style },
      { type: "line", shape: { x1: x - 3, y1: highY, x2: x + 3, y2: highY }, style },
    ],
  };
}
