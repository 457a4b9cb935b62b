// A page that compares the map with the golden numbers in the browser that shows it.

import { dataOf } from "../../lintrans/pages/modules/start.js";
import { checkAll } from "./checks.js";

export function render({ model, el }) {
  el.page = checkAll(dataOf(model));
}
