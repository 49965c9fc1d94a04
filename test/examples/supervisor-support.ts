import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { UnixSocket } from "../../src/mechanisms/unix-socket/unix-socket.js";
import { type Client, createClient } from "../../src/rpc/index.js";
import type { Control } from "../../examples/supervisor/control.js";
import { compiled, type Peer, startProgram } from "../support/child.js";

const MOST_WAIT = 30_000;
const places: Place[] = [];

afterEach(async () => {
  for (const place of places.splice(0)) await place.remove();
});

export interface LogEntry {
  readonly msg: string;
  readonly [detail: string]: unknown;
}

/** A folder for one supervisor after the other, and all that there is of it. */
export class Place {
  readonly mark = randomUUID();
  readonly supervisors: Supervisor[] = [];
  readonly run: string;
  readonly logs: string;
  readonly configuration: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "sluice-supervisor-"));

  constructor() {
    chmodSync(this.#folder, 0o755); // others may look in, to reach the sockets
    this.run = join(this.#folder, "run");
    this.logs = this.#folder;
    this.configuration = join(this.#folder, "config.json");
    places.push(this);
  }

  /** Writes a configuration in which root, or who runs this, may do all, and everybody may look. */
  configure(programs: Readonly<Record<string, object>>): void {
    const marked = Object.entries(programs).map(([name, program]) => [
      name,
      Object.assign({ env: { SUPERVISOR_TEST: this.mark } }, program),
    ]);
    const access = {
      roles: { admin: { uids: [process.geteuid?.() ?? 0] }, viewer: { anyone: true } },
      rules: [
        { allow: "admin", methods: ["*"], topics: ["*"] },
        { allow: "viewer", methods: ["status", "why"], topics: ["logs.open"] },
      ],
    };
    writeFileSync(
      this.configuration,
      JSON.stringify({ programs: Object.fromEntries(marked) as object, access }),
    );
  }

  /** The processes of programs that run here, whoever started them. */
  processes(): number[] {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => {
        if (!Number.isInteger(pid)) return false;
        try {
          return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`SUPERVISOR_TEST=${this.mark}`);
        } catch (error) {
          if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
            return false;
          throw error;
        }
      });
  }

  async connect(): Promise<Client<Control>> {
    const channel = await UnixSocket.connect(join(this.run, "control.sock"), { timeout: MOST_WAIT });
    return createClient<Control>(channel, { timeout: MOST_WAIT });
  }

  /** After a test that has failed there may be more than the folder. */
  async remove(): Promise<void> {
    for (const supervisor of this.supervisors) await supervisor[Symbol.asyncDispose]();
    for (const pid of this.processes()) process.kill(pid, "SIGKILL");
    // A supervisor that was killed leaves its counters to the next one, and there is none.
    const state = join(this.run, "state.json");
    if (existsSync(state)) {
      const { counters } = JSON.parse(readFileSync(state, "utf8")) as { counters: string };
      rmSync(join("/dev/shm", counters), { force: true });
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A supervisor that runs, and what it logs. */
export class Supervisor implements AsyncDisposable {
  readonly peer: Peer;
  readonly log: LogEntry[] = [];
  #taken = 0;
  #ended = false;
  #told: () => void = () => undefined;

  private constructor(place: Place) {
    place.supervisors.push(this);
    // Its log is read to the end all the time: who does not read it must not slow it down.
    const command = 'exec "$0" "$@" 2>&1';
    const program = compiled("examples/supervisor/supervisor.ts");
    this.peer = startProgram("sh", ["-c", command, process.execPath, program, place.configuration], {
      env: { RUNTIME_DIRECTORY: place.run, LOGS_DIRECTORY: place.logs },
    });
    void this.#read();
  }

  static async start(place: Place): Promise<Supervisor> {
    const supervisor = new Supervisor(place);
    await supervisor.heard("started");
    return supervisor;
  }

  /** Waits for a message, after the last one that was waited for. */
  async heard(message: string): Promise<LogEntry> {
    const end = performance.now() + MOST_WAIT;
    for (;;) {
      while (this.#taken < this.log.length) {
        const entry = this.log[this.#taken++]!;
        if (entry.msg === message) return entry;
      }
      const rest = end - performance.now();
      if (this.#ended || rest <= 0)
        throw new Error(`it did not say "${message}": ${JSON.stringify(this.log.slice(-10))}`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#told = resolve;
        timer = setTimeout(resolve, rest);
      });
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.peer[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    for await (const line of this.peer.lines) {
      this.log.push(line.startsWith("{") ? (JSON.parse(line) as LogEntry) : { msg: line });
      this.#told();
    }
    this.#ended = true;
    this.#told();
  }
}

/** Segments of shared memory that a supervisor has made. */
export function segments(name: string): string[] {
  return readdirSync("/dev/shm").filter((segment) => `/${segment}` === name);
}
