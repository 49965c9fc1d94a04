import { record } from "../campaign.js";
import { type Explored, explore, type Model } from "./explore.js";

/** Goes through a model, and keeps the figures for docs/reliability.md. */
export function checked<Facts>(what: string, model: Model<Facts>): Explored {
  const explored = explore(model);
  record("models", what, { ...explored });
  return explored;
}
