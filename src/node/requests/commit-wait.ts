import { TickTimer } from '../../ports/tick-timer.ts';

/** A commit is on its way for so long before anybody is told that it waits. */
export const COMMIT_WAIT_MS = 500;

/** For how long the same part of the log has not been committed, measured in ticks: writes that come and are committed one after the other make none of it. */
export class CommitWait {
  readonly #since = new TickTimer();
  /** Was in the log when the wait began. */
  #lsn = 0;

  get ms(): number {
    return this.#since.ms;
  }

  /** To be called in every tick. */
  tick(committedLsn: number, lastLsn: number): void {
    this.#since.tick();
    if (committedLsn < this.#lsn) return;
    this.#since.reset();
    this.#lsn = lastLsn;
  }
}
