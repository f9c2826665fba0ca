import type { LogChunk } from '../format/chunk.ts';
import type { Position } from '../format/position.ts';

/** Maximum number of batches; bounds the overhead of tiny batches, since a slot takes about 100 bytes. */
const BATCHES_MAX = 65_536;

interface Slot {
  readonly bytes: Buffer;
  readonly previous: Position;
  readonly last: Position;
}

/**
 * The newest durable batches, in memory, for followers that are nearly up to date.
 *
 * The buffers are the written ones, not copies. Batches that are adjacent in one allocation
 * are handed out as one slice of it.
 *
 * Invariant: each slot continues the one before it. The newest batch is kept whatever its size, unless the limit is 0.
 */
export class RecentBatches {
  readonly #bytesMax: number;
  /** Ring buffer: `#count` slots from `#start` on. */
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

  /** Adds a batch; the caller must not change `bytes` after. Drops the oldest batches above the limits. */
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

  /** Drops the batches above `lsn`, where the log was cut. */
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

  /** Position at `lsn` if a batch held ends there, or if the oldest one begins there; otherwise undefined. */
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
   * Returns whole batches after `lsn`: at most `bytesMax` together, but at least one;
   * undefined if `lsn` is not the end of a batch, or if the next batch is not held.
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

/** Joins slices; copies only if they are not adjacent in memory. */
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
