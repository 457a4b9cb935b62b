// Run by `node --test`: the golden numbers, which test_golden.py has put into golden.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { decode } from "./lintrans/pages/modules/arrays.js";
import { checkAll } from "./tests/explorer/checks.js";

const golden = decode(JSON.parse(readFileSync("golden.json", "utf8")));

for (const { name, n, maxUlp } of checkAll(golden)) {
  test(`${name}: ${n} numbers`, () => assert.equal(maxUlp, 0));
}
