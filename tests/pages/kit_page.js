// A page that hands the parts of the kit to the tests.

import { Frame, rangeOf } from "../../lintrans/pages/modules/axes.js";
import { toCsv, toSvg } from "../../lintrans/pages/modules/export.js";
import { Pool } from "../../lintrans/pages/modules/pool.js";
import { linearTicks, Scale, short } from "../../lintrans/pages/modules/scales.js";
import { fromFragment, toFragment } from "../../lintrans/pages/modules/start.js";
import { choiceField, flagField, listField, numberField, Store } from "../../lintrans/pages/modules/state.js";

export function render({ model, el }) {
  const fields = {
    x: numberField(1, 0, 10),
    kind: choiceField("one", ["one", "two"]),
    on: flagField(false),
    list: listField(null, (list) => list.length === 2),
  };
  el.page = { Frame, rangeOf, toCsv, toSvg, Pool, linearTicks, Scale, short, fromFragment, toFragment };
  el.page.store = new Store(fields, model);
  el.page.worker = model.get("worker");
}
