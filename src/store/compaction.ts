/**
 * Compaction, in steps: empties the slab with the fewest live bytes by moving its live cells to the head.
 *
 * Compaction runs only while the wasted bytes exceed a third of the live bytes plus an allowance; then the chosen slab is at least a
 * quarter dead, and walking 6 bytes for each byte that dies frees more than was wasted. Memory stays below 4/3 of the
 * live bytes plus a constant, and no single write pays for more than 6 times its own size.
 */
import type { Cells } from './cells.ts';
import { SHARED_CELL_BYTES_MAX } from './slabs.ts';

/** Wasted bytes that are always tolerated. */
export const WASTE_BYTES_ALLOWED = 4 << 20;
const WALK_PER_DEAD_BYTE = 6;
const NO_VICTIM = -1;

export class Compaction {
  readonly #cells: Cells;
  #victim = NO_VICTIM;
  #generation = 0;
  #offset = 0;

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  /** Does a share of the work in proportion to `deadBytes`, which have just been released. */
  step(deadBytes: number): void {
    if (deadBytes > SHARED_CELL_BYTES_MAX) return; // The cell had its own slab, which is already freed.
    const { slabs } = this.#cells;
    if (this.#victim === NO_VICTIM && !this.#choose()) return;
    let budget = deadBytes * WALK_PER_DEAD_BYTE;
    while (budget > 0) {
      if (slabs.generationOf(this.#victim) !== this.#generation) {
        this.#victim = NO_VICTIM;
        return;
      }
      const bytes = this.#cells.sizeAt(this.#victim, this.#offset);
      this.#cells.moveAt(this.#victim, this.#offset, bytes);
      this.#offset += bytes;
      budget -= bytes;
    }
  }

  #choose(): boolean {
    const { slabs } = this.#cells;
    if (slabs.wastedBytes <= slabs.sharedLiveBytes / 3 + WASTE_BYTES_ALLOWED) return false;
    this.#victim = slabs.emptiest();
    if (this.#victim === NO_VICTIM) return false;
    this.#generation = slabs.generationOf(this.#victim);
    this.#offset = 0;
    return true;
  }
}
