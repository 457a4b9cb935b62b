// A tour of nine stops for a class: what to see, and a question that the page itself can answer.

export const STOPS = [
  {
    name: "Monotone",
    state: { mu: 0.65, u: 0.3, v: 0.3, steps: 60 },
    panels: ["loss"],
    text:
      "A small step. The loss falls at every step, and training ends in a minimum: a point of the green curve " +
      "uv = 1. Nothing here surprises a textbook.",
    question:
      "Set u and v to 1.3066 and move μ up slowly. At which value does the loss rise for the first time?",
    answer:
      "At 0.8284, the landmark called monotone: 2√2 − 2. From this start the loss rises as soon as it rises from " +
      "any bounded balanced start.",
  },
  {
    name: "Catapult",
    state: { mu: 0.92, u: 1.75, v: 0.6, steps: 60, show: "regime" },
    panels: ["plane", "sharpness"],
    text:
      "The start is next to a minimum, but a sharp one: its sharpness is above 2/μ. So the loss rises, and the run " +
      "is thrown to a flatter minimum, inside the edge of stability.",
    question:
      "Click other starts in the plane. From which of them does the loss never rise? How sharp are the minima?",
    answer:
      "From the starts in the paler colour. Whatever the start, the sharpness at the end is at most 2/μ = 2.17: " +
      "sharper minima are unstable at this step size.",
  },
  {
    name: "Period 2",
    state: { mu: 1.15, u: 0.4, v: 0.4, steps: 80 },
    panels: ["diagram", "prediction"],
    text:
      "Above μ = 1 no minimum is stable. Training settles on a cycle: the prediction jumps between two values, " +
      "one below the label and one above.",
    question: "The mean of the two predictions is not 1. What is it, and how does it depend on μ?",
    answer:
      "The verdict lists both: 0.5917 and 1.2778. Their mean is 0.9348 = (1 + μ) / (2 μ), which is below 1: on " +
      "average the prediction falls short.",
  },
  {
    name: "Doubling",
    state: { mu: 1.27, u: 0.4, v: 0.4, steps: 80, window: [1.2, 1.32] },
    panels: ["diagram"],
    text:
      "At μ = √5 − 1 the cycle of period 2 becomes one of period 4, then 8, 16, … The doublings come closer and " +
      "closer, and pile up at μ = 1.30228.",
    question:
      "At which μ does the verdict change to period 8, to 16, to 32? By which factor do the stretches shrink?",
    answer:
      "At 1.2880, 1.2992 and 1.3016; the first doubling is at 1.2361. The stretches shrink by 4.64, then by 4.66: " +
      "the factor tends to Feigenbaum's 4.669.",
  },
  {
    name: "Chaos",
    state: { mu: 1.8, u: 0.4, v: 0.4, steps: 100 },
    panels: ["pair", "exponents"],
    text:
      "The exponent is positive: two runs whose starts differ by one part in a billion separate after a few dozen " +
      "steps. Still, neither ever leaves a bounded region.",
    question:
      "How many steps does the distance of the two runs need to become as large as the runs themselves?",
    answer:
      "About 26. The exponent, 0.81 per step, predicts ln 10⁹ / 0.81 = 26. After that, nine digits of the start say " +
      "nothing about the run any more.",
  },
  {
    name: "Window",
    state: { mu: 1.4516, u: 0.4, v: 0.4, steps: 120, window: [1.44, 1.47] },
    panels: ["diagram", "exponents"],
    text:
      "Amid chaos there are windows. From μ = 1.45044 on, a cycle of period 3 attracts; it doubles in its turn, " +
      "and the window closes in a crisis of its own.",
    question: "Zoom to a box around one of the three branches. What do you see again?",
    answer: "The whole diagram in small: doublings, chaos, and windows, again and again at every scale.",
  },
  {
    name: "Crisis",
    state: { mu: 1.62, u: 0.4, v: 0.4, steps: 200, quantity: "a", window: [1.5, 1.7], trail: 200, t: 200 },
    panels: ["diagram", "cobweb"],
    text:
      "Below μ = 3√3/2 − 1 there are two mirror-image attractors: in the long run the sign of the weights never " +
      "changes. At the crisis they touch and merge, and the weights begin to change sign.",
    question: "Look at the cobweb. From which values of a does the run change sides?",
    answer:
      "From those beyond √(1 + μ) = 1.62, where the curve crosses 0. Below the crisis its hump does not reach so " +
      "high; above, the run lands there now and then.",
  },
  {
    name: "Chebyshev",
    state: { mu: 2, u: 0.4, v: 0.4, steps: 100 },
    panels: ["density"],
    text:
      "At μ = 2 the map is a Chebyshev polynomial. The exponent is ln 3 = 1.0986, and the density of the error is " +
      "1 / (π √(4 − r²)), exactly. The ellipse has shrunk to the line u = v: almost only balanced runs stay bounded.",
    question: "Compare the histogram with the dashed curve. Why are the ends visited most often?",
    answer:
      "The error is 2 cos of an angle that is spread evenly, and near its turning points a cosine changes slowest.",
  },
  {
    name: "Divergence",
    state: { mu: 2.05, u: 0.4, v: 0.4, steps: 60 },
    panels: ["plane", "loss"],
    text:
      "Above μ = 2 almost every start diverges, though it may wander for long before it does. Below 2 the ellipse " +
      "is the border: starts inside it stay bounded for ever.",
    question:
      "Set μ = 1.2 and click a start just outside the dashed ellipse, then one just inside. How do both end?",
    answer:
      "The one outside diverges, the one inside ends on a cycle: the border is exact, from the formula alone.",
  },
];
