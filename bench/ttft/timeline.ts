/**
 * A picture of the loop, drawn from a trace: what the host, the device and the callers do at the same time, in the plain
 * loop and in the overlap loop with early first tokens, and the moment of the first token from near.
 *
 * @module
 */
import type { StepReport } from "../../mod.ts";
import { MODES, scriptedDevice } from "./devices.ts";
import { firstTokenKnown, type TracedRun, traceRun } from "./trace_run.ts";

/** Traces of which the least disturbed one is drawn. */
const ATTEMPTS = 40;

/** Milliseconds that are drawn, from before the arrival on. */
const SPAN = { from: -5, to: 27 } as const;

/** Milliseconds around the first token. */
const NEAR = { before: 0.5, after: 1.5 } as const;

const [WIDTH, LEFT, RIGHT, LANE, LANE_GAP] = [960, 84, 20, 26, 8] as const;

/** Where a stretch of time is drawn. */
interface Band {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  /** Whether pieces are wide enough for words. */
  readonly isNear: boolean;
}

/** A piece of work on a lane. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly kind:
    | "launch"
    | "sampling"
    | "wait"
    | "first"
    | "process"
    | "between"
    | "hold"
    | "forward"
    | "prefill"
    | "sample";
  readonly label: string;
}

/** Trace both loops on the scripted device and draw them. */
export async function drawTimeline(): Promise<string> {
  using device = scriptedDevice(false);
  const plain = await traceRun(device, MODES[0]!, ATTEMPTS);
  const early = await traceRun(device, MODES.at(-1)!, ATTEMPTS);
  return drawRuns(plain, early);
}

/**
 * Draw two runs, one above the other.
 *
 * @param plain Of the plain loop.
 * @param early Of the overlap loop with early first tokens.
 * @returns An SVG document.
 */
export function drawRuns(plain: TracedRun, early: TracedRun): string {
  const known = firstTokenKnown(early);
  const bands: readonly { run: TracedRun; band: Band; title: string }[] = [
    { run: plain, band: { ...SPAN, top: 92, isNear: false }, title: "plain: one step at a time" },
    {
      run: early,
      band: { ...SPAN, top: 248, isNear: false },
      title: "overlap + early: each step is launched before the one before it is read",
    },
    {
      run: early,
      band: { from: known - NEAR.before, to: known + NEAR.after, top: 404, isNear: true },
      title: "the same from near: the first token leaves before anything else is done",
    },
  ];
  const height = 404 + 3 * (LANE + LANE_GAP) + 40;
  const title =
    "Host, device and callers on a time line, in the plain loop and in the overlap loop with early first tokens";
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

const COLOURS: Readonly<Record<Piece["kind"], string>> = {
  launch: "#2b6cb0",
  sampling: "#805ad5",
  wait: "#eef1f4",
  first: "#e53e3e",
  process: "#dd8a1b",
  between: "#9aa5b1",
  hold: "#dbe7f5",
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
  const entries: readonly (readonly [Piece["kind"], string, number])[] = [
    ["launch", "launch forward", 114],
    ["sampling", "launch sampling", 122],
    ["wait", "wait for the device", 136],
    ["first", "hand over first tokens", 152],
    ["process", "process", 76],
    ["between", "tell, schedule", 112],
    ["hold", "wait for arrivals", 120],
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
  const { from, to, top, isNear } = band;
  const x = (time: number) => LEFT + ((time - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const place = (time: number) => x(Math.min(to, Math.max(from, time)));
  const laneTop = (lane: number) => top + lane * (LANE + LANE_GAP);
  const bottom = laneTop(3) - LANE_GAP;
  const lines: string[] = [`  <text class="title" x="${LEFT}" y="${top - 10}">${title}</text>`];
  const unit = isNear ? 0.25 : 5;
  for (let time = Math.ceil(from / unit) * unit; time <= to; time += unit) {
    lines.push(`  <line class="grid" x1="${fixed(x(time))}" y1="${top}" x2="${fixed(x(time))}" y2="${bottom}"/>`);
    lines.push(`  <text class="axis" x="${fixed(x(time))}" y="${bottom + 15}">${Number(time.toFixed(2))} ms</text>`);
  }
  const drawPieces = (pieces: readonly Piece[], lane: number) => {
    for (const piece of pieces) {
      if (piece.to <= from || piece.from >= to) continue;
      const [left, right] = [place(piece.from), place(piece.to)];
      const width = Math.max(0.6, right - left);
      lines.push(
        `  <rect x="${fixed(left)}" y="${laneTop(lane)}" width="${fixed(width)}" height="${LANE}" fill="${
          COLOURS[piece.kind]
        }"/>`,
      );
      if (width < piece.label.length * 6.2 + 4) continue;
      const isLight = ["wait", "forward", "between", "hold"].includes(piece.kind);
      lines.push(
        `  <text class="in${isLight ? "" : " light"}" x="${fixed(left + width / 2)}" y="${
          laneTop(lane) + 17
        }">${piece.label}</text>`,
      );
    }
  };
  for (const [lane, name] of ["host", "device", "callers"].entries()) {
    lines.push(`  <text class="lane" x="${LEFT - 10}" y="${laneTop(lane) + 17}">${name}</text>`);
  }
  drawPieces(hostPieces(run.reports), 0);
  drawPieces(devicePieces(run.reports), 1);
  lines.push(`  <rect x="${LEFT}" y="${laneTop(2)}" width="${WIDTH - LEFT - RIGHT}" height="${LANE}" fill="#f5f7fa"/>`);
  for (const time of run.tokens.filter((time) => time > from && time < to)) {
    lines.push(
      `  <line x1="${fixed(x(time))}" y1="${laneTop(2) + 6}" x2="${fixed(x(time))}" y2="${
        laneTop(2) + 20
      }" stroke="#52606d"/>`,
    );
  }
  for (const [index, time] of run.arrived.entries()) {
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

/** What the executor did, and between two iterations: told of it, waited with the next launch, scheduled. */
function hostPieces(reports: readonly StepReport[]): Piece[] {
  const pieces: Piece[] = [];
  for (const [index, report] of reports.entries()) {
    const { step, start, forwardLaunched, sampling, launched, waiting, resultsAt, firstTokensSent, processing, end } =
      report;
    pieces.push(
      { from: start, to: forwardLaunched, kind: "launch", label: `launch ${step}` },
      { from: sampling, to: launched, kind: "sampling", label: `sampling ${step}` },
      { from: waiting, to: resultsAt, kind: "wait", label: `wait for ${step}` },
      { from: resultsAt, to: firstTokensSent, kind: "first", label: "first token" },
      { from: processing, to: end, kind: "process", label: `process ${step}` },
    );
    const next = reports.slice(index + 1).find((later) => later.start >= end);
    if (next !== undefined && !next.afterIdle) {
      pieces.push({ from: end, to: next.start, kind: "between", label: "tell, schedule" });
      pieces.push({ from: next.start - next.launchDelayMs, to: next.start, kind: "hold", label: `${next.step} waits` });
    }
  }
  return pieces;
}

function devicePieces(reports: readonly StepReport[]): Piece[] {
  return reports.flatMap(({ step, device, prefillTokens }): Piece[] => {
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
