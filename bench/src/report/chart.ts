// One chart a workload: horizontal bars on a logarithmic scale, since the slowest and the fastest are a thousandfold apart.
import type { Kind } from "../runner/contestants.js";

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly kind: Kind;
  readonly value: number;
  /** The value in words, written behind the bar. */
  readonly text: string;
}

const WIDTH = 900;
/** Left of the rest, for the longest labels. */
const MARGIN = 40;
const LABEL_WIDTH = 330;
const VALUE_WIDTH = 90;
const ROW = 20;
const TOP = 64;
const BOTTOM = 16;
const colours: Readonly<Record<Kind, string>> = { sluice: "#1769aa", c: "#8a8f98", node: "#c77b30" };
const kinds: Readonly<Record<Kind, string>> = {
  sluice: "sluice",
  c: "C, the limit",
  node: "in Node today",
};

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** An SVG with one bar for each value, in the given order. */
export function drawChart(title: string, direction: string, bars: readonly Bar[]): string {
  const values = bars.map(({ value }) => value);
  const low = Math.floor(Math.log10(Math.min(...values)) - 0.05);
  const high = Math.ceil(Math.log10(Math.max(...values)) + 0.05);
  const plot = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const at = (value: number): number => LABEL_WIDTH + ((Math.log10(value) - low) / (high - low)) * plot;
  const height = TOP + bars.length * ROW + BOTTOM;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} 0 ${MARGIN + WIDTH} ${height}" width="${MARGIN + WIDTH}" height="${height}" ` +
      `role="img" aria-label="${escape(title)}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect x="${-MARGIN}" width="${MARGIN + WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="${12 - MARGIN}" y="22" font-size="15" font-weight="600" fill="#1b1f24">${escape(title)}</text>`,
    `<text x="${12 - MARGIN}" y="42" fill="#57606a">${escape(direction)}, logarithmic scale</text>`,
    ...legend(),
  ];
  for (let power = low; power <= high; power++) {
    const x = at(10 ** power).toFixed(1);
    lines.push(`<line x1="${x}" y1="${TOP - 6}" x2="${x}" y2="${height - BOTTOM}" stroke="#e3e6ea"/>`);
  }
  bars.forEach(({ label, kind, value, text }, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(1, at(value) - LABEL_WIDTH);
    const weight = kind === "sluice" ? ' font-weight="600"' : "";
    lines.push(
      `<text x="${LABEL_WIDTH - 8}" y="${y + 13}" text-anchor="end" fill="#1b1f24"${weight}>${escape(label)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 6}" fill="${colours[kind]}"/>`,
      `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${y + 13}" fill="#1b1f24">${escape(text)}</text>`,
    );
  });
  return `${[...lines, "</svg>"].join("\n")}\n`;
}

function legend(): string[] {
  return (Object.keys(kinds) as Kind[]).flatMap((kind, index) => {
    const x = WIDTH - 330 + index * 110;
    return [
      `<rect x="${x}" y="12" width="12" height="12" fill="${colours[kind]}"/>`,
      `<text x="${x + 17}" y="22" fill="#1b1f24">${escape(kinds[kind])}</text>`,
    ];
  });
}
