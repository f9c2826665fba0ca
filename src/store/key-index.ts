/**
 * Finds the entry of a key: open addressing with linear probing, in many small tables.
 *
 * The top bits of the hash choose one of 1,024 tables, so a table that grows moves a thousandth of the keys: 0.2 ms
 * at ten million keys, where one big table would stop the process for a second. A slot is two words: entry + 1
 * (0 is empty) and hash, both signed: a number that fits 31 bits and a sign is never an object. Removal shifts the slots
 * that follow back, so there are no tombstones.
 */
import type { ByteRange } from '../wal/format/byte-range.ts';
import type { Cells } from './cells.ts';

const TABLES_LOG2 = 10;
const TABLE_SHIFT = 32 - TABLES_LOG2;
const SLOTS_MIN = 8;
const NO_TABLE = new Int32Array(0);
export const NO_ENTRY = -1;

/** Hash index from keys to entries; the keys themselves are in the cells. */
export class KeyIndex {
  readonly #cells: Cells;
  readonly #tables: Int32Array[] = Array.from({ length: 1 << TABLES_LOG2 }, () => NO_TABLE);
  readonly #counts = new Uint32Array(1 << TABLES_LOG2);
  #slots = 0;

  constructor(cells: Cells) {
    this.#cells = cells;
  }

  /** The entry of `key`, or NO_ENTRY. */
  find(key: ByteRange, hash: number): number {
    const table = this.#tables[hash >>> TABLE_SHIFT] as Int32Array;
    if (table.length === 0) return NO_ENTRY;
    const mask = (table.length >>> 1) - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const taken = table[2 * slot] as number;
      if (taken === 0) return NO_ENTRY;
      if (table[2 * slot + 1] === hash && this.#cells.keyEquals(taken - 1, key)) return taken - 1;
    }
  }

  /** Adds an entry whose key is absent. */
  add(entry: number, hash: number): void {
    const index = hash >>> TABLE_SHIFT;
    const count = (this.#counts[index] as number) + 1;
    this.#counts[index] = count;
    let table = this.#tables[index] as Int32Array;
    const slots = table.length >>> 1;
    if (count * 5 > slots * 4) table = this.#resize(index, Math.max(SLOTS_MIN, slots * 2));
    place(table, entry + 1, hash);
  }

  /** Removes an entry that is in the index. */
  remove(entry: number, hash: number): void {
    const index = hash >>> TABLE_SHIFT;
    const table = this.#tables[index] as Int32Array;
    const slots = table.length >>> 1;
    const mask = slots - 1;
    let slot = hash & mask;
    while (table[2 * slot] !== entry + 1) slot = (slot + 1) & mask;
    shiftBack(table, slot);
    const count = (this.#counts[index] as number) - 1;
    this.#counts[index] = count;
    if (slots > SLOTS_MIN && count * 8 < slots) this.#resize(index, slots / 2);
  }

  /** Memory taken from the system. */
  get reservedBytes(): number {
    return this.#slots * 8;
  }

  #resize(index: number, slots: number): Int32Array {
    const old = this.#tables[index] as Int32Array;
    const table = new Int32Array(2 * slots);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i] !== 0) place(table, old[i] as number, old[i + 1] as number);
    }
    this.#tables[index] = table;
    this.#slots += slots - (old.length >>> 1);
    return table;
  }
}

function place(table: Int32Array, taken: number, hash: number): void {
  const mask = (table.length >>> 1) - 1;
  let slot = hash & mask;
  while (table[2 * slot] !== 0) slot = (slot + 1) & mask;
  table[2 * slot] = taken;
  table[2 * slot + 1] = hash;
}

/** Empties the slot `hole` and moves later entries back into it if that brings them nearer to their own slot. */
function shiftBack(table: Int32Array, hole: number): void {
  const mask = (table.length >>> 1) - 1;
  let slot = hole;
  for (;;) {
    slot = (slot + 1) & mask;
    const taken = table[2 * slot] as number;
    if (taken === 0) break;
    const hash = table[2 * slot + 1] as number;
    // An entry may move only if the hole lies between its own slot and its current slot.
    if (((slot - hash) & mask) < ((slot - hole) & mask)) continue;
    table[2 * hole] = taken;
    table[2 * hole + 1] = hash;
    hole = slot;
  }
  table[2 * hole] = 0;
  table[2 * hole + 1] = 0;
}
