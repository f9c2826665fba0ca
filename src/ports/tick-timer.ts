/** How often silences and deadlines are looked at. */
export const TICK_MS = 25;

/**
 * For how long nothing was heard, measured in ticks of this node and not by its clock. A tick that comes late counts as one: what held up
 * this node (a stalled event loop, a stopped process) was not the silence of another.
 */
export class Silence {
  #ticks = 0;

  /** At most as long as the clock says, up to one tick. */
  get ms(): number {
    return this.#ticks * TICK_MS;
  }

  heard(): void {
    this.#ticks = 0;
  }

  /** To be called every TICK_MS. */
  tick(): void {
    this.#ticks += 1;
  }
}
