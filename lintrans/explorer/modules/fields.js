// What the state of the explorer consists of: all of it is in the link.

import {
  choiceField,
  flagField,
  integerField,
  listField,
  numberField,
  optionalListField,
} from "../../pages/modules/state.js";
import { STOPS } from "./tour.js";

export const MU_LIMITS = [1e-6, 4];
export const START_LIMITS = [-100, 100];
export const FULL_MU = [0.6, 2.08];
export const FULL_PLANE = [-2.6, 2.6, -2.6, 2.6];
export const LEAST_WIDTH = 1e-12; // of a window: beyond, float64 has too few numbers for the pixels
const MAX_STEPS = 5000;
export const SCHEDULE_STEPS = 100;
export const SCHEDULE_TOP = 1.5;

const MAX_PLANE = 1000;
const isRange = ([low, high]) => high - low >= LEAST_WIDTH * 0.99;
const isMuWindow = (list) => list.length === 2 && isRange(list) && list[0] > 0 && list[1] <= MU_LIMITS[1];
const isSpan = ([low, high]) => isRange([low, high]) && Math.max(-low, high) <= MAX_PLANE;
const isPlane = (list) => list.length === 4 && isSpan(list) && isSpan(list.slice(2));
const isSchedule = (list) => list.length <= 1000 && list.every((x) => x >= 0 && x <= SCHEDULE_TOP);
const quiet = { quiet: true };

/** Fields of the state; the data bring mu, the start, and whether there are learning rates. */
export function fieldsOf({ start, prompt }) {
  return {
    mu: numberField(start.mu, ...MU_LIMITS),
    u: numberField(start.u, ...START_LIMITS),
    v: numberField(start.v, ...START_LIMITS),
    // orbit diagram
    window: listField(covering(FULL_MU, start.mu), isMuWindow),
    heights: optionalListField(null, (list) => list.length === 2 && isRange(list)),
    quantity: choiceField("uv", ["uv", "a", "loss"]),
    from: choiceField(prompt ? "start" : "probe", ["probe", "start"]),
    rates: flagField(prompt !== undefined),
    // plane of starts
    plane: listField(FULL_PLANE, isPlane),
    show: choiceField("auto", ["auto", "regime", "steps", "sharpness", "branch"]),
    // training
    steps: integerField(80, 1, MAX_STEPS),
    t: integerField(0, 0, MAX_STEPS, quiet),
    speed: numberField(6, 0.5, 240, quiet),
    trail: integerField(40, 0, MAX_STEPS, quiet),
    ellipse: flagField(false),
    // variants
    decay: numberField(0, 0, 2),
    momentum: numberField(0, 0, 0.99),
    schedule: optionalListField(null, isSchedule),
    batch: integerField(0, 0, 1024),
    spread: numberField(0.3, 0, 1.5),
    noise: numberField(0.1, 0, 3),
    seed: integerField(0, 0, 1e9),
    // page
    tour: integerField(-1, -1, STOPS.length - 1),
    theme: choiceField("auto", ["auto", "light", "dark"], quiet),
  };
}

/** A window of mu that has a value in it, with some room. */
function covering([low, high], mu) {
  const room = 0.05 * (high - low);
  if (mu >= low && mu <= high) return [low, high];
  return mu < low ? [Math.max(mu / 2, mu - room), high] : [low, Math.min(MU_LIMITS[1], mu + room)];
}

/** Values that go together: a window that shows the cursor, batches without what they exclude. */
export function normalize(values, names) {
  const isMoved = names.includes("mu") && !names.includes("window");
  const window = isMoved ? covering(values.window, values.mu) : values.window;
  return withBatches({ ...values, window }, names);
}

/** Mini-batches go with a schedule of at most 1, and neither with weight decay nor with momentum. */
function withBatches(values, names) {
  if (values.batch === 0) return values;
  const chosen = ["decay", "momentum"].some((name) => names.includes(name) && values[name] > 0);
  if (chosen && !names.includes("batch")) return { ...values, batch: 0 };
  const schedule = values.schedule && values.schedule.map((factor) => Math.min(1, factor));
  return { ...values, decay: 0, momentum: 0, schedule };
}
