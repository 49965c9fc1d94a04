import { broadcastRoles } from "./broadcast.js";
import { daemonRoles } from "./daemon.js";
import { lockRoles } from "./locks.js";
import { pipeRoles } from "./pipes.js";
import { placeRoles } from "./places.js";
import type { Role } from "./plan.js";
import { queueRoles } from "./queues.js";
import { ringRoles } from "./ring.js";

/** Every part that a victim can play, by its name. */
export const roles: Readonly<Record<string, Role>> = {
  ...ringRoles,
  ...broadcastRoles,
  ...lockRoles,
  ...placeRoles,
  ...queueRoles,
  ...pipeRoles,
  ...daemonRoles,
};
