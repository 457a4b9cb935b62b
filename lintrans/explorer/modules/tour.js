// A tour of nine stops for a class: what to see, and a question that the page itself can answer.

export const STOPS = [
  {
    name: "Monotone",
    state: { mu: 0.5, u: 0.3, v: 0.3, steps: 60 },
    text:
      "A small step. The loss falls at every step, and training ends in a minimum: a point of the green curve " +
      "uv = 1. Nothing here surprises a textbook.",
    question:
      "Move μ up slowly. At which value does the loss rise for the first time, if you start at " +
      "u = v = 1.3? (The landmark is called monotone.)",
  },
  {
    name: "Catapult",
    state: { mu: 0.92, u: 1.75, v: 0.6, steps: 60 },
    text:
      "The start is next to a minimum, but a sharp one: its sharpness is above 2/μ. So the loss rises, and the run " +
      "is thrown to a flatter minimum, inside the edge of stability.",
    question:
      "Click other starts in the plane. From which of them does the loss never rise? Compare the sharpness at " +
      "the end with 2/μ.",
  },
  {
    name: "Period 2",
    state: { mu: 1.15, u: 0.4, v: 0.4, steps: 80 },
    text:
      "Above μ = 1 no minimum is stable. Training settles on a cycle: the prediction jumps between two values, " +
      "one below the label and one above.",
    question: "The mean of the two predictions is not 1. What is it? Compare it with (1 + μ) / (2 μ).",
  },
  {
    name: "Doubling",
    state: { mu: 1.27, u: 0.4, v: 0.4, steps: 80, window: [1.2, 1.32] },
    text:
      "At μ = √5 − 1 the cycle of period 2 becomes one of period 4, then 8, 16, … The doublings come closer and " +
      "closer, and pile up at μ = 1.30228.",
    question:
      "Zoom into the diagram at the pile. By which factor do the stretches between doublings shrink? " +
      "(It tends to 4.669.)",
  },
  {
    name: "Chaos",
    state: { mu: 1.55, u: 0.4, v: 0.4, steps: 160 },
    text:
      "The exponent is positive: two runs whose starts differ by one part in a billion separate after a few dozen " +
      "steps. Still, neither ever leaves a bounded region.",
    question:
      "Read off the panel “two runs” how many steps the difference needs to reach 1. What does the exponent " +
      "predict? (ln 10⁹ divided by it.)",
  },
  {
    name: "Window",
    state: { mu: 1.4516, u: 0.4, v: 0.4, steps: 120, window: [1.44, 1.47] },
    text:
      "Amid chaos there are windows. From μ = 1.45044 on, a cycle of period 3 attracts; it doubles in its turn, " +
      "and the window closes in a crisis of its own.",
    question: "Zoom to a box around one of the three branches. What do you see again?",
  },
  {
    name: "Crisis",
    state: { mu: 1.62, u: 0.4, v: 0.4, steps: 200, quantity: "a", window: [1.5, 1.7] },
    text:
      "Below μ = 3√3/2 − 1 the sign of the weights never changes: there are two mirror-image attractors. At the " +
      "crisis they touch and merge, and the weights begin to change sign.",
    question:
      "Move μ to 1.59 and back to 1.62. In the cobweb, through which point does the run reach the other side?",
  },
  {
    name: "Chebyshev",
    state: { mu: 2, u: 0.4, v: 0.4, steps: 100 },
    text:
      "At μ = 2 the map is a Chebyshev polynomial. The exponent is ln 3 = 1.0986, and the density of the error " +
      "is 1 / (π √(4 − r²)), exactly.",
    question: "Compare the histogram with the dashed curve. Why are the ends visited most often?",
  },
  {
    name: "Divergence",
    state: { mu: 2.05, u: 0.4, v: 0.4, steps: 60 },
    text:
      "Above μ = 2 almost every start diverges, though it may wander for long before it does. Below 2 the ellipse " +
      "is the border: starts inside it stay bounded for ever.",
    question:
      "Set μ = 1.2 and click a start just outside the dashed ellipse, then one just inside. How do both end?",
  },
];
