// Workers that compute. A channel has one question at a time: a newer one replaces what is left of the older.

const MAX_WORKERS = 8;

/** Workers made from the text of a script that serves (`serve.js`), one for every core. */
export class Pool {
  constructor(
    script,
    { n = navigator.hardwareConcurrency || 2, onError = console.error, onWork = () => {} } = {},
  ) {
    this.url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.onError = onError;
    this.onWork = onWork; // called when work begins or ends
    this.queue = [];
    this.running = new Map(); // worker to its task
    this.latest = new Map(); // channel to its question
    this.isClosed = false;
    this.idle = Array.from({ length: Math.min(MAX_WORKERS, n) }, () => this.hire());
  }

  hire() {
    const worker = new Worker(this.url);
    worker.onmessage = ({ data }) => this.hear(worker, data);
    worker.onerror = (event) => this.replace(worker, event.message || "a worker has stopped");
    return worker;
  }

  /**
   * Ask a channel: `tasks` are {kind, args, rank}; of all channels those of the lowest rank, 0 without one,
   * come first. `onPart(value, i)` is called as they finish, `onProgress(value, i)` with what a task tells on
   * its way, `onEnd()` after the last. After a failure, or once the channel is asked again, none is called.
   */
  ask(channel, tasks, { onPart = () => {}, onEnd = () => {}, onProgress = () => {} } = {}) {
    this.cancel(channel);
    const question = { channel, left: tasks.length, onPart, onEnd, onProgress };
    this.latest.set(channel, question);
    if (tasks.length === 0) onEnd();
    tasks.forEach((task, i) => this.queue.push({ rank: 0, ...task, i, question }));
    this.queue.sort((one, other) => one.rank - other.rank);
    this.dispatch();
  }

  /** Forget what a channel is still to compute; a task that tells on its way stops at its next word. */
  cancel(channel) {
    this.latest.delete(channel);
    this.queue = this.queue.filter((task) => task.question.channel !== channel);
    for (const [worker, task] of this.running) {
      if (task.question.channel === channel) worker.postMessage({ cancel: true });
    }
  }

  dispatch() {
    while (!this.isClosed && this.idle.length > 0 && this.queue.length > 0) {
      const worker = this.idle.pop();
      const task = this.queue.shift();
      this.running.set(worker, task);
      worker.postMessage({ kind: task.kind, args: task.args });
    }
    this.onWork();
  }

  hear(worker, { value, error, isLast }) {
    const task = this.running.get(worker);
    if (isLast) {
      this.running.delete(worker);
      this.idle.push(worker);
    }
    if (error !== undefined) this.fail(task, error);
    else this.deliver(task, value, isLast);
    this.dispatch();
  }

  deliver({ question, i }, value, isLast) {
    if (this.latest.get(question.channel) !== question) return;
    if (!isLast) {
      question.onProgress(value, i);
      return;
    }
    question.left -= 1;
    question.onPart(value, i);
    if (question.left === 0) question.onEnd();
  }

  fail({ question }, error) {
    if (this.latest.get(question.channel) === question) this.cancel(question.channel);
    this.onError(error);
  }

  /** A worker has died: another takes its place. */
  replace(worker, error) {
    const task = this.running.get(worker);
    this.running.delete(worker);
    this.idle = this.idle.filter((other) => other !== worker);
    worker.terminate();
    this.idle.push(this.hire());
    if (task) this.fail(task, error);
    else this.onError(error);
    this.dispatch();
  }

  /** End all workers. */
  close() {
    this.isClosed = true;
    [...this.idle, ...this.running.keys()].forEach((worker) => worker.terminate());
    this.queue = [];
    this.running.clear();
    URL.revokeObjectURL(this.url);
  }

  /** Whether nothing is being computed. */
  isIdle() {
    return this.running.size === 0 && this.queue.length === 0;
  }
}
