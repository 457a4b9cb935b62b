// What the panels of shared vectors show: see `Vectors`.

import { colorOf, shapeOf } from "../marks.js";

const COORDINATES = (name) => ({ x: `${name}, coordinate 1`, y: `${name}, coordinate 2` });
const SUMMED = "blue";
const NOISE = "muted";

/** All of them, in the order of the network. */
export function vectorViews({ data }) {
  const summed = new Set(data.task.positions);
  const { p } = data.task;
  const isSummed = (t) => summed.has(t);
  return {
    tokens: tokensView(p),
    positions: positionsView(isSummed),
    sums: pairsView(isSummed, {
      name: "sums",
      title: "3 Sums z = E + P",
      ...COORDINATES("E + P"),
      help:
        "Token plus position, before the norm: one point for every pair. Shapes tell the token; filled points are at " +
        "positions that the label sums, hollow ones at positions that are noise. Lines join the tokens of a position.",
      of: (side) => side.vectors.sums,
    }),
    normed: normedView(isSummed),
    values: pairsView(isSummed, {
      name: "values",
      title: "6 Values V z",
      ...COORDINATES("V z"),
      help:
        "What each pair would add to ξ if it had all the attention. ξ is the mean of the values of a sequence, " +
        "weighted by attention. In a clustering head the lines of the summed positions are alike.",
      of: (side) => side.values,
    }),
    rows: rowsView(),
    columns: columnsView(),
  };
}

function placesOf(side, part, i) {
  const [start] = side.network.places[part];
  return [start + 2 * i, start + 2 * i + 1];
}

function tokensView(p) {
  return {
    name: "tokens",
    title: "1 Tokens E",
    ...COORDINATES("E"),
    help:
      "The token table: a point for every token. The same table reads the answer: the logit of a token is its " +
      "scalar product with the output. A hollow token never occurs, and may lie beyond the axes. Drag a point to change it.",
    items(side) {
      const table = side.part("tokens");
      return Array.from({ length: side.network.nTokens }, (_, x) => ({
        x: table[2 * x],
        y: table[2 * x + 1],
        pick: { token: x },
        text: `E ${x}`,
        color: colorOf(x),
        shape: shapeOf(x),
        hollow: x >= p,
        isFar: x >= p,
        radius: 6,
        places: placesOf(side, "tokens", x),
      }));
    },
    ground(pen, frame, side, plot) {
      const table = side.part("tokens");
      for (let x = 0; x < table.length / 2; x += 1) {
        const color = plot.session.theme.color(colorOf(x));
        frame.line(pen, [0, table[2 * x]], [0, table[2 * x + 1]], { color, width: 1, alpha: 0.7 });
      }
    },
    more: () => [[0, 0]],
  };
}

function positionsView(isSummed) {
  return {
    name: "positions",
    title: "2 Positions P",
    ...COORDINATES("P"),
    help:
      "A learned vector for every position, numbered from 0. Filled positions are summed by the label, hollow ones " +
      "are noise. Drag a point to change it.",
    items(side) {
      const table = side.part("positions");
      return Array.from({ length: side.network.length }, (_, t) => ({
        x: table[2 * t],
        y: table[2 * t + 1],
        pick: { position: t },
        text: String(t),
        color: isSummed(t) ? SUMMED : NOISE,
        shape: "circle",
        hollow: !isSummed(t),
        places: placesOf(side, "positions", t),
        isNamed: true,
      }));
    },
  };
}

/** Pairs of position and token: `of(side)` are their vectors. */
function pairsView(isSummed, { of, ...words }) {
  return {
    ...words,
    items(side) {
      const { p } = side.network;
      const vectors = of(side);
      return Array.from({ length: vectors.length / 2 }, (_, k) => {
        const [position, token] = [Math.floor(k / p), k % p];
        return {
          x: vectors[2 * k],
          y: vectors[2 * k + 1],
          pick: { position, token },
          text: `${position}:${token}`,
          color: colorOf(token),
          shape: shapeOf(token),
          hollow: !isSummed(position),
          isNamed: false,
        };
      });
    },
    ground(pen, frame, side, { session }) {
      const { p, length } = side.network;
      const vectors = of(side);
      for (let t = 0; t < length; t += 1) {
        const ks = Array.from({ length: p }, (_, x) => t * p + x);
        const [xs, ys] = [0, 1].map((i) => ks.map((k) => vectors[2 * k + i]));
        const look = { color: session.theme.color(isSummed(t) ? "ink" : "line"), width: 1 };
        frame.line(pen, xs, ys, { ...look, alpha: isSummed(t) ? 0.8 : 0.5 });
      }
    },
  };
}

function normedView(isSummed) {
  const pairs = pairsView(isSummed, {
    name: "normed",
    title: "4 Normed z, query q",
    ...COORDINATES("norm(z)"),
    help:
      "The sums after the norm; with the root-mean-square norm they lie on a circle. The arrow is the query: the " +
      "further a point lies along it, the more attention its pair gets. Drag the tip of the arrow.",
    of: (side) => side.vectors.normed,
  });
  const query = (side) => {
    const [x, y] = side.part("query");
    const words = { pick: null, text: "q", color: "accent", shape: "circle", radius: 3.5, isNamed: true };
    return { x, y, ...words, places: placesOf(side, "query", 0) };
  };
  return {
    ...pairs,
    items: (side) => [...pairs.items(side), query(side)],
    ground(pen, frame, side, plot) {
      drawCircle(pen, frame, side, plot, "attention");
      pairs.ground(pen, frame, side, plot);
      const look = { color: plot.session.theme.color("accent"), width: 2 };
      plot.arrow(pen, frame, [0, 0], side.part("query"), look);
    },
    more: () => [[0, 0]],
  };
}

