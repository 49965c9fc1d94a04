// The child of the trial of AnonymousPipe: sends back what comes, until the pipe ends.
import { AnonymousPipe, json } from "sluice";
import type { Job } from "./trial.js";

await using channel = AnonymousPipe.inherit<Job, Job>({ codec: json<Job>() });
for await (const job of channel) await channel.send(job);
