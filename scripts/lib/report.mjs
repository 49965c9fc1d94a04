import { CommandError } from "./run.mjs";

/** Counts what passed and failed, prints a line each, and shows the output of what failed. */
export class Report {
  passed = 0;
  failed = 0;
  /** What failed, a line each: the closing lines tell of it, where a long output may have been cut. @type {string[]} */
  #failures = [];

  /**
   * Runs one step and counts it as one.
   *
   * @template T
   * @param {string} name
   * @param {() => Promise<T>} action
   * @returns {Promise<T | undefined>} what the action gave, or undefined if it failed
   */
  async step(name, action) {
    const start = performance.now();
    try {
      const result = await action();
      this.#line("✔", name, start);
      this.passed += 1;
      return result;
    } catch (error) {
      this.#line("✘", name, start);
      this.failed += 1;
      this.#failures.push(name);
      this.#explain(error);
      return undefined;
    }
  }

  /**
   * Counts the tests of a tool that counts for itself.
   *
   * @param {string} name
   * @param {() => Promise<{ passed: number, failed: number, failures: readonly string[], output: string }>} action
   */
  async tests(name, action) {
    const start = performance.now();
    try {
      const { passed, failed, failures, output } = await action();
      this.passed += passed;
      this.failed += failed;
      this.#line(
        failed === 0 ? "✔" : "✘",
        `${name}: ${String(passed)} passed, ${String(failed)} failed`,
        start,
      );
      this.#failures.push(...failures);
      if (failed > 0) console.log(output);
    } catch (error) {
      this.failed += 1;
      this.#failures.push(name);
      this.#line("✘", name, start);
      this.#explain(error);
    }
  }

  /** The closing lines: what failed, and the counts last. */
  get summary() {
    const failures = this.#failures.map((failure) => `✘ ${failure}\n`).join("");
    return `${failures}${String(this.passed)} passed, ${String(this.failed)} failed`;
  }

  /** @param {string} mark @param {string} name @param {number} start */
  #line(mark, name, start) {
    console.log(`${mark} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  }

  /** @param {unknown} error */
  #explain(error) {
    if (error instanceof CommandError) console.log(`${error.message}\n${error.output.trimEnd()}`);
    else console.log(error);
  }
}