/** The circle that a root-mean-square norm puts vectors on. */
export function drawCircle(pen, frame, side, { session }, which) {
  if (side.network.norms[which] !== "rms") return;
  const radius = Math.sqrt(side.network.d);
  const angles = Array.from({ length: 73 }, (_, i) => (i * Math.PI) / 36);
  const [xs, ys] = [angles.map((x) => radius * Math.cos(x)), angles.map((x) => radius * Math.sin(x))];
  frame.line(pen, xs, ys, { color: session.theme.color("line"), width: 1, dash: [2, 3] });
}

/** Unit u: its row of W1 with its bias, and its column of W2. */
export function unitOf(side, u) {
  const [up, bias, down] = ["up", "up_bias", "down"].map((name) => side.part(name));
  const { width } = side.network;
  return { row: [up[2 * u], up[2 * u + 1]], bias: bias[u], column: [down[u], down[width + u]] };
}

/** Line on which a unit switches, w . z + b = 0, as two points far apart; null if it never does. */
export function switchLine({ row: [a, b], bias }, far) {
  const square = a * a + b * b;
  if (!(square > 0)) return null;
  const length = Math.sqrt(square);
  const [x, y] = [(-bias * a) / square, (-bias * b) / square];
  const [dx, dy] = [(-b / length) * far, (a / length) * far];
  return [
    [x - dx, x + dx],
    [y - dy, y + dy],
  ];
}

const FAR = 1e3;

function rowsView() {
  return {
    name: "rows",
    title: "10 Rows of W1",
    ...COORDINATES("row of W₁"),
    help:
      "A hidden unit each: the direction of norm(ξ) that it looks at. The larger the point, the longer its column of " +
      "W2. Ticks on the circle of norm(ξ) are where units switch on or off. For the unit pointed at, the line is " +
      "w · z + b = 0; for a sequence, units that are on are filled. Drag a point to change the row.",
    items(side) {
      const { width } = side.network;
      return Array.from({ length: width }, (_, u) => {
        const { row, column } = unitOf(side, u);
        return {
          x: row[0],
          y: row[1],
          pick: { unit: u },
          text: `unit ${u}`,
          color: "green",
          shape: "circle",
          hollow: true,
          radius: 2 + 2 * Math.min(2, Math.hypot(...column)),
          places: placesOf(side, "up", u),
          isNamed: false,
        };
      });
    },
    ground(pen, frame, side, plot) {
      drawCircle(pen, frame, side, plot, "feedForward");
      drawSwitches(pen, frame, side, plot);
    },
    over(pen, frame, side, { unit, sequence }, plot) {
      drawActive(pen, frame, side, sequence, plot);
      if (unit < 0) return;
      const line = switchLine(unitOf(side, unit), FAR);
      if (line)
        frame.line(pen, ...line, { color: plot.session.theme.color("accent"), width: 1.6, dash: [5, 3] });
    },
    more: (side) =>
      side.network.norms.feedForward === "rms"
        ? [
            [1.5, 1.5],
            [-1.5, -1.5],
          ]
        : [[0, 0]],
  };
}

/** Fill the units that are on for a sequence. */
function drawActive(pen, frame, side, sequence, plot) {
  if (!(sequence >= 0 && sequence < side.sequences.n)) return;
  const { before } = side.unitsOf(sequence);
  const on = plot.items(side).filter(({ pick }) => pick && before[pick.unit] > 0);
  const [xs, ys] = [on.map(({ x }) => x), on.map(({ y }) => y)];
  frame.dots(pen, xs, ys, 3.5, { color: plot.session.theme.color("accent") });
}

/** Ticks on the circle of norm(xi) where units switch. */
function drawSwitches(pen, frame, side, { session }) {
  if (side.network.norms.feedForward !== "rms") return;
  const radius = Math.sqrt(side.network.d);
  const look = { color: session.theme.color("green"), width: 1.3 };
  for (let u = 0; u < side.network.width; u += 1) {
    const { row, bias } = unitOf(side, u);
    const turn = Math.acos(-bias / (Math.hypot(...row) * radius)); // NaN if it never switches
    if (!Number.isFinite(turn)) continue;
    for (const angle of [1, -1].map((way) => Math.atan2(row[1], row[0]) + way * turn)) {
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      frame.line(pen, [0.94 * radius * c, 1.06 * radius * c], [0.94 * radius * s, 1.06 * radius * s], look);
    }
  }
}

function columnsView() {
  return {
    name: "columns",
    title: "11 Columns of W2",
    ...COORDINATES("column of W₂"),
    help:
      "Where each hidden unit moves the output when it is on, and the bias b2 as a square. For a sequence, units that " +
      "are on are filled. Drag a point to change the column.",
    items(side) {
      const { width, places } = side.network;
      const [bx, by] = side.part("down_bias");
      const words = { color: "pink", shape: "square", radius: 5, isNamed: true };
      const bias = { x: bx, y: by, pick: null, text: "b2", ...words, places: placesOf(side, "down_bias", 0) };
      const columns = Array.from({ length: width }, (_, u) => {
        const { column } = unitOf(side, u);
        return {
          x: column[0],
          y: column[1],
          pick: { unit: u },
          text: `unit ${u}`,
          color: "green",
          shape: "circle",
          hollow: true,
          places: [places.down[0] + u, places.down[0] + width + u],
          isNamed: false,
        };
      });
      return [...columns, bias];
    },
    over: (pen, frame, side, { sequence }, plot) => drawActive(pen, frame, side, sequence, plot),
    more: () => [[0, 0]],
  };
}
