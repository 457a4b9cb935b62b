// What is pointed at, in words, and the two numbers of a weight that can be typed.

import { button, numberBox } from "../../../pages/modules/controls.js";
import { h, say } from "../../../pages/modules/dom.js";
import { short } from "../../../pages/modules/scales.js";
import { unitOf } from "./vector_views.js";
import { wordsOf } from "./clouds.js";

const LIMITS = [-1e6, 1e6];

/** A part: the card below the scrubber. */
export class Reading {
  constructor(session) {
    this.session = session;
    this.words = h("p", { class: "words", "aria-live": "off" });
    this.state = h("p", { class: "state" });
    this.fields = ["sequence", "position", "token", "unit"].map((name) => this.chooser(name));
    this.boxes = [0, 1].map((k) => this.coordinate(k));
    this.handle = h("span", { class: "handle" });
    const clear = button("Let go", () => session.keep(null), { title: "Let go: point at nothing" });
    const choose = this.fields.map(({ label, box }) => h("label", { class: "row" }, label, box.el));
    const row = h(
      "span",
      { class: "row pick" },
      choose,
      clear.el,
      this.handle,
      this.boxes.map((box) => box.el),
    );
    const told = h("div", {}, this.state, this.words);
    this.el = h("section", { class: "reading", "aria-label": "Reading" }, told, row);
  }

  /** A number that chooses what is pointed at; -1 is none. */
  chooser(name) {
    const { session } = this;
    const { low, high } = session.store.fields[name];
    const most = name === "sequence" ? session.sequences.n - 1 : high;
    const box = numberBox(`${name} that is pointed at, -1 for none`, {
      get: () => session.state[name],
      set: (x) => session.set({ [name]: x }),
      limits: [low, most],
      check: Number.isInteger,
    });
    return { label: name, box };
  }

  coordinate(k) {
    const { session } = this;
    return numberBox(`coordinate ${k + 1} of what is pointed at`, {
      get: () => Number(session.sides[0].weights[this.target().places[k]].toPrecision(4)),
      set: (value) => session.edit([[this.target().places[k], value]]),
      limits: LIMITS,
    });
  }

  /** The weights that the boxes are about: a unit's row, a position, a token, or else the query. */
  target() {
    const { held, network } = this.session;
    const places = (part, i) => [0, 1].map((k) => network.places[part][0] + 2 * i + k);
    if (held.unit >= 0) return { name: `row of unit ${held.unit}`, places: places("up", held.unit) };
    if (held.position >= 0) return { name: `P ${held.position}`, places: places("positions", held.position) };
    if (held.token >= 0) return { name: `E ${held.token}`, places: places("tokens", held.token) };
    return { name: "query", places: places("query", 0) };
  }

  update() {
    this.refresh();
    this.fields.forEach(({ box }) => box.update());
  }

  tick() {
    this.refresh();
  }

  highlight() {
    say(this.words, this.tell());
  }

  refresh() {
    say(this.handle, `${this.target().name} =`);
    this.boxes.forEach((box) => box.update());
    say(this.state, this.session.sides.map((side) => this.stateOf(side)).join("\n"));
    say(this.words, this.tell());
  }

  stateOf(side) {
    const { epoch, live, isEdited } = this.session;
    const { loss, accuracy } = side.measures;
    const isFirst = side === this.session.sides[0];
    const where =
      isFirst && live.state !== null ? `trained here to step ${live.state.step}` : `epoch ${epoch}`;
    const by = isFirst && live.state === null && isEdited ? ", weights set by hand" : "";
    const measured = `accuracy ${(100 * accuracy).toFixed(2)} %, loss ${short(loss, 3)}`;
    return `${side.name} (${side.run.label}), ${where}${by}: ${measured}`;
  }

  /** What is pointed at. */
  tell() {
    const { pick, sides, sequences } = this.session;
    if (pick.sequence >= 0 && pick.sequence < sequences.n) {
      return sides.map((side) => this.sequenceWords(side, pick.sequence)).join("\n");
    }
    if (pick.unit >= 0) return sides.map((side) => unitWords(side, pick.unit)).join("\n");
    if (pick.position >= 0) return sides.map((side) => this.positionWords(side, pick)).join("\n");
    if (pick.token >= 0)
      return `Token ${pick.token}${pick.token >= sides[0].network.p ? ", which never occurs" : ""}.`;
    return "Point at a sequence, a position, a token or a hidden unit; a click holds it.";
  }

  sequenceWords({ network, found, measures, sequences }, i) {
    const { length, nTokens } = network;
    const share = found.shares.subarray(i * nTokens, (i + 1) * nTokens);
    const answer = share.indexOf(Math.max(...share));
    const attention = Array.from(found.attention.subarray(i * length, (i + 1) * length), (x) => x.toFixed(2));
    const verdict = measures.right[i] ? "right" : "wrong";
    return (
      `Sequence ${i}: ${wordsOf(sequences.tokens, i, length)}; label ${sequences.labels[i]}, answer ${answer} ` +
      `(${verdict}, probability of the label ${short(share[sequences.labels[i]], 3)}, loss ${short(measures.losses[i], 3)}); ` +
      `attention ${attention.join(" ").replaceAll("0.", ".")}`
    );
  }

  positionWords(side, { position, token }) {
    const { p } = side.network;
    const isSummed = this.session.data.task.positions.includes(position);
    const means = side.tokenMeans(position);
    const moved = [means[2] - means[0], means[3] - means[1]].map((x) => short(x, 3));
    const weight = (x) => short(side.attention[position * p + x], 3);
    const tokens = token >= 0 && token < p ? [token] : Array.from({ length: p }, (_, x) => x);
    return (
      `Position ${position}, ${isSummed ? "summed" : "noise"}: attention to ` +
      `${tokens.map((x) => `token ${x} ${weight(x)}`).join(", ")}; from token 0 to 1, ξ moves by (${moved.join(", ")}).`
    );
  }
}

function unitWords(side, u) {
  const { row, bias, column } = unitOf(side, u);
  const pair = (vector) => `(${vector.map((x) => short(x, 3)).join(", ")})`;
  return `Unit ${u}: row ${pair(row)}, bias ${short(bias, 3)}, column ${pair(column)}.`;
}
