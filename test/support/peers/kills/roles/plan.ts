/** What a victim is told. */
export interface Plan {
  readonly role: string;
  readonly args: Arguments;
  /** At which step it dies, and at the how manieth time that it comes there; never without. */
  readonly step?: string | undefined;
  readonly nth?: number | undefined;
}

/** The names, numbers and paths that a role needs. */
export type Arguments = Readonly<Record<string, string | number>>;

/** What a role can do beside the work. */
export interface Stage {
  /** The next line that the test says. */
  nextLine(): Promise<string>;
  /** How often this process has come by a step. */
  timesAt(step: string): number;
}

/** One part in a scenario. */
export type Role = (args: Arguments, stage: Stage) => Promise<void>;

/** The argument of this name, a string. */
export function textOf(args: Arguments, name: string): string {
  const value = args[name];
  if (typeof value !== "string") throw new Error(`The plan has no ${name}`);
  return value;
}

/** The argument of this name, a number. */
export function numberOf(args: Arguments, name: string): number {
  const value = args[name];
  if (typeof value !== "number") throw new Error(`The plan has no ${name}`);
  return value;
}
