import { NamedPipe } from "sluice";
import type { Contestant, Meeting } from "../sides/contestant.js";
import { type Carrier, each, many } from "./sluice.js";

const pathOf = ({ folder }: Meeting, index: number): string => `${folder}/pipe${index}`;

const contestant: Contestant<Carrier> = {
  guest: "process",
  async listen(meeting) {
    const opened: Promise<unknown>[] = [];
    for (let index = 0; index < meeting.guests; index++) {
      const path = pathOf(meeting, index);
      if (meeting.twoWay) {
        opened.push(NamedPipe.openDuplex(path, { side: "a" }));
      } else {
        await NamedPipe.create(path);
        opened.push(NamedPipe.openReader(path));
      }
    }
    // The senders never receive, the receivers never send: one type serves both.
    return { accept: () => Promise.all(opened) as Promise<Carrier[]> };
  },
  connect(meeting) {
    const path = pathOf(meeting, meeting.index);
    const opened: Promise<unknown> = meeting.twoWay
      ? NamedPipe.openDuplex(path, { side: "b" })
      : NamedPipe.openWriter(path);
    return opened as Promise<Carrier>;
  },
  styles: { each, many },
};

export default contestant;
