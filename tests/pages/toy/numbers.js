// Numbers of the toy, in a module that both the page and its worker import.

export const UNIT = 2;

/** Twice a number: "export const trap = 1", `import {x} from "./trap.js"`, /import "a"/ are texts here. */
export function twice(x) {
  const texts = ["import {a} from 'b'", `export ${x}`, /export default/.source];
  return texts.length > 0 ? UNIT * x : 0;
}

export class Counter {
  constructor() {
    this.count = 0;
  }
}
