// Random numbers from a counter: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011).
// What is drawn depends on nothing but the counter and the key.

const ROUNDS = 10;

/** High word of the product of a word x with the word whose halves are `upper` and `lower`. */
function high(x, upper, lower) {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const middle = (Math.imul(xHigh, lower) + (Math.imul(xLow, lower) >>> 16)) | 0;
  const other = (Math.imul(xLow, upper) + (middle & 0xffff)) | 0;
  return (Math.imul(xHigh, upper) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** Write four random words of 32 bits, from a counter of four and a key of two, into words[at ..]. */
export function philox(x0, x1, x2, x3, key0, key1, words, at) {
  let a = x0 | 0;
  let b = x1 | 0;
  let c = x2 | 0;
  let d = x3 | 0;
  let k = key0 | 0;
  let l = key1 | 0;
  for (let round = 0; round < ROUNDS; round++) {
    // multipliers d2511f53, cd9e8d57
    const newA = high(c, 0xcd9e, 0x8d57) ^ b ^ k;
    const newC = high(a, 0xd251, 0x1f53) ^ d ^ l;
    b = Math.imul(c, 0xcd9e8d57);
    d = Math.imul(a, 0xd2511f53);
    a = newA;
    c = newC;
    k = (k + 0x9e3779b9) | 0;
    l = (l + 0xbb67ae85) | 0;
  }
  words[at] = a;
  words[at + 1] = b;
  words[at + 2] = c;
  words[at + 3] = d;
}

/** Low and high word of a non-negative integer below 2^53. */
export function wordsOf(n) {
  return [n >>> 0, Math.floor(n / 4294967296) >>> 0];
}
