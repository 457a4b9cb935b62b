// Command lines that compute what the page shows.
//
// They are about the numbers of the normal form, so that they compute the same to the bit with and without data.

/** A command line; `of` says which options of the state belong to it: "start", "variant". */
export function commandLine(state, name, words, of = []) {
  const parts = ["lintrans", name, ...words];
  if (of.includes("start")) parts.push(option("--start", `${state.u},${state.v}`));
  if (of.includes("variant")) parts.push(...variantOptions(state));
  return parts.join(" ");
}

/** Command line of a run, from another u if it is given. */
export function orbitLine(state, u = state.u) {
  return commandLine(
    { ...state, u },
    "orbit",
    [`--mu ${state.mu}`, `--n-steps ${state.steps}`],
    ["start", "variant"],
  );
}

/** Command line about a prompt, at a learning rate. */
export function promptLine({ data, weights }, name, rate) {
  return ["lintrans", name, data, weights, `--step-size ${rate}`].filter(Boolean).join(" ");
}

/** Options of weight decay, momentum and schedule that are in use. */
function variantOptions({ decay, momentum, schedule }) {
  return [
    decay > 0 && `--weight-decay ${decay}`,
    momentum > 0 && `--momentum ${momentum}`,
    schedule !== null && `--schedule ${schedule.join(",")}`,
  ].filter(Boolean);
}

/** An option with its value; with "=" where the value begins with a minus sign. */
export function option(name, value) {
  return String(value).startsWith("-") ? `${name}=${value}` : `${name} ${value}`;
}

/** Mini-batches in Python, since no command has prompts that are drawn at random. */
export function batchLine({ mu, u, v, spread, noise, batch, steps, seed, schedule }, n) {
  const how = [`${batch}`, `n_steps=${steps}`, `seed=${seed}`, schedule && `schedule=[${schedule}]`];
  const given = `${mu}, ${u}, ${v}, batches=Batches(${how.filter(Boolean).join(", ")}), n_trajectories=${n}`;
  const lines = [
    "from lintrans.minibatch import Batches, Population, escape_times",
    `prompts = Population.sampled(${n}, spread=${spread}, noise=${noise}, seed=0)`,
    `print(escape_times(prompts, ${given}).summary())`,
  ];
  return `python -c "${lines.join("; ")}"`;
}
