/**
 * A timeline drawn from a trace: host, device and callers in the plain loop and in the overlap loop with early first tokens,
 * with a close-up of the first token.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";
import { MODES, scriptedDevice } from "./devices.ts";
import { firstTokenTime, type TracedRun, traceRun } from "./trace_run.ts";

/** Number of traces, of which the least disturbed one is drawn. */
const ATTEMPTS = 40;

/** Drawn time, in milliseconds since the arrival. */
const RANGE = { from: -5, to: 27 } as const;

/** Time of the close-up around the first token, in milliseconds. */
const CLOSE_UP = { before: 0.5, after: 1.5 } as const;

const [WIDTH, LEFT, RIGHT, LANE, LANE_GAP] = [960, 84, 20, 26, 8] as const;

/** Position and time range of three lanes. */
interface Band {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly isCloseUp: boolean;
}

/** A span on a lane. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly kind:
    | "launch"
    | "sampling"
    | "wait"
    | "first"
    | "process"
    | "between"
    | "delay"
    | "forward"
    | "prefill"
    | "sample";
  readonly label: string;
}

/** Traces both loops on the scripted device and draws them. */
export async function drawTimeline(): Promise<string> {
  using device = scriptedDevice(false);
  const plain = await traceRun(device, MODES[0]!, ATTEMPTS);
  const early = await traceRun(device, MODES.at(-1)!, ATTEMPTS);
  return drawRuns(plain, early);
}

/**
 * Draws two runs, one above the other.
 *
 * @param plain A run of the plain loop.
 * @param early A run of the overlap loop with early first tokens.
 * @returns An SVG document.
 */
