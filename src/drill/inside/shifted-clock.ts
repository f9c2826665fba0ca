import type { Clock } from '../../ports/clock.ts';

/** A clock whose wall time can be set to something wrong. Else it is the one that it was given. */
export class ShiftedClock implements Clock {
  readonly #clock: Clock;
  #shiftMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The wall clock jumps by so much, back where it is negative. */
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
