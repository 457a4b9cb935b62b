// A model as widgets have it, for a page in a file of its own: its state is the fragment of the address.

/** Model of a page: {data, state, base, worker}; the base is what the state is about without a fragment. */
export class LinkModel {
  constructor({ data, state }, worker) {
    this.values = { data, worker, base: state, state: fromFragment(location.hash) };
    this.written = location.hash;
    this.listeners = [];
    addEventListener("hashchange", () => this.read());
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
  }

  on(event, listener) {
    this.listeners.push([event, listener]);
  }

  /** Write the state into the address. */
  save_changes() {
    const fragment = toFragment(this.values.state);
    this.written = fragment === "" ? "" : `#${fragment}`;
    try {
      history.replaceState(null, "", `#${fragment}`);
    } catch {
      // a sandboxed frame has no address of its own: the state stays in memory
    }
  }

  /** The reader has followed or pasted a link. */
  read() {
    if (location.hash === this.written) return;
    this.written = location.hash;
    this.values.state = fromFragment(location.hash);
    for (const [event, listener] of this.listeners) if (event === "change:state") listener();
  }

  /** Address that restores a state; null in a frame, which has none. */
  link(texts) {
    return location.protocol === "about:" ? null : `${location.href.split("#")[0]}#${toFragment(texts)}`;
  }
}

/** Texts by name as `a=1&b=2`. */
export function toFragment(texts) {
  return new URLSearchParams(texts).toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
}

/** The inverse of `toFragment`. */
export function fromFragment(fragment) {
  return Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
}
