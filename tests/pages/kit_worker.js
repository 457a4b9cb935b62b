// A worker that waits, counts aloud, fails, or dies.

import { serve } from "../../lintrans/pages/modules/serve.js";

function wait({ ms, value }) {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return value;
}

function* count({ to }) {
  for (let i = 0; i < to; i += 1) yield i;
  return "done";
}

function fail() {
  throw new Error("as asked");
}

function die() {
  setTimeout(() => {
    throw new Error("dead");
  });
  return wait({ ms: 20, value: "still here" });
}

serve({ wait, count, fail, die });
