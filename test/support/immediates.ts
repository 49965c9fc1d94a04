/** How many callbacks of setImmediate keep this process alive. */
export function immediates(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === "Immediate").length;
}
