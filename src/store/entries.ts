/**
 * Entries: one small number for each live key, and the address of its cell.
 *
 * Both indexes refer to a key by its entry, so a cell that moves (an overwrite of another size,
 * compaction) changes one number here and neither index. Rows lie in chunks that are never copied.
 */

const CHUNK_ROWS_LOG2 = 15;
const CHUNK_ROWS = 1 << CHUNK_ROWS_LOG2;
const ROW_MASK = CHUNK_ROWS - 1;
const NONE = -1;

/** Numbers entries from 0 and reuses the numbers of removed entries. */
export class Entries {
  /** Address of each live entry's cell; for a free entry a negative number: -2 minus the number of the next free entry. */
  readonly #chunks: Float64Array[] = [];
  #end = 0;
  #firstFree = NONE;

  /** Returns a new entry; the caller must set its address. */
  add(): number {
    const free = this.#firstFree;
    if (free !== NONE) {
      this.#firstFree = -2 - this.addressOf(free);
      return free;
    }
    const entry = this.#end;
    if (entry >>> CHUNK_ROWS_LOG2 === this.#chunks.length) {
      this.#chunks.push(new Float64Array(CHUNK_ROWS));
    }
    this.#end += 1;
    return entry;
  }

  remove(entry: number): void {
    this.place(entry, -2 - this.#firstFree);
    this.#firstFree = entry;
  }

  addressOf(entry: number): number {
    const chunk = this.#chunks[entry >>> CHUNK_ROWS_LOG2] as Float64Array;
    return chunk[entry & ROW_MASK] as number;
  }

  place(entry: number, address: number): void {
    const chunk = this.#chunks[entry >>> CHUNK_ROWS_LOG2] as Float64Array;
    chunk[entry & ROW_MASK] = address;
  }

  /** Memory taken from the system. */
  get reservedBytes(): number {
    return this.#chunks.length * CHUNK_ROWS * 8;
  }
}
