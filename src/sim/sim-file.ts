import { BLOCK_BYTES } from '../wal/format/limits.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';

/** Block states: the block on the disk equals the cached one. */
const CLEAN = 0;
/** Block state: changed since the last sync; power loss keeps or loses it. */
const DIRTY = 1;
/** Block state: its sync failed; it counts as clean, no later sync writes it, and power loss keeps or loses it. */
const GHOST = 2;

/** Data that a sync in progress will make durable: blocks as they were when it began. */
export interface Capture {
  readonly blocks: Map<number, Buffer>;
  readonly size: number | undefined;
}

/** Effects of a power cut on blocks that are being written, besides keeping them or not. */
export interface PowerLoss {
  /** True if the beginning of a block may be new and its end old. */
  readonly tearBlocks: boolean;
  /** True if a block may hold neither its old nor its new bytes, and may be unreadable until it is written anew. */
  readonly garbleBlocks: boolean;
}

/** Bytes of one file, in the page cache and on the disk. */
export class SimFile {
  #cache = Buffer.alloc(0);
  #cacheSize = 0;
  #disk = Buffer.alloc(0);
  #diskSize = 0;
  #blocks = new Uint8Array(0);
  #size: typeof CLEAN | typeof DIRTY | typeof GHOST = CLEAN;
  #generation = 0;
  readonly #captures = new Set<Capture>();
  /** Blocks that the disk cannot read, until they are written anew. */
  readonly #unreadable = new Set<number>();
  /** Blocks that were unreadable, and are written anew in the cache, but not on the disk. */
  readonly #rewritten = new Set<number>();
  /** Bytes before it rotted, as long as nothing else happened to the file. */
  #sound: { readonly bytes: Buffer; readonly generation: number } | undefined;

  get size(): number {
    return this.#cacheSize;
  }

  /** Returns a copy of the cached bytes. */
  content(): Buffer {
    return Buffer.from(this.view(false));
  }

  /** Returns a view of the cached bytes, or of those on the platter; valid until the next operation, read-only. */
  view(durable: boolean): Buffer {
    return durable
      ? this.#disk.subarray(0, this.#diskSize)
      : this.#cache.subarray(0, this.#cacheSize);
  }

  /** Returns a view like `view`; for a file that rotted beneath a process, the bytes before that. */
  soundView(durable: boolean): Buffer {
    return this.#soundBytes ?? this.view(durable);
  }

  /**
   * True if bits of it rotted beneath a process that is still alive and did not cut it since, or if a part of it
   * cannot be read.
   */
  get isRotten(): boolean {
    return this.#unreadable.size > 0 || this.#soundBytes !== undefined;
  }

  /** Returns the same as `isRotten`, for the first bytes of the file. */
  isRottenBelow(end: number): boolean {
    return this.#soundBytes !== undefined || this.isUnreadable(0, end);
  }

