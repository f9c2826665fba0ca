import { TickTimer } from '../../ports/tick-timer.ts';

/** Milliseconds that a commit may take before it is reported as waiting. */
export const COMMIT_WAIT_MS = 500;

/**
 * Milliseconds for which the same part of the log has not been committed, measured in ticks: a steady stream of
 * writes and commits does not count as a wait.
 */
export class CommitWait {
  readonly #since = new TickTimer();
  /** Last LSN of the log when the wait began. */
  #lsn = 0;

  get ms(): number {
    return this.#since.ms;
  }

  /** Measures the wait. Call it in every tick. */
  tick(committedLsn: number, lastLsn: number): void {
    this.#since.tick();
    if (committedLsn < this.#lsn) return;
    this.#since.reset();
    this.#lsn = lastLsn;
  }
}
