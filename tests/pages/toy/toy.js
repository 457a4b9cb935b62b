// A page that shows what it was given, and what its worker answers.

import {
  twice as double,
  UNIT,
} from "./numbers.js";
import { decode } from "../../../lintrans/pages/modules/arrays.js";

export function render({ model, el }) {
  const data = decode(model.get("data"));
  const worker = new Worker(URL.createObjectURL(new Blob([model.get("worker")])));
  const shown = document.createElement("p");
  el.append(shown);
  worker.onmessage = (event) => {
    shown.id = "answer";
    shown.textContent = JSON.stringify({
      answer: event.data,
      double: double(UNIT),
      text: data.text,
      numbers: Array.from(data.numbers, String),
      shape: data.numbers.shape,
      state: { ...model.get("base"), ...model.get("state") },
      color: getComputedStyle(shown).color,
    });
  };
  worker.postMessage(21);
}
