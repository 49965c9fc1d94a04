// The second process of the smoke test: takes orders, one mechanism at a time, and tells how it fared.
import { FAILED, judge, linesOf, type Order } from "./trial.js";
import { trials } from "./trials.js";

const TIMEOUT = 60_000;
const nextLine = linesOf(process.stdin);
console.log("up");
for (;;) {
  const line = await nextLine();
  if (line === "end") break;
  await obey(JSON.parse(line) as Order);
}
// Nothing of a channel may keep the process alive: only the pipe from the first one is let go.
process.stdin.destroy();

async function obey({ name, folder, messages, descriptors }: Order): Promise<void> {
  const trial = trials.find((candidate) => candidate.name === name);
  if (trial === undefined) throw new Error(`there is no trial ${name}`);
  const giveUp = new AbortController();
  let told = false;
  const tell = (text: string): void => {
    told = true;
    console.log(`ready ${text}`);
  };
  const ready = (text = ""): Promise<string> => {
    tell(text);
    return Promise.resolve(text);
  };
  let decide: (goesOn: boolean) => void;
  const decided = new Promise<boolean>((resolve) => (decide = resolve));
  const goOn = async (): Promise<void> => {
    if (!(await decided)) throw new Error("the first process did not go on");
  };
  const wait = { signal: giveUp.signal, timeout: TIMEOUT };
  const verdict = judge(() => trial.second({ folder, messages, wait, ready, goOn }), descriptors).then(
    (judged) => {
      if (!told) tell(FAILED);
      return judged;
    },
  );
  await endOfFirst();
  console.log(JSON.stringify(await verdict));

  /** The first process says "over" when its side has ended; "stop" when that failed, and nobody will come any more. */
  async function endOfFirst(): Promise<void> {
    for (;;) {
      const line = await nextLine();
      decide(line === "go on");
      if (line === "stop") giveUp.abort();
      if (line === "stop" || line === "over") return;
    }
  }
}
