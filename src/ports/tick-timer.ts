/** Milliseconds from one look at timers and deadlines to the next. */
export const TICK_MS = 25;

/**
 * Stopwatch that counts ticks of this process and does not read its clock. A late tick counts as one: a stalled event loop or a stopped
 * process here must not look like the silence of a peer.
 */
export class TickTimer {
  #ticks = 0;

  /** Milliseconds since the last reset; less than one tick more than the clock's. */
  get ms(): number {
    return this.#ticks * TICK_MS;
  }

  reset(): void {
    this.#ticks = 0;
  }

  /** Counts one tick; to be called every TICK_MS. */
  tick(): void {
    this.#ticks += 1;
  }
}
