import type { Clock } from '../../ports/clock.ts';

/** Time limit of a request: all its waits together, one after the other, must not take longer. */
export class Deadline {
  /** Time limit that the request named. */
  readonly timeoutMs: number;
  readonly #clock: Clock;
  readonly #endMs: number;

  /** Starts the deadline now. */
  constructor(clock: Clock, timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#endMs = clock.nowMs() + timeoutMs;
  }

  /** Milliseconds left, never negative: a result that is available is returned without a wait. */
  get leftMs(): number {
    return Math.max(0, this.#endMs - this.#clock.nowMs());
  }
}
