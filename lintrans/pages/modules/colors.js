// Colours as numbers: [red, green, blue], each 0 to 255, and the pixels of an image.

/** Red, green and blue of "#rgb" or "#rrggbb". */
export function hexToRgb(hex) {
  const digits = hex.replace("#", "");
  const pairs = digits.length === 3 ? [...digits].map((x) => x + x) : digits.match(/../g);
  return pairs.slice(0, 3).map((pair) => parseInt(pair, 16));
}

/** A colour as the four bytes of an opaque pixel, for an Uint32Array over the data of an image. */
export function packed([red, green, blue], alpha = 255) {
  return (alpha << 24) | (blue << 16) | (green << 8) | red;
}

/** The colour mixed with a part of white. */
export function lighter(color, part) {
  return color.map((x) => x + (255 - x) * part);
}

/** Colour of a ramp, a list of colours, at a part from 0 to 1. */
export function along(ramp, part) {
  const place = part * (ramp.length - 1);
  const i = Math.min(ramp.length - 2, Math.floor(place));
  return ramp[i].map((x, k) => x + (ramp[i + 1][k] - x) * (place - i));
}

/** From dark to light through blue and green: in grey it rises evenly. */
export const RAMP = [
  [44, 68, 136],
  [38, 108, 150],
  [76, 152, 122],
  [178, 198, 92],
  [250, 236, 160],
];
