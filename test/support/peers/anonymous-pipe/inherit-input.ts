// A pipeline whose first stage reads the standard input of this process.
import { AnonymousPipe, lines, text } from "sluice";

const options = { input: "inherit", framing: lines(), codec: text() } as const;
for await (const line of AnonymousPipe.pipeline([["cat"], ["tr", "a-z", "A-Z"]], options).output)
  console.log(line);
