// A tour of seven stops: what to see, and a question that the page itself can answer.

export const STOPS = [
  {
    name: "The task",
    state: { epoch: 0 },
    panels: ["tokens", "positions", "sums"],
    text:
      "A sequence of tokens comes in, and the label is the sum of some of them modulo p; all other positions are noise. " +
      "Every vector of the network has two coordinates, so that every layer can be drawn. Here training has not begun.",
    question: "Which positions does the label sum, and how are they marked?",
    answer:
      "Those that are filled in the panels of positions and sums, and have a mark below the panel of attention.",
  },
  {
    name: "Clusters",
    label: "clustering head",
    state: { color: "class" },
    panels: ["xi", "values", "attention"],
    text:
      "At the end of training. Attention hands on ξ, a weighted mean of values. The colours count tokens at the summed " +
      "positions: each count is a cluster of its own, whatever stands elsewhere.",
    question:
      "Point at positions in panel 2. What does the arrow in panel 7 do for a summed position, and for noise?",
    answer:
      "In a clustering head it has the same length and direction for all summed positions, and nearly none for noise: only " +
      "the count of tokens is left.",
  },
  {
    name: "Reading the clusters",
    label: "clustering head",
    state: { color: "label" },
    panels: ["ximap", "outmap", "simplex"],
    text:
      "The feed-forward network has to give neighbouring clusters different answers. The ground of panel 8 is the answer " +
      "that it gives at every place: stripes across the line of clusters.",
    question: "Which sequences are closest to a border? Point at them, and read their probability.",
    answer: "Those of a cluster that is wide or near ξ = 0, where a small change turns the direction of ξ.",
  },
  {
    name: "Before and after",
    label: "clustering head",
    solved: true,
    state: { color: "class" },
    panels: ["loss", "accuracy"],
    text:
      "The epoch at which all sequences of the population are right for the first time. Use the arrow keys to go back from " +
      "here, with Shift by ten snapshots, and watch panels 7 and 8.",
    question: "What comes first: the clusters in panel 7, or the stripes in panel 8 that fit them?",
    answer:
      "Go back until the accuracy falls, and compare: the stages above the panels name both epochs where they were found.",
  },
  {
    name: "A spike",
    spike: true,
    state: { color: "label" },
    panels: ["loss", "normedxi", "ximap"],
    text:
      "In a spike the loss rises steeply for some epochs. Step through it with the arrow keys, and use the button for the " +
      "next one.",
    question: "Which cluster crosses a border of panel 8 in the spike?",
    answer:
      "Look for points on the wrong ground. Often they are those with the shortest ξ, whose direction turns most.",
  },
  {
    name: "Train here",
    label: "clustering head",
    solved: true,
    state: {},
    panels: ["loss", "accuracy"],
    text:
      "The button Train goes on from the weights that are shown, with the batches of the recorded run: with its settings " +
      "the same happens again. Change the learning rate or a norm while it trains, then rewind.",
    question: "Raise the learning rate to 0.03. Does the circuit survive?",
    answer:
      "Watch the thick line in panel 15, and rewind to try again: every trial begins at the same state.",
  },
  {
    name: "By hand",
    label: "clustering head",
    state: {},
    panels: ["positions", "normed", "rows"],
    text:
      "Points of tokens, positions, the query and hidden units can be dragged. Everything after them follows at once; " +
      "training can go on from there.",
    question: "Drag a summed position away. Which answers break, and does training repair them?",
    answer:
      "Those of all sequences for which the position counts. Press Train, and watch the clusters close again, or not.",
  },
];
