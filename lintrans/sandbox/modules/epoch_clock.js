// The clock of the sandbox: it counts epochs, and stops at those that have a snapshot.

import { Clock } from "../../pages/modules/clock.js";

/** Epochs of a run. */
export class EpochClock extends Clock {
  constructor(session) {
    const [length, speed] = [() => session.data.epochs.n, () => session.state.speed];
    super(session, { field: "epoch", length, speed });
  }

  /** One step back or on goes to the next snapshot. */
  go(epoch) {
    const way = epoch - this.step;
    super.go(Math.abs(way) === 1 ? this.session.run.epochAfter(this.step, way) : epoch);
  }

  /** Move by a number of snapshots; the state gets it once the keys are still. */
  shift(nSnapshots) {
    this.isPlaying = false;
    this.move(this.session.run.epochAfter(this.step, nSnapshots));
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.pause(), 250);
  }

  /** Let the state have the epoch now. */
  hold() {
    clearTimeout(this.keeping);
    this.pause();
  }

  close() {
    clearTimeout(this.keeping);
    super.close();
  }
}
