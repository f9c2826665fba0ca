import assert from 'node:assert';
import { WalshipError } from '../../errors.ts';
import type { Disk } from '../../ports/disk.ts';
import type { LogChunk } from '../format/chunk.ts';
import { KiB, MiB } from '../../ports/units.ts';
import { BATCH_BYTES_MAX, BLOCK_BYTES, WRITE_HEADER_BYTES } from '../format/limits.ts';
import type { FileRange, LogMap, Place } from './log-map.ts';
import { ReadAhead } from './read-ahead.ts';
import type { Ahead, PlacedBatch, Stretch } from './read-ahead.ts';
import { borderAfter } from '../format/write-header.ts';
import { WriteScanner } from '../format/write-scan.ts';

/** How much is read at once while looking for an LSN. */
const SEARCH_BYTES = 256 * KiB;
/** A write with a single batch takes this much on disk, at most. */
const WRITE_BYTES_MAX = WRITE_HEADER_BYTES + BATCH_BYTES_MAX;
const READ_BYTES_MIN = BLOCK_BYTES;
/** Ends of recent reads, where a reader of the whole log goes on without searching. */
const CURSORS_MAX = 64;
/** Read and verified at once for those who keep what they get. */
const AHEAD_BYTES = MiB;
/** Places in stretches that are kept, at most: so many readers may go on and on at a time without reading anything twice. */
const AHEAD_MAX = 8;

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
  readonly #ahead = new ReadAhead({ bytes: AHEAD_BYTES, placesMax: AHEAD_MAX, reused: false });
  #generation = Symbol('generation');
  /** Settled where no file is being replaced. */
  #changing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, map: LogMap) {
    this.#disk = disk;
    this.#map = map;
  }

  /** The map was cut: forget what was known of the files, and mistrust what is being read. */
  invalidate(): void {
    this.#generation = Symbol('generation');
    this.#cursors.clear();
    this.#ahead.clear();
  }

  /**
   * Whole batches behind `lsn`, together at most `bytesMax` but at least one, of one segment; undefined at the durable end. Who goes on
   * and on may bring an `ahead` of its own.
   * @throws WalshipError PURGED, LSN_REPLACED (not the end of a batch here), WAL_CORRUPT, DISK_FAILED.
   */
  async chunkAfter(
    lsn: number,
    bytesMax: number,
    ahead: ReadAhead = this.#ahead,
  ): Promise<LogChunk | undefined> {
    return this.#settled(async () => {
      const generation = this.#generation;
      if (lsn < this.#map.start.lsn) throw purged(lsn, this.#map.start.lsn + 1);
      if (lsn === this.#map.end.position.lsn) return undefined;
      const kept = ahead.at(lsn, generation);
      if (kept !== undefined) return this.#take(kept, bytesMax, ahead);
      const place = await this.#find(lsn);
      if (place === undefined) {
        throw new WalshipError('LSN_REPLACED', `LSN ${lsn} is not the end of a batch here`, {
          details: { lsn },
        });
      }
      const stretch = await this.#read(place, { bytesMax: Math.max(bytesMax, ahead.bytes), ahead });
      // Nothing of a read that crossed a cut is kept: it is done again.
      if (stretch === undefined || generation !== this.#generation) return undefined;
      return this.#take({ stretch, index: 0 }, bytesMax, ahead);
    });
  }

  /** The batches at `ahead`, together at most `bytesMax` but at least one; what is behind them is kept for the next call. */
  #take({ stretch, index }: Ahead, bytesMax: number, ahead: ReadAhead): LogChunk {
    const { batches, chunk } = stretch;
    const first = batches[index];
    assert(first !== undefined, 'a stretch is kept only where it goes on');
    let next = index + 1;
    while (next < batches.length && (batches[next]?.end ?? 0) - first.offset <= bytesMax) next += 1;
    const { last, end, place } = batches[next - 1] ?? first;
    const at = stretch.end.at - chunk.bytes.length + end;
    this.#keepCursor({ position: last, at, ...place });
    if (next < batches.length) ahead.keep(last.lsn, { stretch, index: next });
    return { bytes: chunk.bytes.subarray(first.offset, end), previous: first.first, last };
  }

  /** The place at `lsn`; undefined where that is not the end of a durable batch, or not held. */
  placeAt(lsn: number): Promise<Place | undefined> {
    return this.#settled(() => this.#find(lsn));
  }

  /** `work` changes files; a read that fails meanwhile is done again afterwards. */
  async during(work: () => Promise<void>): Promise<void> {
    const done = work().finally(() => this.invalidate());
    this.#changing = done.catch(() => undefined);
    await done;
  }

  async #settled<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      const generation = this.#generation;
      try {
        const result = await attempt();
        if (generation === this.#generation) return result;
      } catch (error) {
        await this.#changing;
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
      const stretch = await this.#read(place, { bytesMax: SEARCH_BYTES, lastLsn: lsn });
      if (stretch === undefined) return undefined;
      place = stretch.end;
    }
    return place.position.lsn === lsn ? place : undefined;
  }

  /** The batches behind `place`; none that ends beyond `lastLsn`, unless it is the first. */
  async #read(
    place: Place,
    { bytesMax, lastLsn = Number.MAX_SAFE_INTEGER, ahead = this.#ahead }: ReadRequest,
  ): Promise<Stretch | undefined> {
    const generation = this.#generation;
    const range = this.#map.rangeAfter(place);
    if (range === undefined) return undefined;
    const file = await this.#disk.open(range.path, 'read');
    try {
      // Behind a whole write comes the next border.
      const base = range.left > 0 ? range.offset : borderAfter(range.offset);
      const available = range.end - base;
      for (let bytes = Math.min(Math.max(bytesMax, READ_BYTES_MIN), available); ;) {
        const target = ahead.room(bytes);
        const count = await file.read(target, base);
        const source = { place, range, base, lastLsn, bytesMax };
        const { chunk, batches } = wholeBatches(target.subarray(0, count), source);
        const last = batches.at(-1);
        if (last !== undefined) {
          const at = place.at + chunk.bytes.length;
          return { chunk, batches, end: { position: chunk.last, at, ...last.place }, generation };
        }
        // The first batch is larger than what was asked for.
        if (count < bytes || bytes >= Math.min(available, WRITE_BYTES_MAX)) {
          throw corrupt(range.path, base + count, 'a batch that does not end');
        }
        bytes = Math.min(Math.max(bytes * 4, SEARCH_BYTES), available, WRITE_BYTES_MAX);
      }
    } finally {
      await file.close();
    }
  }

  /** Where a reader may go on; the place that was kept longest ago is forgotten. */
  #keepCursor(place: Place): void {
    const { lsn } = place.position;
    this.#cursors.delete(lsn);
    this.#cursors.set(lsn, place);
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size <= CURSORS_MAX) break;
      this.#cursors.delete(oldest);
    }
  }
}

