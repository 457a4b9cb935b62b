// What the state of the explorer consists of: all of it is in the link.

import { choiceField, flagField, listField, numberField } from "../../pages/modules/state.js";

export const MU_LIMITS = [1e-6, 4];
export const START_LIMITS = [-100, 100];
export const FULL_MU = [0.6, 2.08];
export const FULL_PLANE = [-2.6, 2.6, -2.6, 2.6];
export const LEAST_WIDTH = 1e-12; // of a window: beyond, float64 has too few numbers for the pixels
export const MAX_STEPS = 5000;
export const SCHEDULE_STEPS = 100;

const isWindow = ([low, high]) => high - low >= LEAST_WIDTH * 0.99;
const isMuWindow = (list) => list.length === 2 && list[0] > 0 && isWindow(list);
const isPlane = (list) => list.length === 4 && isWindow(list) && isWindow(list.slice(2));
const isSchedule = (list) => list.length <= 1000 && list.every((x) => x >= 0 && x <= 10);

/** Fields of the store; a prompt brings its own mu, start and unit of learning rates. */
export function fieldsOf({ mu, u, v, hasPrompt }) {
  return {
    mu: numberField(mu, ...MU_LIMITS),
    u: numberField(u, ...START_LIMITS),
    v: numberField(v, ...START_LIMITS),
    // orbit diagram
    window: listField(FULL_MU, isMuWindow),
    heights: listField(null, (list) => list.length === 2 && isWindow(list)),
    quantity: choiceField("uv", ["uv", "a", "loss"]),
    from: choiceField(hasPrompt ? "start" : "probe", ["probe", "start"]),
    rates: flagField(hasPrompt),
    // plane of starts
    plane: listField(FULL_PLANE, isPlane),
    show: choiceField("auto", ["auto", "regime", "steps", "sharpness", "branch"]),
    // training
    steps: numberField(200, 1, MAX_STEPS),
    t: numberField(0, 0, MAX_STEPS),
    speed: numberField(6, 0.5, 240),
    trail: numberField(40, 0, MAX_STEPS),
    ellipse: flagField(false),
    // variants
    decay: numberField(0, 0, 2),
    momentum: numberField(0, 0, 0.99),
    schedule: listField(null, isSchedule),
    batch: numberField(0, 0, 1024),
    spread: numberField(0.3, 0, 1.5),
    noise: numberField(0.1, 0, 3),
    seed: numberField(0, 0, 2 ** 31),
    // page
    tour: numberField(-1, -1, 8),
    theme: choiceField("auto", ["auto", "light", "dark"]),
  };
}
