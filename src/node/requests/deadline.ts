import type { Clock } from '../../ports/clock.ts';

/** The one time limit of a request: whatever it waits for, one after the other, all of it together is not to take longer. */
export class Deadline {
  /** As the request said. */
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #endMs: number;

  /** Begins now. */
  constructor(clock: Clock, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#endMs = clock.nowMs() + timeoutMs;
  }

  /** Never negative: what is there already is not waited for. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - this.#clock.nowMs());
  }
}
