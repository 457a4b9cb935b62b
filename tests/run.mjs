// Read calls as JSON from standard input, make them, write the results: how Python calls the modules.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { decode } from "./lintrans/pages/modules/arrays.js";

const NAMES = { Float64Array: "float64", Int32Array: "int32", Uint32Array: "uint32", Uint8Array: "uint8" };
NAMES.Int8Array = "int8";

function encode(value) {
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { dtype: NAMES[value.constructor.name], base64: bytes.toString("base64") };
  }
  if (Array.isArray(value)) return value.map(encode);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, encode(item)]));
}

async function make({ module, name, args, each }) {
  const found = (await import(pathToFileURL(module)))[name];
  if (typeof found !== "function") return found;
  if (!each) return found(...args);
  return Float64Array.from(args[0], (_, i) => found(...args.map((column) => column[i])));
}

const calls = decode(JSON.parse(readFileSync(0, "utf8")));
const results = [];
for (const call of calls) results.push(encode(await make(call)));
process.stdout.write(JSON.stringify(results));