  /** Makes the blocks that hold these bytes unreadable, until they are written anew. */
  loseSectors(from: number, to: number): void {
    const last = Math.ceil(Math.min(to, this.#cacheSize) / BLOCK_BYTES);
    for (let block = Math.floor(from / BLOCK_BYTES); block < last; block += 1) {
      this.#unreadable.add(block);
    }
  }

  /** Returns true if some of these bytes cannot be read. */
  isUnreadable(from: number, to: number): boolean {
    if (this.#unreadable.size === 0 || from >= to) return false;
    const [first, last] = [Math.floor(from / BLOCK_BYTES), Math.ceil(to / BLOCK_BYTES)];
    return [...this.#unreadable].some((block) => block >= first && block < last);
  }

  /**
   * Returns true if a write of these bytes has to read an unreadable block first, because it changes only a part of
   * it.
   */
  isUnwritable(from: number, to: number): boolean {
    const isPartOf = (at: number): boolean => {
      const block = at - (at % BLOCK_BYTES);
      const isWhole = from <= block && to >= Math.min(block + BLOCK_BYTES, this.#cacheSize);
      return !isWhole && this.isUnreadable(block, block + 1);
    };
    return from < to && (isPartOf(from) || isPartOf(to - 1));
  }

  /** Replaces the bytes by rotten ones. */
  rot(bytes: Uint8Array): void {
    const sound = this.#soundBytes ?? this.content();
    this.replace(bytes);
    this.#sound = { bytes: sound, generation: this.#generation };
  }

  /** Number that changes whenever bytes change otherwise than by being written. */
  get generation(): number {
    return this.#generation;
  }

  read(target: Buffer, position: number): number {
    const end = Math.min(this.#cacheSize, position + target.length);
    return end <= position ? 0 : this.#cache.copy(target, 0, position, end);
  }

  write(source: Uint8Array, position: number): void {
    if (source.length === 0) return;
    const end = position + source.length;
    this.#reserve(end);
    this.#cache.set(source, position);
    this.#mark(position, end);
    this.#readableAgain(position, end);
    if (end > this.#cacheSize) {
      this.#cacheSize = end;
      this.#size = DIRTY;
    }
  }

  truncate(size: number): void {
    if (size === this.#cacheSize) return;
    this.#generation += 1;
    this.#reserve(size);
    if (size < this.#cacheSize) {
      this.#readableAgain(size, this.#cacheSize);
      this.#cache.fill(0, size, this.#cacheSize);
      this.#mark(size, this.#cacheSize);
    }
    this.#cacheSize = size;
    this.#size = DIRTY;
  }

  /** Begins a sync of [from, to): later writes are not part of it. */
  beginSync(from = 0, to = Number.POSITIVE_INFINITY): Capture {
    const blocks = new Map<number, Buffer>();
    const last = Math.min(this.#blocks.length, Math.ceil(to / BLOCK_BYTES));
    for (let block = Math.floor(from / BLOCK_BYTES); block < last; block += 1) {
      if (this.#blocks[block] !== DIRTY) continue;
      this.#blocks[block] = CLEAN;
      blocks.set(block, this.#copyOf(block));
    }
    // A sync waits for the blocks that an earlier one is still writing.
    for (const earlier of this.#captures) {
      for (const block of earlier.blocks.keys()) {
        if (block < last && block * BLOCK_BYTES >= from && !blocks.has(block)) {
          blocks.set(block, this.#copyOf(block));
        }
      }
    }
    const sizeMatters =
      this.#size === DIRTY || [...this.#captures].some((c) => c.size !== undefined);
    const capture: Capture = { blocks, size: sizeMatters ? this.#cacheSize : undefined };
    if (this.#size === DIRTY) this.#size = CLEAN;
    this.#captures.add(capture);
    return capture;
  }

  /** Makes the blocks of a sync durable. */
  finishSync(capture: Capture): void {
    if (!this.#captures.has(capture)) return;
    let isOlder = true;
    for (const other of this.#captures) {
      if (other === capture) isOlder = false;
      // An older sync that ends later must not put older bytes back.
      else if (isOlder) for (const block of capture.blocks.keys()) other.blocks.delete(block);
    }
    this.#captures.delete(capture);
    for (const [block, bytes] of capture.blocks) {
      this.#disk.set(bytes, block * BLOCK_BYTES);
      this.#rewritten.delete(block);
    }
    if (capture.size === undefined) return;
    if (capture.size < this.#diskSize) this.#disk.fill(0, capture.size, this.#diskSize);
    this.#diskSize = capture.size;
  }

  /** Fails a sync: its blocks count as clean, and are not durable. */
  failSync(capture: Capture): void {
    this.#abandon(capture, GHOST);
  }

  /** Abandons a sync whose caller is gone before its end: nothing is known to be durable. */
  abandonSync(capture: Capture): void {
    this.#abandon(capture, DIRTY);
  }

  /** Loses power: the cache becomes what the disk holds. */
  losePower(entropy: SeededEntropy, { tearBlocks, garbleBlocks }: PowerLoss): void {
    this.#generation += 1;
    for (const capture of this.#captures) this.#abandon(capture, DIRTY);
    const keep = entropy.pick([0, 1, 0.5, entropy.fraction()]);
    const size = this.#size === CLEAN ? this.#diskSize : this.#sizeAfterPowerLoss(entropy);
    for (let block = 0; block < this.#blocks.length; block += 1) {
      if (this.#blocks[block] === CLEAN) continue;
      this.#blocks[block] = CLEAN;
      const start = block * BLOCK_BYTES;
      // A truncation that was not durable leaves the old bytes, not zeros: file systems truncate by metadata.
      if (start >= this.#cacheSize && size > this.#cacheSize) continue;
      const bytes = this.#cache.subarray(start, start + BLOCK_BYTES);
      if (garbleBlocks && entropy.chance(0.2)) {
        this.#disk.set(entropy.bytes(BLOCK_BYTES), start);
        if (entropy.chance(0.5)) this.#rewritten.add(block);
      } else if (tearBlocks && entropy.chance(0.2)) {
        this.#disk.set(bytes.subarray(0, entropy.below(BLOCK_BYTES)), start);
      } else if (entropy.chance(keep)) {
        this.#disk.set(bytes, start);
        this.#rewritten.delete(block);
      }
    }
    // Blocks that the disk did not write whole stay unreadable.
    for (const block of this.#rewritten) {
      if (block * BLOCK_BYTES < size) this.#unreadable.add(block);
    }
    this.#rewritten.clear();
    this.#disk.fill(0, size);
    this.#diskSize = size;
    this.#cacheSize = size;
    this.#size = CLEAN;
    this.#cache = Buffer.from(this.#disk);
  }

  /** Replaces the bytes on disk and in the cache. */
  replace(bytes: Uint8Array): void {
    this.#generation += 1;
    this.#captures.clear();
    this.#cache = Buffer.alloc(0);
    this.#disk = Buffer.alloc(0);
    this.#blocks = new Uint8Array(0);
    this.#reserve(bytes.length);
    this.#cache.set(bytes);
    this.#disk.set(bytes);
    this.#cacheSize = bytes.length;
    this.#diskSize = bytes.length;
    this.#size = CLEAN;
    this.#unreadable.clear();
    this.#rewritten.clear();
  }

  get #soundBytes(): Buffer | undefined {
    return this.#sound?.generation === this.#generation ? this.#sound.bytes : undefined;
  }

  #sizeAfterPowerLoss(entropy: SeededEntropy): number {
    const low = Math.min(this.#diskSize, this.#cacheSize);
    const high = Math.max(this.#diskSize, this.#cacheSize);
    // A file that grew may have any size in between; a truncated one is long or short.
    if (this.#cacheSize > this.#diskSize && entropy.chance(0.3)) {
      return low + entropy.below(high - low);
    }
    return entropy.chance(0.5) ? low : high;
  }

  #abandon(capture: Capture, state: typeof DIRTY | typeof GHOST): void {
    if (!this.#captures.delete(capture)) return;
    for (const block of capture.blocks.keys()) {
      if (this.#blocks[block] === CLEAN) this.#blocks[block] = state;
    }
    if (capture.size !== undefined && this.#size === CLEAN) this.#size = state;
  }

  /** Makes blocks readable that were written whole, or are gone. */
  #readableAgain(from: number, to: number): void {
    if (this.#unreadable.size === 0) return;
    for (const block of this.#unreadable) {
      const start = block * BLOCK_BYTES;
      if (from <= start && to >= Math.min(start + BLOCK_BYTES, this.#cacheSize)) {
        this.#unreadable.delete(block);
        this.#rewritten.add(block);
      }
    }
  }

  #copyOf(block: number): Buffer {
    return Buffer.from(this.#cache.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
  }

  #mark(from: number, to: number): void {
    this.#blocks.fill(DIRTY, Math.floor(from / BLOCK_BYTES), Math.ceil(to / BLOCK_BYTES));
  }

  #reserve(size: number): void {
    if (size <= this.#cache.length) return;
    const capacity = Math.ceil(Math.max(size, this.#cache.length * 2) / BLOCK_BYTES) * BLOCK_BYTES;
    this.#cache = Buffer.concat([this.#cache], capacity);
    this.#disk = Buffer.concat([this.#disk], capacity);
    const blocks = new Uint8Array(capacity / BLOCK_BYTES);
    blocks.set(this.#blocks);
    this.#blocks = blocks;
  }
}

/** Returns the space of a file of `size` bytes on a disk of whole blocks. */
export function diskBytes(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}
