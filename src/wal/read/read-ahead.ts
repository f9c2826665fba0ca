import type { LogChunk } from '../format/chunk.ts';
import type { Place } from './log-map.ts';
import type { BatchInfo } from '../format/scan.ts';
import type { BatchPlace } from '../format/write-scan.ts';

/** A batch, and where it ends in its file. */
export interface PlacedBatch extends BatchInfo {
  readonly place: BatchPlace;
}

/** Whole batches from files, and the place behind them. */
export interface Stretch {
  readonly chunk: LogChunk;
  /** They count from the beginning of the chunk. */
  readonly batches: readonly PlacedBatch[];
  readonly end: Place;
  /** Of the reader, as it was read: what is of another one is of a log that is not there any more. */
  readonly generation: symbol;
}

/** A place inside of a stretch: the batches from `index` on were not asked for yet. */
export interface Ahead {
  readonly stretch: Stretch;
  readonly index: number;
}

/** What was read from files and not asked for yet, by the LSN that it goes on from; and the memory for what is read next. */
export class ReadAhead {
  /** Read and verified at once where a reader goes on and on. */
  readonly bytes: number;
  readonly #placesMax: number;
  readonly #places = new Map<number, Ahead>();
  readonly #reused: boolean;
  #memory: Buffer | undefined;

  /**
   * `reused`: memory is used again, so that nothing that came from it outlasts the next read. That is for one reader alone, which
   * copies what it gets and goes on from there.
   */
  constructor({ bytes, placesMax, reused }: { bytes: number; placesMax: number; reused: boolean }) {
    this.bytes = bytes;
    this.#placesMax = placesMax;
    this.#reused = reused;
  }

  at(lsn: number, generation: symbol): Ahead | undefined {
    const ahead = this.#places.get(lsn);
    return ahead?.stretch.generation === generation ? ahead : undefined;
  }

  /** Forgets what was kept longest ago. */
  keep(lsn: number, ahead: Ahead): void {
    this.#places.delete(lsn);
    this.#places.set(lsn, ahead);
    for (const oldest of this.#places.keys()) {
      if (this.#places.size <= this.#placesMax) break;
      this.#places.delete(oldest);
    }
  }

  clear(): void {
    this.#places.clear();
  }

  /** Memory for `bytes`, of which nothing is known. */
  room(bytes: number): Buffer {
    if (!this.#reused) return Buffer.allocUnsafeSlow(bytes);
    // What lay in it is about to be overwritten.
    this.#places.clear();
    if (this.#memory === undefined || this.#memory.length < bytes) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, this.bytes));
    }
    return this.#memory.subarray(0, bytes);
  }
}
