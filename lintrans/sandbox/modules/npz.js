// NPZ files, as `numpy.load` reads them: arrays of float64 in a zip archive that is not compressed.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let x = byte;
  for (let k = 0; k < 8; k += 1) x = x & 1 ? (x >>> 1) ^ 0xedb88320 : x >>> 1;
  return x;
});
const DAY = 0x21; // 1 January 1980, the first that a zip archive knows
const ALIGNMENT = 64; // of the numbers in an array file

/** Arrays {name: {values, shape}} as the bytes of an archive. */
export function toNpz(arrays) {
  const files = Object.entries(arrays).map(([name, array]) => ({ name: `${name}.npy`, bytes: toNpy(array) }));
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const common = commonHeader(name, bytes);
    const local = joined([header("PK\x03\x04"), common, text(name), bytes]);
    entries.push(directoryEntry(name, common, offset));
    parts.push(local);
    offset += local.length;
  }
  const directory = joined(entries);
  return joined([...parts, directory, ending(entries.length, directory.length, offset)]);
}

/** One array as an NPY file, version 1.0. */
export function toNpy({ values, shape }) {
  const tuple = `(${shape.map((n) => `${n},`).join(" ")})`;
  const words = `{'descr': '<f8', 'fortran_order': False, 'shape': ${tuple}, }`;
  const room = Math.ceil((10 + words.length + 1) / ALIGNMENT) * ALIGNMENT - 10;
  const head = joined([
    Uint8Array.of(0x93),
    text("NUMPY"),
    Uint8Array.of(1, 0),
    little(room, 2),
    text(`${words.padEnd(room - 1)}\n`),
  ]);
  const numbers = Float64Array.from(values);
  return joined([head, new Uint8Array(numbers.buffer)]);
}

/** The fields that the header of a file and its entry in the directory share. */
function commonHeader(name, bytes) {
  const numbers = [
    [0, 2], // flags
    [0, 2], // stored
    [0, 2],
    [DAY, 2],
    [crc32(bytes), 4],
    [bytes.length, 4],
    [bytes.length, 4],
    [name.length, 2],
    [0, 2],
  ];
  return joined(numbers.map(([value, size]) => little(value, size)));
}

function header(signature) {
  return joined([text(signature), little(20, 2)]);
}

function directoryEntry(name, common, offset) {
  const rest = joined([little(0, 2), little(0, 2), little(0, 2), little(0, 4), little(offset, 4)]);
  return joined([text("PK\x01\x02"), little(20, 2), little(20, 2), common, rest, text(name)]);
}

function ending(n, size, offset) {
  const counts = [0, 0, n, n].map((value) => little(value, 2));
  return joined([text("PK\x05\x06"), ...counts, little(size, 4), little(offset, 4), little(0, 2)]);
}

function crc32(bytes) {
  let x = 0xffffffff;
  for (const byte of bytes) x = CRC[(x ^ byte) & 0xff] ^ (x >>> 8);
  return (x ^ 0xffffffff) >>> 0;
}

function little(value, size) {
  return Uint8Array.from({ length: size }, (_, i) => (value >>> (8 * i)) & 0xff);
}

function text(words) {
  return Uint8Array.from(words, (character) => character.charCodeAt(0));
}

function joined(parts) {
  const found = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    found.set(part, at);
    at += part.length;
  }
  return found;
}
