// Windows: ranges of numbers that one zooms and moves in, down to where float64 ends.

/** The value, or the nearest in a range. */
export function within(value, [low, high]) {
  return Math.min(high, Math.max(low, value));
}

/** A value with no more digits than a window of some width can tell, so that it can be read and typed. */
export function legible(value, [low, high], digits = 3.5) {
  return Number(value.toFixed(Math.max(0, Math.min(17, Math.ceil(digits - Math.log10(high - low))))));
}

/** The range, or one about its middle that is at least so wide. */
export function widened([low, high], least) {
  if (high - low >= least) return [low, high];
  const middle = (low + high) / 2;
  return [middle - least / 2, middle + least / 2];
}

/** The range zoomed by a factor about a place in it, at least so wide, and within limits. */
export function zoomed(range, place, factor, { least, limits }) {
  const about = within(place, range);
  const next = widened(
    range.map((x) => about + (x - about) * factor),
    least,
  );
  return [Math.max(limits[0], next[0]), Math.min(limits[1], next[1])];
}

/** The range moved by a distance, as far as the limits allow. */
export function shifted([low, high], distance, limits = [-Infinity, Infinity]) {
  const step = Math.max(limits[0] - low, Math.min(limits[1] - high, distance));
  return [low + step, high + step];
}
