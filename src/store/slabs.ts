/**
 * Slabs: the memory of the cells, written from front to back like a log.
 *
 * A shared slab of 1 MiB takes many cells; a cell too large to share gets a slab of its own size. A slab
 * counts its live bytes and is freed as soon as there are none; slabs with few live bytes are emptied
 * by compaction (`compaction.ts`). An address is one number: slab * 2^25 + offset.
 *
 * Slabs are outside the JS heap, so the garbage collector has a few thousand objects to visit, not millions.
 */
import { dataOf } from '../wal/format/byte-range.ts';

/** Size of a shared slab. */
export const SLAB_BYTES = 1 << 20;
/** Largest cell in a shared slab; limits the unused end of a slab to a sixteenth. */
export const SHARED_CELL_BYTES_MAX = 1 << 16;
/** Maximum number of freed shared slabs kept for reuse, so that steady overwriting does not depend on the garbage collector. */
const SPARE_SLABS_MAX = 8;
const ADDRESS_STRIDE = 2 ** 25;
const OFFSET_MASK = ADDRESS_STRIDE - 1;
const NO_SLAB = -1;

/** Three views of one slab's memory. */
export interface SlabMemory {
  /** Words in the machine's byte order. */
  readonly words: Uint32Array;
  readonly bytes: Buffer;
  readonly data: DataView;
}
const NO_MEMORY = memoryOf(Buffer.alloc(0));

export function slabOf(address: number): number {
  return Math.floor(address / ADDRESS_STRIDE);
}

export function offsetOf(address: number): number {
  return address & OFFSET_MASK; // ToInt32 is modulo 2^32, so the low 25 bits are exact.
}

export function addressIn(slab: number, offset: number): number {
  return slab * ADDRESS_STRIDE + offset;
}

export class Slabs {
  readonly #memory: SlabMemory[] = [];
  /** Bytes written from the front, for shared slabs; 0 for a slab that is free or has one owner. */
  readonly #used: number[] = [];
  readonly #live: number[] = [];
  /** Number of times that each slab number was freed. */
  readonly #frees: number[] = [];
  readonly #freeSlabs: number[] = [];
  readonly #spares: SlabMemory[] = [];
  /** The shared slab that is being written. */
  #head = NO_SLAB;
  #reserved = 0;
  #sharedSlabs = 0;
  #sharedLive = 0;

  /** Memory taken from the system. */
  get reservedBytes(): number {
    return this.#reserved + this.#spares.length * SLAB_BYTES;
  }

  /** Dead bytes in closed shared slabs, which compaction could free. */
  get wastedBytes(): number {
    if (this.#head === NO_SLAB) return 0;
    const closed = (this.#sharedSlabs - 1) * SLAB_BYTES;
    return closed - (this.#sharedLive - (this.#live[this.#head] as number));
  }

  /** Live bytes in shared slabs. */
  get sharedLiveBytes(): number {
    return this.#sharedLive;
  }

  /** Memory of a slab; invalid after the slab is freed. */
  memory(slab: number): SlabMemory {
    return this.#memory[slab] as SlabMemory;
  }

  words(slab: number): Uint32Array {
    return this.memory(slab).words;
  }

  bytes(slab: number): Buffer {
    return this.memory(slab).bytes;
  }

  /** Bytes written to a shared slab so far. */
  usedBytes(slab: number): number {
    return this.#used[slab] as number;
  }

  /** Allocates `bytes` bytes (a multiple of 8) and returns their address. */
  allocate(bytes: number): number {
    if (bytes > SHARED_CELL_BYTES_MAX) {
      const slab = this.#open(memoryOf(Buffer.allocUnsafeSlow(bytes)));
      this.#live[slab] = bytes;
      return addressIn(slab, 0);
    }
    if (this.#head === NO_SLAB || this.usedBytes(this.#head) + bytes > SLAB_BYTES) this.#nextHead();
    const head = this.#head;
    const offset = this.#used[head] as number;
    this.#used[head] = offset + bytes;
    this.#live[head] = (this.#live[head] as number) + bytes;
    this.#sharedLive += bytes;
    return addressIn(head, offset);
  }

  /** Counts `bytes` at `address` as dead; frees the slab with its last live byte. */
  release(address: number, bytes: number): void {
    const slab = slabOf(address);
    const live = (this.#live[slab] as number) - bytes;
    this.#live[slab] = live;
    if (bytes <= SHARED_CELL_BYTES_MAX) this.#sharedLive -= bytes;
    if (live > 0) return;
    if (slab === this.#head) this.#used[slab] = 0;
    else this.#close(slab);
  }

  /** Generation of a slab number, which changes when the slab is freed: distinguishes a slab from a later one with the same number. */
  generationOf(slab: number): number {
    return this.#frees[slab] as number;
  }

  /** The closed shared slab with the fewest live bytes, or -1 if there is none. Takes time in proportion to the number of slabs. */
  emptiest(): number {
    let best = NO_SLAB;
    let bestLive = Infinity;
    for (let slab = 0; slab < this.#used.length; slab++) {
      const live = this.#live[slab] as number;
      if (live >= bestLive || live === 0 || slab === this.#head) continue;
      if ((this.#used[slab] as number) === 0) continue;
      best = slab;
      bestLive = live;
    }
    return best;
  }

  /** Opens a new head slab. The old head has live bytes: `release` rewinds an empty one. */
  #nextHead(): void {
    const memory = this.#spares.pop() ?? memoryOf(Buffer.allocUnsafeSlow(SLAB_BYTES));
    this.#head = this.#open(memory);
    this.#sharedSlabs += 1;
  }

  #open(memory: SlabMemory): number {
    const slab = this.#freeSlabs.pop() ?? this.#memory.length;
    this.#memory[slab] = memory;
    this.#used[slab] = 0;
    this.#live[slab] = 0;
    this.#frees[slab] ??= 0;
    this.#reserved += memory.bytes.length;
    return slab;
  }

  #close(slab: number): void {
    const memory = this.memory(slab);
    this.#reserved -= memory.bytes.length;
    if ((this.#used[slab] as number) > 0) {
      this.#sharedSlabs -= 1;
      if (this.#spares.length < SPARE_SLABS_MAX) this.#spares.push(memory);
    }
    this.#frees[slab] = this.generationOf(slab) + 1;
    this.#memory[slab] = NO_MEMORY;
    this.#used[slab] = 0;
    this.#live[slab] = 0;
    this.#freeSlabs.push(slab);
  }
}

function memoryOf(bytes: Buffer): SlabMemory {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return { words, bytes, data: dataOf(bytes) };
}
