// The sequences that are shown: all of the population, or a sample, with their labels and how they count.

/** Sequences {tokens (n, L), n, labels, classes, classNames, nClasses} of a task. */
export function sequencesOf({ p, length, positions }, given, network) {
  const tokens = given === null ? allSequences(p, length) : Uint8Array.from(given);
  const counts = countsOf(tokens, { p, length, positions });
  return { tokens, n: tokens.length / length, labels: network.labels(tokens), ...counts };
}

/** Every stride-th of them. */
export function thinned({ tokens, n, labels, classes, ...rest }, length, stride) {
  const kept = Array.from({ length: Math.ceil(n / stride) }, (_, i) => i * stride);
  const part = kept.flatMap((i) => Array.from(tokens.subarray(i * length, (i + 1) * length)));
  const of = (array) => array.constructor.from(kept, (i) => array[i]);
  return { ...rest, tokens: Uint8Array.from(part), n: kept.length, labels: of(labels), classes: of(classes) };
}

/** All p^L sequences, the token at position 0 changing fastest. */
function allSequences(p, length) {
  const n = p ** length;
  const tokens = new Uint8Array(n * length);
  for (let i = 0; i < n; i += 1) {
    for (let t = 0, rest = i; t < length; t += 1, rest = Math.floor(rest / p))
      tokens[i * length + t] = rest % p;
  }
  return tokens;
}

/** Class of each sequence: how often each token stands at the summed positions. Ordered by the sum of tokens. */
function countsOf(tokens, { p, length, positions }) {
  const n = tokens.length / length;
  const found = Array.from({ length: n }, (_, i) => {
    const counts = new Array(p).fill(0);
    for (const t of positions) counts[tokens[i * length + t]] += 1;
    return counts.join(" ");
  });
  const sum = (name) => name.split(" ").reduce((total, count, x) => total + x * Number(count), 0);
  const classNames = [...new Set(found)].sort(
    (one, other) => sum(one) - sum(other) || (one < other ? 1 : -1),
  );
  const number = new Map(classNames.map((name, i) => [name, i]));
  return {
    classes: Uint16Array.from(found, (name) => number.get(name)),
    classNames,
    nClasses: classNames.length,
  };
}
