import type { LogChunk } from '../format/chunk.ts';
import type { Place } from './log-map.ts';
import type { BatchInfo } from '../format/scan.ts';
import type { BatchPlace } from '../format/write-scan.ts';

/** A batch, and the place of its end in its file. */
export interface PlacedBatch extends BatchInfo {
  readonly place: BatchPlace;
}

/** Whole batches from files, and the place after them. */
export interface Stretch {
  readonly chunk: LogChunk;
  /** Batches of the chunk, with offsets from the beginning of the chunk. */
  readonly batches: readonly PlacedBatch[];
  readonly end: Place;
  /** Reader generation at read time; stretches of an earlier generation are stale and are dropped. */
  readonly generation: symbol;
}

/** The rest of a stretch: the batches from `index` on have not been handed out yet. */
export interface Ahead {
  readonly stretch: Stretch;
  readonly index: number;
}

/** Cache of batches that were read from files and not handed out yet, by the LSN before them; also owns the buffer for the next read. */
export class ReadAhead {
  /** Bytes that are read and verified at once for a sequential reader. */
  readonly bytes: number;
  readonly #placesMax: number;
  readonly #places = new Map<number, Ahead>();
  readonly #reused: boolean;
  #memory: Buffer | undefined;

  /**
   * `reused`: the buffer is reused, so batches are valid only until the next read. Only for a single sequential reader that
   * copies each batch.
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

  /** Keeps the rest of a stretch; drops the oldest entry at the limit. */
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

  /** Returns an uninitialised buffer of `bytes`. */
  room(bytes: number): Buffer {
    if (!this.#reused) return Buffer.allocUnsafeSlow(bytes);
    // The next read overwrites the batches in the buffer.
    this.#places.clear();
    if (this.#memory === undefined || this.#memory.length < bytes) {
      this.#memory = Buffer.allocUnsafeSlow(Math.max(bytes, this.bytes));
    }
    return this.#memory.subarray(0, bytes);
  }
}
