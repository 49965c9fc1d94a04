import { styleText } from "node:util";

/** What a row of the table shows; a dash where there is nothing to show. */
export interface Row {
  readonly mechanism: string;
  readonly messages?: number;
  readonly megabytesASecond?: number;
  /** In µs. */
  readonly roundTrip?: number;
  readonly verified: boolean;
}

const WIDTHS = [39, 8, 6, 14, 8] as const;
const BAR_WIDTH = 24;

/** Writes the tour to a terminal, with a bar that moves; or, without one, in plain lines. */
export class Screen {
  readonly #stream = process.stdout;
  readonly #moves: boolean;
  readonly #colours: boolean;
  #lastDrawn = 0;

  constructor() {
    const dumb = process.env["TERM"] === "dumb";
    this.#moves = this.#stream.isTTY && !dumb;
    // https://no-color.org: any value that is not empty.
    this.#colours = this.#moves && (process.env["NO_COLOR"] ?? "") === "";
  }

  line(text = ""): void {
    this.#clear();
    this.#stream.write(`${text}\n`);
  }

  head(): void {
    this.line(this.#style("bold", columns(["mechanism", "messages", "MB/s", "round trip, µs", "verified"])));
  }

  row({ mechanism, messages, megabytesASecond, roundTrip, verified }: Row): void {
    const cells = [mechanism, fixed(messages, 0), fixed(megabytesASecond, 0), fixed(roundTrip, 1)];
    const verdict = (verified ? "yes" : "NO").padStart(WIDTHS[4]);
    this.line(`${columns(cells)} ${this.#style(verified ? "green" : "red", verdict)}`);
  }

  /** Leaves the terminal as it should be found when the tour is ended from outside. */
  interrupted(signal: string): void {
    this.line(`Ended by ${signal}; everything is cleaned up.`);
  }

  /** Shows how far a transfer is, 0 to 1. At most 20 times a second: drawing must not be what is measured. */
  progress(label: string, share: number): void {
    if (!this.#moves) return;
    const now = performance.now();
    if (now - this.#lastDrawn < 50) return;
    this.#lastDrawn = now;
    const filled = Math.round(Math.min(share, 1) * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    this.#clear();
    this.#stream.write(`${label.padEnd(WIDTHS[0])} ${bar} ${String(Math.round(share * 100)).padStart(3)} %`);
  }

  #clear(): void {
    if (this.#moves) this.#stream.write("\r\u001b[2K");
  }

  #style(format: "bold" | "green" | "red", text: string): string {
    return this.#colours ? styleText(format, text) : text;
  }
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? "-" : value.toFixed(digits);
}

function columns(cells: readonly string[]): string {
  return cells
    .map((cell, index) => (index === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[index] ?? 10)))
    .join(" ");
}