interface ReadRequest {
  readonly bytesMax: number;
  readonly lastLsn?: number;
  readonly ahead?: ReadAhead;
}

interface Source {
  readonly place: Place;
  readonly range: FileRange;
  /** Where the bytes begin in the file. */
  readonly base: number;
  readonly lastLsn: number;
  readonly bytesMax: number;
}

/**
 * The whole batches in bytes of a segment, without what stands between writes: they are moved together in place. None where not even the
 * first one is whole.
 */
function wholeBatches(bytes: Buffer, source: Source): Pick<Stretch, 'chunk' | 'batches'> {
  const { place, range, base, lastLsn, bytesMax } = source;
  const { offset, left, header } = range;
  const start = { state: place.position, salt: header.salt, offset, left };
  const batches: PlacedBatch[] = [];
  let last = place.position;
  /** Where the first batch begins in `bytes`; all others are counted from there. */
  let from = 0;
  let end = 0;
  const stop = new WriteScanner(start, base).run(bytes, (batch, _bytes, batchPlace) => {
    const length = batch.end - batch.offset;
    if (end > 0 && (end + length > bytesMax || batch.last.lsn > lastLsn)) return;
    if (end === 0) from = batch.offset;
    if (batch.offset > from + end) bytes.copyWithin(from + end, batch.offset, batch.end);
    batches.push({ ...batch, offset: end, end: end + length, place: batchPlace });
    ({ last } = batch);
    end += length;
  });
  if (stop.kind !== 'end') {
    const reason = stop.kind === 'fill' ? 'the fill byte' : stop.reason;
    throw corrupt(range.path, base + stop.offset, reason);
  }
  return {
    chunk: { bytes: bytes.subarray(from, from + end), previous: place.position, last },
    batches,
  };
}

function corrupt(path: string, offset: number, reason: string): WalshipError {
  return new WalshipError('WAL_CORRUPT', `${path} at offset ${offset}: ${reason}`, {
    details: { segment: path, offset },
  });
}

function purged(lsn: number, oldest: number): WalshipError {
  return new WalshipError('PURGED', `LSN ${lsn + 1} is not held, the oldest one is ${oldest}`, {
    details: { lsn: lsn + 1, oldest },
  });
}
