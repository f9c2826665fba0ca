import assert from 'node:assert';
import { WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import type { LogChunk } from './chunk.ts';
import { BATCH_BYTES_MAX, KiB, MiB } from './limits.ts';
import type { FileRange, LogMap, Place } from './log-map.ts';
import { BatchScanner } from './scan.ts';
import type { BatchInfo } from './scan.ts';

/** How much is read at once while looking for an LSN. */
const SEARCH_BYTES = 256 * KiB;
/** Ends of recent reads, where a reader of the whole log goes on without searching. */
const CURSORS_MAX = 64;
/** Read and verified at once where a reader goes on and on; what it did not ask for yet is kept. */
const AHEAD_BYTES = MiB;
/** Places in stretches that are kept, at most: so many followers may catch up at a time without reading anything twice. */
const AHEAD_MAX = 8;

/** Whole batches from files, and the place behind them. */
interface Stretch {
  readonly chunk: LogChunk;
  readonly batches: readonly BatchInfo[];
  readonly end: Place;
}

/** A place inside of a stretch: the batches from `index` on were not asked for yet. */
interface Ahead {
  readonly stretch: Stretch;
  readonly index: number;
}

/**
 * Reads what is durable from segment files, verifying every checksum and chain, in bounded memory.
 *
 * It runs beside writing, rotation, trimming and cuts: none of them changes bytes below the durable end, except a
 * cut, and that raises the generation; a read that crossed one is done again.
 */
export class LogReader {
  readonly #disk: Disk;
  readonly #map: LogMap;
  readonly #cursors = new Map<number, Place>();
  readonly #ahead = new Map<number, Ahead>();
  #generation = 0;

  constructor(disk: Disk, map: LogMap) {
    this.#disk = disk;
    this.#map = map;
  }

  /** The map was cut: forget what was known of the files, and mistrust what is being read. */
  invalidate(): void {
    this.#generation += 1;
    this.#cursors.clear();
    this.#ahead.clear();
  }

  /**
   * Whole batches behind `lsn`, together at most `bytesMax` but at least one, of one segment; undefined at the durable end.
   * @throws WalshipError PURGED, LSN_REPLACED (not the end of a batch here), WAL_CORRUPT, DISK_FAILED.
   */
  async chunkAfter(lsn: number, bytesMax: number): Promise<LogChunk | undefined> {
    return this.#settled(async () => {
      const generation = this.#generation;
      if (lsn < this.#map.start.lsn) throw purged(lsn, this.#map.start.lsn + 1);
      if (lsn === this.#map.end.position.lsn) return undefined;
      const ahead = this.#ahead.get(lsn);
      if (ahead !== undefined) return this.#take(ahead, bytesMax);
      const place = await this.#find(lsn);
      if (place === undefined) {
        throw new WalshipError('LSN_REPLACED', `LSN ${lsn} is not the end of a batch here`, {
          details: { lsn },
        });
      }
      const stretch = await this.#read(place, Math.max(bytesMax, AHEAD_BYTES));
      // Nothing of a read that crossed a cut is kept: it is done again.
      if (stretch === undefined || generation !== this.#generation) return undefined;
      return this.#take({ stretch, index: 0 }, bytesMax);
    });
  }

  /** The batches at `ahead`, together at most `bytesMax` but at least one; what is behind them is kept for the next call. */
  #take({ stretch, index }: Ahead, bytesMax: number): LogChunk {
    const { batches, chunk } = stretch;
    const first = batches[index];
    assert(first !== undefined, 'a stretch is kept only where it goes on');
    let next = index + 1;
    while (next < batches.length && (batches[next]?.end ?? 0) - first.offset <= bytesMax) next += 1;
    const { last, end } = batches[next - 1] ?? first;
    const at = stretch.end.at - chunk.bytes.length + end;
    keepNewest(this.#cursors, { lsn: last.lsn, value: { position: last, at } }, CURSORS_MAX);
    if (next < batches.length) {
      keepNewest(this.#ahead, { lsn: last.lsn, value: { stretch, index: next } }, AHEAD_MAX);
    }
    return { bytes: chunk.bytes.subarray(first.offset, end), previous: first.first, last };
  }

  /** The place at `lsn`; undefined where that is not the end of a durable batch, or not held. */
  placeAt(lsn: number): Promise<Place | undefined> {
    return this.#settled(() => this.#find(lsn));
  }

  async #settled<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const generation = this.#generation;
      try {
        const result = await attempt();
        if (generation === this.#generation) return result;
      } catch (error) {
        if (generation === this.#generation) throw error;
      }
    }
  }

  async #find(lsn: number): Promise<Place | undefined> {
    const { end, start } = this.#map;
    if (lsn > end.position.lsn || lsn < start.lsn) return undefined;
    if (lsn === end.position.lsn) return end;
    let place = this.#cursors.get(lsn) ?? this.#map.placeBefore(lsn);
    while (place.position.lsn < lsn) {
      const stretch = await this.#read(place, SEARCH_BYTES, lsn);
      if (stretch === undefined) return undefined;
      place = stretch.end;
    }
    return place.position.lsn === lsn ? place : undefined;
  }

  /** The batches behind `place`; none that ends beyond `lastLsn`, unless it is the first. */
  async #read(
    place: Place,
    bytesMax: number,
    lastLsn = Number.MAX_SAFE_INTEGER,
  ): Promise<Stretch | undefined> {
    const range = this.#map.rangeAfter(place);
    if (range === undefined) return undefined;
    const file = await this.#disk.open(range.path, 'read');
    try {
      const available = range.end - range.offset;
      for (let bytes = Math.min(Math.max(bytesMax, 1), available); ;) {
        const target = Buffer.allocUnsafeSlow(bytes);
        const count = await file.read(target, range.offset);
        const source = { place, range, lastLsn, bytesMax };
        const { chunk, batches } = wholeBatches(target.subarray(0, count), source);
        if (batches.length > 0) {
          const at = place.at + chunk.bytes.length;
          return { chunk, batches, end: { position: chunk.last, at } };
        }
        // The first batch is larger than what was asked for.
        if (count < bytes || bytes >= Math.min(available, BATCH_BYTES_MAX)) {
          throw corrupt(range, count, 'a batch that does not end');
        }
        bytes = Math.min(Math.max(bytes * 4, SEARCH_BYTES), available, BATCH_BYTES_MAX);
      }
    } finally {
      await file.close();
    }
  }
}

/** Sets what is known at an LSN, and forgets what was set longest ago. */
function keepNewest<T>(
  known: Map<number, T>,
  added: { readonly lsn: number; readonly value: T },
  countMax: number,
): void {
  known.delete(added.lsn);
  known.set(added.lsn, added.value);
  for (const oldest of known.keys()) {
    if (known.size <= countMax) break;
    known.delete(oldest);
  }
}

interface Source {
  readonly place: Place;
  readonly range: FileRange;
  readonly lastLsn: number;
  readonly bytesMax: number;
}

/** The whole batches that `bytes` begin with: none where not even the first one is whole. */
function wholeBatches(bytes: Buffer, source: Source): Omit<Stretch, 'end'> {
  const { place, range, lastLsn, bytesMax } = source;
  const scanner = new BatchScanner(place.position);
  const batches: BatchInfo[] = [];
  let last = place.position;
  let end = 0;
  const stop = scanner.run(bytes, (batch) => {
    if (end > 0 && (batch.end > bytesMax || batch.last.lsn > lastLsn)) return;
    ({ last, end } = batch);
    batches.push(batch);
  });
  if (stop.kind !== 'end') {
    throw corrupt(range, stop.offset, stop.kind === 'fill' ? 'the fill byte' : stop.reason);
  }
  return { chunk: { bytes: bytes.subarray(0, end), previous: place.position, last }, batches };
}

function corrupt({ path, offset }: FileRange, readBytes: number, reason: string): WalshipError {
  const at = offset + readBytes;
  return new WalshipError('WAL_CORRUPT', `${path} at offset ${at}: ${reason}`, {
    details: { segment: path, offset: at },
  });
}

function purged(lsn: number, oldest: number): WalshipError {
  return new WalshipError('PURGED', `LSN ${lsn + 1} is not held, the oldest one is ${oldest}`, {
    details: { lsn: lsn + 1, oldest },
  });
}
