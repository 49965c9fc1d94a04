import path from "node:path";
import { describe, expect, it } from "vitest";
import { count, failuresOf } from "../../scripts/checks/tests.mjs";

const passedFile = { status: "passed", assertionResults: [{ status: "passed" }] };

describe("count()", () => {
  it("counts passed and failed tests", () => {
    const failedFile = { status: "failed", assertionResults: [{ status: "failed" }, { status: "passed" }] };
    const result = { numPassedTests: 2, numFailedTests: 1, numTotalTests: 3, success: false };
    expect(count({ ...result, testResults: [passedFile, failedFile] })).toEqual({ passed: 2, failed: 1 });
  });

  it("counts a test that was skipped as failed", () => {
    const result = { numPassedTests: 1, numFailedTests: 0, numTotalTests: 2, success: true };
    expect(count({ ...result, testResults: [passedFile] })).toEqual({ passed: 1, failed: 1 });
  });

  it("counts a file that could not be loaded as failed", () => {
    const result = { numPassedTests: 1, numFailedTests: 0, numTotalTests: 1, success: false };
    const broken = { status: "failed", assertionResults: [] };
    expect(count({ ...result, testResults: [passedFile, broken] })).toEqual({ passed: 1, failed: 1 });
  });

  it("counts a run that failed although every test passed as one failure", () => {
    const result = { numPassedTests: 1, numFailedTests: 0, numTotalTests: 1, success: false };
    expect(count({ ...result, testResults: [passedFile] })).toEqual({ passed: 1, failed: 1 });
  });
});

describe("failuresOf()", () => {
  it("names each test that did not pass, and each file that could not be loaded, with the beginning of the reason", () => {
    const counts = { numPassedTests: 1, numFailedTests: 1, numTotalTests: 3, success: false };
    const failedFile = {
      name: path.resolve("test/a.test.ts"),
      status: "failed",
      assertionResults: [
        { status: "failed", fullName: "a b", failureMessages: ["AssertionError: 1 is 2\n    at x", "later"] },
        { status: "passed", fullName: "a c", failureMessages: [] },
        { status: "skipped", fullName: "a d", failureMessages: [] },
      ],
    };
    const broken = {
      name: path.resolve("test/b.test.ts"),
      status: "failed",
      message: "SyntaxError: no",
      assertionResults: [],
    };
    expect(failuresOf({ ...counts, testResults: [passedFile, failedFile, broken] })).toEqual([
      "test/a.test.ts: a b: AssertionError: 1 is 2",
      "test/a.test.ts: a d: skipped",
      "test/b.test.ts: SyntaxError: no",
    ]);
  });
});
