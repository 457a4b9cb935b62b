// Training in the browser: its settings, its buttons, and how fast it goes.

import { button, fieldChoice, fieldNumber } from "../../../pages/modules/controls.js";
import { h, put, say } from "../../../pages/modules/dom.js";
import { icon } from "../../../pages/modules/icons.js";
import { NORMS, SETTINGS } from "../fields.js";

const NORM_WORDS = "z over its root mean square, the same smoothed near 0, or none";

/** A part. */
export class Training {
  constructor(session) {
    this.session = session;
    const { live } = session;
    const isBusy = () => live.isRunning || live.isWaiting;
    this.train = button("", () => live.toggle(), {
      kind: "main play",
      title: "Train on from the weights that are shown, here in the browser",
      pressed: isBusy,
    });
    this.train.el.removeAttribute("aria-label");
    this.rewind = button("Rewind", () => live.rewind(), {
      title: "Rewind: back to the recorded run at this epoch. The same settings train the same again",
      disabled: () => !live.isOn,
    });
    this.reset = button("Undo edits", () => session.set({ edits: null }), {
      title: "Undo edits: the weights of the recorded run again, without those set by hand",
      disabled: () => !session.isEdited,
    });
    this.usual = button("As recorded", () => this.useRecorded(), {
      title: "As recorded: the settings that the recorded run was trained with",
      disabled: () => SETTINGS.every((name) => Object.is(session.state[name], session.store.base[name])),
    });
    this.note = h("span", { class: "speed" });
    this.fields = this.controls();
    this.parts = [this.train, this.rewind, this.reset, this.usual, ...this.fields];
    const buttons = [this.train.el, this.rewind.el, this.reset.el];
    const settings = this.fields.map((field) => field.el);
    this.el = h(
      "section",
      { class: "training", "aria-label": "Training here" },
      h("span", { class: "row" }, buttons, settings, this.usual.el, this.note),
    );
  }

  controls() {
    const { session } = this;
    const number = (name, label, title) => {
      const box = fieldNumber(session, name, title);
      return { el: h("label", { class: "row", title }, label, box.el), update: box.update };
    };
    const norms = NORMS.map((name) => [name, name]);
    const norm = (name, label, title) => {
      const field = fieldChoice(session, name, label, norms);
      field.el.title = title;
      return field;
    };
    const optimizers = [
      ["adam", "Adam"],
      ["sgd", "SGD"],
    ];
    const choices = [
      fieldChoice(session, "optimizer", "Optimiser", optimizers, { hidden: true }),
      norm("attentionNorm", "norm z", `Norm before attention: ${NORM_WORDS}`),
      norm("feedForwardNorm", "norm ξ", `Norm before the feed-forward network: ${NORM_WORDS}`),
    ];
    return [
      number("rate", "η", "learning rate"),
      number("batch", "batch", "sequences in a batch"),
      ...choices,
      number("clip", "clip", "largest norm of the gradient; 0 never clips"),
      number("decay", "decay", "weight decay"),
    ];
  }

  useRecorded() {
    const { base } = this.session.store;
    this.session.set(Object.fromEntries(SETTINGS.map((name) => [name, base[name]])));
  }

  update() {
    this.parts.forEach((part) => part.update());
    this.trained();
  }

  tick() {
    this.trained();
  }

  trained() {
    const { live, epoch } = this.session;
    const isBusy = live.isRunning || live.isWaiting;
    const name = isBusy ? "pause" : "play";
    put(this.train.el, icon(name), isBusy ? " Stop training" : " Train from here");
    [this.train, this.rewind, this.reset].forEach((part) => part.update());
    if (live.isWaiting) say(this.note, `finding the exact state of epoch ${epoch} …`);
    else if (live.state === null) say(this.note, "");
    else say(this.note, this.words());
  }

  words() {
    const { live, run } = this.session;
    const { step } = live.state;
    const at = `step ${step}, epoch ${(step / run.perEpoch).toFixed(1)}`;
    return live.isRunning && live.speed > 0 ? `${at}, ${Math.round(live.speed)} steps/s` : at;
  }
}