export function drawRuns(plain: TracedRun, early: TracedRun): string {
  const tokenTime = firstTokenTime(early);
  const bands: readonly { run: TracedRun; band: Band; title: string }[] = [
    { run: plain, band: { ...RANGE, top: 92, isCloseUp: false }, title: "plain: one step at a time" },
    {
      run: early,
      band: { ...RANGE, top: 248, isCloseUp: false },
      title: "overlap + early: each step is launched before the previous one is read",
    },
    {
      run: early,
      band: { from: tokenTime - CLOSE_UP.before, to: tokenTime + CLOSE_UP.after, top: 404, isCloseUp: true },
      title: "close-up: the first token is emitted before anything else is done",
    },
  ];
  const height = 404 + 3 * (LANE + LANE_GAP) + 40;
  const title =
    "Host, device and callers on a timeline, in the plain loop and in the overlap loop with early first tokens";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img"
  aria-labelledby="title">
  <title id="title">${title}</title>
  <style>${STYLE}</style>
  <rect width="${WIDTH}" height="${height}" fill="#fff"/>
${legend()}
${bands.map(({ run, band, title }) => drawBand(run, band, title)).join("\n")}
</svg>
`;
}

const COLOURS: Readonly<Record<Span["kind"], string>> = {
  launch: "#2b6cb0",
  sampling: "#805ad5",
  wait: "#eef1f4",
  first: "#e53e3e",
  process: "#dd8a1b",
  between: "#9aa5b1",
  delay: "#dbe7f5",
  forward: "#8fbf9f",
  prefill: "#3f9560",
  sample: "#805ad5",
};

const STYLE = `
  text { font: 12px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2933; }
  .title { font-size: 14px; font-weight: 600; }
  .small { font-size: 11px; paint-order: stroke; stroke: #f5f7fa; stroke-width: 7px; }
  .axis { fill: #616e7c; font-size: 11px; text-anchor: middle; }
  .lane { text-anchor: end; }
  .in { text-anchor: middle; font-size: 11px; }
  .light { fill: #fff; }
  .grid { stroke: #e4e7eb; }
`;

function legend(): string {
  const entries: readonly (readonly [Span["kind"], string, number])[] = [
    ["launch", "launch forward", 114],
    ["sampling", "launch sampling", 122],
    ["wait", "wait for the device", 136],
    ["first", "emit first tokens", 152],
    ["process", "process", 76],
    ["between", "emit, schedule", 112],
    ["delay", "launch delay", 120],
  ];
  let x: number = LEFT;
  const items = entries.map(([kind, name, width]) => {
    const item =
      `  <rect x="${x}" y="14" width="12" height="12" fill="${COLOURS[kind]}" stroke="#cbd2d9" stroke-width="0.5"/>` +
      `<text x="${x + 17}" y="24">${name}</text>`;
    x += width;
    return item;
  });
  const marks =
    `  <line x1="${LEFT + 6}" y1="36" x2="${LEFT + 6}" y2="50" stroke="#52606d"/><text x="${LEFT + 17}" y="47">` +
    `tokens of running requests in their callers’ loops</text>` +
    `<circle cx="${LEFT + 326}" cy="43" r="4.5" fill="#e53e3e"/><text x="${
      LEFT + 337
    }" y="47">tokens of the request that arrives at 0</text>`;
  return [...items, marks].join("\n");
}

function drawBand(run: TracedRun, band: Band, title: string): string {
  const { from, to, top, isCloseUp } = band;
  const x = (time: number) => LEFT + ((time - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const place = (time: number) => x(Math.min(to, Math.max(from, time)));
  const laneTop = (lane: number) => top + lane * (LANE + LANE_GAP);
  const bottom = laneTop(3) - LANE_GAP;
  const lines: string[] = [`  <text class="title" x="${LEFT}" y="${top - 10}">${title}</text>`];
  const unit = isCloseUp ? 0.25 : 5;
  for (let time = Math.ceil(from / unit) * unit; time <= to; time += unit) {
    lines.push(`  <line class="grid" x1="${fixed(x(time))}" y1="${top}" x2="${fixed(x(time))}" y2="${bottom}"/>`);
    lines.push(`  <text class="axis" x="${fixed(x(time))}" y="${bottom + 15}">${Number(time.toFixed(2))} ms</text>`);
  }
  const drawSpans = (spans: readonly Span[], lane: number) => {
    for (const span of spans) {
      if (span.to <= from || span.from >= to) continue;
      const [left, right] = [place(span.from), place(span.to)];
      const width = Math.max(0.6, right - left);
      lines.push(
        `  <rect x="${fixed(left)}" y="${laneTop(lane)}" width="${fixed(width)}" height="${LANE}" fill="${
          COLOURS[span.kind]
        }"/>`,
      );
      if (width < span.label.length * 6.2 + 4) continue;
      const isLight = ["wait", "forward", "between", "delay"].includes(span.kind);
      lines.push(
        `  <text class="in${isLight ? "" : " light"}" x="${fixed(left + width / 2)}" y="${
          laneTop(lane) + 17
        }">${span.label}</text>`,
      );
    }
  };
  for (const [lane, name] of ["host", "device", "callers"].entries()) {
    lines.push(`  <text class="lane" x="${LEFT - 10}" y="${laneTop(lane) + 17}">${name}</text>`);
  }
  drawSpans(hostSpans(run.reports), 0);
  drawSpans(deviceSpans(run.reports), 1);
  lines.push(`  <rect x="${LEFT}" y="${laneTop(2)}" width="${WIDTH - LEFT - RIGHT}" height="${LANE}" fill="#f5f7fa"/>`);
  for (const time of run.runningTokens.filter((time) => time > from && time < to)) {
    lines.push(
      `  <line x1="${fixed(x(time))}" y1="${laneTop(2) + 6}" x2="${fixed(x(time))}" y2="${
        laneTop(2) + 20
      }" stroke="#52606d"/>`,
    );
  }
  for (const [index, time] of run.arrivalTokens.entries()) {
    if (time < from || time > to) continue;
    lines.push(`  <circle cx="${fixed(x(time))}" cy="${laneTop(2) + 13}" r="4.5" fill="#e53e3e"/>`);
    if (index === 0) {
      lines.push(`  <text class="small" x="${fixed(x(time) + 8)}" y="${laneTop(2) + 17}">${time.toFixed(2)} ms</text>`);
    }
  }
  if (from < 0 && to > 0) {
    lines.push(
      `  <line x1="${fixed(x(0))}" y1="${top - 4}" x2="${fixed(x(0))}" y2="${
        bottom + 3
      }" stroke="#e53e3e" stroke-dasharray="3 2"/>`,
    );
  }
  return lines.join("\n");
}

/** The phases of steps on the host; between two steps, emission, scheduling and the launch delay. */
function hostSpans(reports: readonly StepReport[]): Span[] {
  const spans: Span[] = [];
  for (const [index, report] of reports.entries()) {
    const { step, start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end } =
      report;
    spans.push(
      { from: start, to: forwardLaunched, kind: "launch", label: `launch ${step}` },
      { from: sampling, to: launched, kind: "sampling", label: `sampling ${step}` },
      { from: waiting, to: resultsAt, kind: "wait", label: `wait for ${step}` },
      { from: resultsAt, to: firstTokensSent, kind: "first", label: "first token" },
      { from: processing, to: end, kind: "process", label: `process ${step}` },
    );
    const next = reports.slice(index + 1).find((later) => later.start >= end);
    if (next !== undefined && !next.afterIdle) {
      spans.push({ from: end, to: next.start, kind: "between", label: "emit, schedule" });
      spans.push({
        from: next.start - next.launchDelayMs,
        to: next.start,
        kind: "delay",
        label: `delay ${next.step}`,
      });
    }
  }
  return spans;
}

function deviceSpans(reports: readonly StepReport[]): Span[] {
  return reports.flatMap(({ step, device, prefillTokens }): Span[] => {
    if (device === null) return [];
    const kind = prefillTokens > 0 ? "prefill" : "forward";
    return [
      {
        from: device.begin,
        to: device.forwardEnd,
        kind,
        label: prefillTokens > 0 ? `prefill ${step}` : `decode ${step}`,
      },
      { from: device.samplingBegin, to: device.end, kind: "sample", label: "" },
    ];
  });
}

function fixed(value: number): string {
  return value.toFixed(1);
}
