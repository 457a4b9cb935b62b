// Workers that compute. A channel has one question at a time: a newer one replaces what is left of the older.

/** How many workers: one for every core but at least one, at most 8. */
export function workerCount() {
  return Math.max(1, Math.min(8, navigator.hardwareConcurrency || 2));
}

/** Workers made from the text of a script that answers {id, kind, args} by {id, value} or {id, error}. */
export class Pool {
  constructor(script, { n = workerCount(), onError = console.error } = {}) {
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.workers = [];
    this.isClosed = false;
    this.onError = onError;
    this.queue = [];
    this.running = new Map();
    this.latest = new Map();
    this.count = 0;
    this.idle = Array.from({ length: n }, () => this.hire(url));
  }

  hire(url) {
    const worker = new Worker(url);
    this.workers.push(worker);
    worker.onmessage = ({ data }) => this.finish(worker, data);
    worker.onerror = (event) => this.onError(event.message);
    return worker;
  }

  /**
   * Ask a channel: `tasks` are {kind, args, rank}; of all channels those of the lowest rank, 0 without one,
   * come first. `onPart(value, i)` is called as they finish and `onEnd()` after the last, unless the channel
   * has been asked again in between.
   */
  ask(channel, tasks, onPart, onEnd = () => {}) {
    this.cancel(channel);
    const question = { channel, left: tasks.length, onPart, onEnd };
    this.latest.set(channel, question);
    tasks.forEach((task, i) => this.queue.push({ rank: 0, ...task, i, question }));
    this.queue.sort((one, other) => one.rank - other.rank);
    this.dispatch();
  }

  /** Forget what a channel is still to compute. */
  cancel(channel) {
    this.latest.delete(channel);
    this.queue = this.queue.filter((task) => task.question.channel !== channel);
  }

  dispatch() {
    if (this.isClosed) return;
    while (this.idle.length > 0 && this.queue.length > 0) {
      const worker = this.idle.pop();
      const task = this.queue.shift();
      this.count += 1;
      this.running.set(this.count, task);
      worker.postMessage({ id: this.count, kind: task.kind, args: task.args });
    }
  }

  finish(worker, { id, value, error }) {
    const task = this.running.get(id);
    this.running.delete(id);
    this.idle.push(worker);
    this.dispatch();
    if (error !== undefined) this.onError(error);
    else this.deliver(task, value);
  }

  deliver({ question, i }, value) {
    if (this.latest.get(question.channel) !== question) return;
    question.left -= 1;
    question.onPart(value, i);
    if (question.left === 0) question.onEnd();
  }

  /** End all workers. */
  close() {
    this.isClosed = true;
    this.workers.forEach((worker) => worker.terminate());
    this.queue = [];
    this.running.clear();
  }

  /** Whether nothing is being computed. */
  isIdle() {
    return this.running.size === 0 && this.queue.length === 0;
  }
}
