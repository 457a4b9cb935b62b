// Run by `node --test` in the folder that test_map_golden.py makes: the modules, and the golden numbers beside them.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";

if (existsSync("golden.json")) {
  const { decode } = await import("./lintrans/pages/modules/arrays.js");
  const { checkAll } = await import("./tests/explorer/checks.js");
  const golden = decode(JSON.parse(readFileSync("golden.json", "utf8")));
  for (const { name, n, maxUlp } of checkAll(golden)) {
    test(`${name}: ${n} numbers`, () => assert.equal(maxUlp, 0));
  }
} else {
  test("golden numbers", { skip: "pytest tests/explorer/test_map_golden.py puts them here, and runs this" }, () => {});
}
