import type { Clock } from '../../ports/clock.ts';

/** Clock whose wall time can be set to a wrong value; otherwise equal to the given one. */
export class ShiftedClock implements Clock {
  readonly #clock: Clock;
  #shiftMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Moves the wall clock by this much, back if it is negative. */
  jump(byMs: number): void {
    this.#shiftMs += byMs;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.#shiftMs;
  }

  after(delayMs: number, run: () => void): () => void {
    return this.#clock.after(delayMs, run);
  }

  soon(run: () => void): void {
    this.#clock.soon(run);
  }
}
