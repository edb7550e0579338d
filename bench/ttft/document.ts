/**
 * Writes the figures of a stored report into `docs/overlap.md`, between its two marks, and the chart next to it.
 *
 * `bun bench/ttft/document.ts FILE`, then `deno fmt docs/overlap.md`.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import type { Comparison } from "../events/rounds.ts";
import { drawChart } from "./chart.ts";
import { MODES } from "./devices.ts";
import type { ModeFigures } from "./figures.ts";
import type { DeviceReport, TtftReport } from "./report.ts";

const DOCUMENT = new URL("../../docs/overlap.md", import.meta.url);
const CHART = new URL("../../docs/overlap-figures.svg", import.meta.url);
const [BEGIN, END] = ["<!-- figures: written by bench/ttft/document.ts -->", "<!-- end of figures -->"] as const;

const file = process.argv[2]!;
const report = JSON.parse(readFileSync(file, "utf8")) as TtftReport;
const text = readFileSync(DOCUMENT, "utf8");
const [before, after] = [text.slice(0, text.indexOf(BEGIN) + BEGIN.length), text.slice(text.indexOf(END))];
writeFileSync(DOCUMENT, `${before}\n\n${figures(report)}\n\n${after}`);
writeFileSync(CHART, drawChart(report));

function figures({ devices, runtime, processor, cores, rounds }: TtftReport): string {
  const about = `${runtime}, ${processor}, ${cores} cores, ${rounds} rounds ([${basename(file)}](../bench/results/${
    basename(file)
  })). Medians; relative figures with quartiles.`;
  return [about, ...devices.map(table)].join("\n\n");
}

function table({ title, scenarios }: DeviceReport): string {
  const columns = [
    title,
    "loop",
    "TTFT, ms: p50 / p95 / p99",
    "first token on the host to sent, µs: p50 / p99",
    "on the host to caller’s loop, µs: p50 / p99",
    "inter-token p99, ms",
    "tokens/s relative to plain",
    "device idle per step, µs",
    "host time per step, µs",
    "wasted steps",
  ];
  const rows = Object.values(scenarios).flatMap((scenario) =>
    MODES.map(({ name, title: mode }, index) => {
      const figures = scenario.modes[name];
      return [index === 0 ? scenario.title : "", mode, ...cells(figures, index === 0)];
    })
  );
  return [columns, columns.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cells(figures: ModeFigures, isPlain: boolean): string[] {
  const { ttftMs, emissionLagUs, deliveryLagUs, interTokenMs, deviceIdleUs, ownHostUs, wastedSteps, toPlain } = figures;
  const whole = (value: number | undefined) => value?.toFixed(0) ?? "";
  return [
    `${ttftMs.p50.toFixed(2)} / ${ttftMs.p95.toFixed(2)} / ${ttftMs.p99.toFixed(2)}`,
    `${whole(emissionLagUs.p50)} / ${whole(emissionLagUs.p99)}`,
    `${whole(deliveryLagUs.p50)} / ${whole(deliveryLagUs.p99)}`,
    interTokenMs?.p99.toFixed(2) ?? "",
    isPlain ? "1" : spread(toPlain.tokensPerSecond),
    whole(deviceIdleUs?.median),
    whole(ownHostUs?.median),
    String(wastedSteps),
  ];
}

function spread({ median, p25, p75 }: Comparison): string {
  return `${median.toFixed(3)} [${p25.toFixed(3)} to ${p75.toFixed(3)}]`;
}
