// What the panels of clouds show: see `Clouds`.

const COORDINATES = (name) => ({ x: `${name}, coordinate 1`, y: `${name}, coordinate 2` });

export const cloudViews = {
  xi: {
    name: "xi",
    title: "7 ξ",
    ...COORDINATES("ξ"),
    help:
      "What attention hands on: a point for every sequence. In a clustering head each count of tokens at the summed " +
      "positions is one cluster. The arrow for a position is the mean step from token 0 to token 1 there.",
    points: (side) => side.found.xi,
    moves: true,
  },
  ximap: {
    name: "ximap",
    title: "8 ξ over the answers",
    ...COORDINATES("ξ"),
    help:
      "The same points over the answer that the rest of the network would give at every place of the plane: " +
      "numbers and patterns name it, and a full colour says that it is sure. A point on the wrong ground is a wrong answer.",
    points: (side) => side.found.xi,
    map: (side, points) => side.network.fromXi(side.weights, points),
    moves: true,
  },
  normedxi: {
    name: "normedxi",
    title: "9 norm(ξ)",
    ...COORDINATES("norm(ξ)"),
    help:
      "ξ after the norm before the feed-forward network. With the root-mean-square norm only its direction is left: all " +
      "points lie on a circle. A ξ near 0 crosses it at a small change, which is where spikes begin.",
    points: (side) => side.found.normedXi,
    circle: true,
    unitLine: true,
  },
  output: {
    name: "output",
    title: "12 Output",
    ...COORDINATES("output"),
    help:
      "ξ plus what the feed-forward network adds to it. Arrows are the rows of the token table: the answer is the token " +
      "with the largest scalar product.",
    points: (side) => side.found.out,
    tokens: true,
  },
  outmap: {
    name: "outmap",
    title: "13 Output over the answers",
    ...COORDINATES("output"),
    help:
      "The output, with the residual, over the answer at every place: borders are straight, since the answer is linear in " +
      "the output. Arrows go from the mean ξ of each count to its mean output; for a sequence, from its ξ.",
    points: (side) => side.found.out,
    map: (side, points) => side.network.fromOut(side.weights, points),
    from: "xi",
  },
};
