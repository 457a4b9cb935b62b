// A page that hands the parts of the kit to the tests.

import { Frame, rangeOf } from "../../lintrans/pages/modules/axes.js";
import { toCsv, toSvg } from "../../lintrans/pages/modules/export.js";
import { Pool } from "../../lintrans/pages/modules/pool.js";
import { linearTicks, Scale, short } from "../../lintrans/pages/modules/scales.js";
import { fromFragment, toFragment } from "../../lintrans/pages/modules/link.js";
import {
  choiceField,
  flagField,
  integerField,
  numberField,
  optionalListField,
  Store,
} from "../../lintrans/pages/modules/state.js";

export function render({ model, el }) {
  const fields = {
    x: numberField(1, 0, 10),
    kind: choiceField("one", ["one", "two"]),
    on: flagField(false),
    list: optionalListField(null, (list) => list.length === 2),
    n: integerField(3, 0, 9),
    theme: choiceField("auto", ["auto", "dark"], { quiet: true }),
  };
  el.page = { Frame, rangeOf, toCsv, toSvg, Pool, linearTicks, Scale, short, fromFragment, toFragment };
  el.page.store = new Store(fields, model, (values) =>
    values.on && values.kind === "two" ? { ...values, on: false } : values,
  );
  el.page.worker = model.get("worker");
}
