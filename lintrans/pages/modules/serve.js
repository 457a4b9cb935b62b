// The worker's side of a pool: it is asked {kind, args} and answers {value, isLast} or {error, isLast}.

/**
 * Compute what is asked for with the functions of `kinds`, by name. A generator tells what it yields on its
 * way, and what it returns at the end; it stops there if nobody listens any more.
 */
export function serve(kinds) {
  let isCancelled = false;
  const tell = (value, isLast) => self.postMessage({ value, isLast }, buffersOf(value));
  const fail = (kind, error) => self.postMessage({ error: `${kind}: ${error.message}`, isLast: true });

  const goOn = (kind, job) => {
    try {
      const { value, done } = isCancelled ? job.return() : job.next();
      tell(value, done);
      if (!done) setTimeout(() => goOn(kind, job)); // between two words a cancellation is heard
    } catch (error) {
      fail(kind, error);
    }
  };

  self.onmessage = ({ data: { kind, args, cancel } }) => {
    isCancelled = cancel === true;
    if (isCancelled) return;
    try {
      if (!Object.hasOwn(kinds, kind)) throw new RangeError("nothing is computed under this name");
      const found = kinds[kind](args);
      if (typeof found?.next === "function") goOn(kind, found);
      else tell(found, true);
    } catch (error) {
      fail(kind, error);
    }
  };
}

/** The buffers of all typed arrays in a value, at any depth: they are handed over, not copied. */
function buffersOf(value, found = new Set()) {
  if (ArrayBuffer.isView(value)) found.add(value.buffer);
  else if (value !== null && typeof value === "object") {
    for (const item of Object.values(value)) buffersOf(item, found);
  }
  return [...found];
}
