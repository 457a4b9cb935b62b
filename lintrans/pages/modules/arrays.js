// Arrays as they travel in the data of a page, {dtype, shape, base64}, little-endian; and evenly spaced ones.

const TYPES = {
  float64: Float64Array,
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
};

/** The data with every encoded array replaced by a typed array, which has its `shape` as a property. */
export function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.base64 === "string") return toArray(value);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, decode(item)]));
}

function toArray({ dtype, shape, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const array = new TYPES[dtype](bytes.buffer);
  array.shape = shape;
  return array;
}

/** Numbers from low to high as `numpy.linspace` has them, to the bit. */
export function linspace(low, high, n) {
  const values = new Float64Array(n);
  const step = (high - low) / (n - 1);
  for (let i = 0; i < n; i += 1) values[i] = i * step + low;
  if (n > 0) values[n - 1] = n > 1 ? high : low;
  return values;
}
