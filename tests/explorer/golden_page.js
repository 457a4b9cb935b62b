// A page that compares the map with the golden numbers in the browser that shows it.

import { decode } from "../../lintrans/pages/modules/arrays.js";
import { checkAll } from "./checks.js";

export function render({ model, el }) {
  el.page = checkAll(decode(model.get("data")));
}
