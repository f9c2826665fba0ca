import type { LogChunk } from '../format/chunk.ts';
import type { Position } from '../format/position.ts';

/** Bounds what the bookkeeping of tiny batches costs: a slot takes about 100 bytes beside the batch itself. */
const BATCHES_MAX = 65_536;

interface Slot {
  readonly bytes: Buffer;
  readonly previous: Position;
  readonly last: Position;
}

/**
 * The newest durable batches, in memory, for followers that are nearly up to date.
 *
 * The buffers are the ones that were written, not copies. Batches that lie side by side in one allocation
 * are handed out as one slice of it.
 *
 * Invariant: each slot continues the one before it. The newest batch is kept whatever its size, unless the bound is 0.
 */
export class RecentBatches {
  readonly #bytesMax: number;
  /** A ring: `#count` slots from `#start` on. */
  #slots: (Slot | undefined)[] = Array.from({ length: 256 });
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of the batches held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a batch; `bytes` must never change again. Forgets the oldest ones beyond the bound. */
  add(bytes: Buffer, previous: Position, last: Position): void {
    const newest = this.#at(this.#count - 1);
    if (newest !== undefined && newest.last.lsn !== previous.lsn) this.clear();
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[(this.#start + this.#count) % this.#slots.length] = { bytes, previous, last };
    this.#count += 1;
    this.#bytes += bytes.length;
    const least = this.#bytesMax === 0 ? 0 : 1;
    while (this.#count > least && (this.#bytes > this.#bytesMax || this.#count > BATCHES_MAX)) {
      this.#dropOldest();
    }
  }

  /** Forgets everything above `lsn`, which is where the log was cut. */
  truncate(lsn: number): void {
    while (this.#count > 0) {
      const index = (this.#start + this.#count - 1) % this.#slots.length;
      const newest = this.#slots[index];
      if (newest === undefined || newest.last.lsn <= lsn) return;
      this.#slots[index] = undefined;
      this.#count -= 1;
      this.#bytes -= newest.bytes.length;
    }
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** The position at `lsn`, where that is the end of a batch held, or just before the oldest one. */
  positionAt(lsn: number): Position | undefined {
    const index = this.#find(lsn);
    if (index < this.#count) {
      const previous = this.#at(index)?.previous;
      return previous?.lsn === lsn ? previous : undefined;
    }
    const newest = this.#at(this.#count - 1)?.last;
    return newest?.lsn === lsn ? newest : undefined;
  }

  /**
   * Whole batches that follow `lsn`, together at most `bytesMax` but at least one;
   * undefined where `lsn` is not the end of a batch, or what follows it is not held.
   */
  after(lsn: number, bytesMax: number): LogChunk | undefined {
    const firstIndex = this.#find(lsn);
    const first = this.#at(firstIndex);
    if (first === undefined || first.previous.lsn !== lsn) return undefined;
    const runs = new Runs(first.bytes);
    let { last } = first;
    for (let index = firstIndex + 1; index < this.#count; index += 1) {
      const next = this.#at(index);
      if (next === undefined || runs.bytes + next.bytes.length > bytesMax) break;
      runs.add(next.bytes);
      ({ last } = next);
    }
    return { bytes: runs.join(), previous: first.previous, last };
  }

  /** Index of the first slot whose batch starts at or above `lsn`. */
  #find(lsn: number): number {
    let low = 0;
    let end = this.#count;
    while (low < end) {
      const middle = (low + end) >>> 1;
      if ((this.#at(middle)?.previous.lsn ?? 0) < lsn) low = middle + 1;
      else end = middle;
    }
    return low;
  }

  #at(index: number): Slot | undefined {
    if (index < 0 || index >= this.#count) return undefined;
    return this.#slots[(this.#start + index) % this.#slots.length];
  }

  #dropOldest(): void {
    const oldest = this.#slots[this.#start];
    this.#slots[this.#start] = undefined;
    this.#start = (this.#start + 1) % this.#slots.length;
    this.#count -= 1;
    this.#bytes -= oldest?.bytes.length ?? 0;
  }

  #grow(): void {
    const slots: (Slot | undefined)[] = Array.from({ length: this.#slots.length * 2 });
    for (let index = 0; index < this.#count; index += 1) slots[index] = this.#at(index);
    this.#slots = slots;
    this.#start = 0;
  }
}

/** Joins slices, without copying while each lies right behind the one before in memory. */
class Runs {
  readonly #done: Buffer[] = [];
  #buffer: ArrayBufferLike;
  #start: number;
  #end: number;
  bytes: number;

  constructor(first: Buffer) {
    this.#buffer = first.buffer;
    this.#start = first.byteOffset;
    this.#end = first.byteOffset + first.length;
    this.bytes = first.length;
  }

  add(next: Buffer): void {
    this.bytes += next.length;
    if (next.buffer !== this.#buffer || next.byteOffset !== this.#end) {
      this.#done.push(this.#current());
      this.#buffer = next.buffer;
      this.#start = next.byteOffset;
    }
    this.#end = next.byteOffset + next.length;
  }

  join(): Buffer {
    if (this.#done.length === 0) return this.#current();
    return Buffer.concat([...this.#done, this.#current()], this.bytes);
  }

  #current(): Buffer {
    return Buffer.from(this.#buffer, this.#start, this.#end - this.#start);
  }
}
