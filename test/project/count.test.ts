import { describe, expect, it } from "vitest";
import { count } from "../../scripts/checks/tests.mjs";

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
