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

/** Bytes per read in the search for an LSN. */
const SEARCH_BYTES = 256 * KiB;
/** Maximum size on disk of a write with a single batch. */
const WRITE_BYTES_MAX = WRITE_HEADER_BYTES + BATCH_BYTES_MAX;
const READ_BYTES_MIN = BLOCK_BYTES;
/** Maximum number of remembered ends of recent reads, at which sequential readers continue without a search. */
const CURSORS_MAX = 64;
/** Bytes that are read and verified at once for readers that keep the batches. */
const AHEAD_BYTES = MiB;
/** Maximum number of cached stretches: as many sequential readers can run concurrently without reading anything twice. */
const AHEAD_MAX = 8;

/**
 * Reads durable batches from segment files, verifying every checksum and chain, in bounded memory.
 *
 * Reads run concurrently with writing, rotation, trimming and cuts: none of them changes bytes below the durable end except a
 * cut, which changes the generation; a read that overlaps a cut is repeated.
 */
export class LogReader {
  readonly #disk: Disk;
  readonly #map: LogMap;
  readonly #cursors = new Map<number, Place>();
  readonly #ahead = new ReadAhead({ bytes: AHEAD_BYTES, placesMax: AHEAD_MAX, reused: false });
  #generation = Symbol('generation');
  /** Settled when no file is being replaced. */
  #changing: Promise<void> = Promise.resolve();

  constructor(disk: Disk, map: LogMap) {
    this.#disk = disk;
    this.#map = map;
  }

  /** Drops the caches after a cut, and makes running reads repeat. */
  invalidate(): void {
    this.#generation = Symbol('generation');
    this.#cursors.clear();
    this.#ahead.clear();
  }

  /**
   * Reads whole batches of one segment after `lsn`: at most `bytesMax` together, but at least one; undefined at the durable end. A
   * sequential reader may pass its own `ahead`.
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
      // A read that overlaps a cut keeps nothing and is repeated.
      if (stretch === undefined || generation !== this.#generation) return undefined;
      return this.#take({ stretch, index: 0 }, bytesMax, ahead);
    });
  }

  /** Takes the next batches of a stretch: at most `bytesMax` together, but at least one; the rest is kept for the next call. */
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

  /** Place at `lsn`; undefined if no durable batch ends there, or if it is no longer held. */
  placeAt(lsn: number): Promise<Place | undefined> {
    return this.#settled(() => this.#find(lsn));
  }

  /** Runs `work`, which changes files; a concurrent read that fails is repeated after. */
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

  /** Reads batches after `place`, at least one; further ones only if they end at or below `lastLsn`. */
  async #read(
    place: Place,
    { bytesMax, lastLsn = Number.MAX_SAFE_INTEGER, ahead = this.#ahead }: ReadRequest,
  ): Promise<Stretch | undefined> {
    const generation = this.#generation;
    const range = this.#map.rangeAfter(place);
    if (range === undefined) return undefined;
    const file = await this.#disk.open(range.path, 'read');
    try {
      // After a whole write, the next one begins at the next block boundary.
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
        // The first batch is larger than the buffer.
        if (count < bytes || bytes >= Math.min(available, WRITE_BYTES_MAX)) {
          throw corrupt(range.path, base + count, 'a batch that does not end');
        }
        bytes = Math.min(Math.max(bytes * 4, SEARCH_BYTES), available, WRITE_BYTES_MAX);
      }
    } finally {
      await file.close();
    }
  }

  /** Remembers a place where a reader may continue; drops the oldest at the limit. */
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
  /** File offset of the bytes. */
  readonly base: number;
  readonly lastLsn: number;
  readonly bytesMax: number;
}

/**
 * Extracts the whole batches from bytes of a segment: removes the headers and the fill between writes by moving the batches together
 * in place. Returns none if not even the first batch is whole.
 */
function wholeBatches(bytes: Buffer, source: Source): Pick<Stretch, 'chunk' | 'batches'> {
  const { place, range, base, lastLsn, bytesMax } = source;
  const { offset, left, header } = range;
  const start = { state: place.position, salt: header.salt, offset, left };
  const batches: PlacedBatch[] = [];
  let last = place.position;
  /** Start of the first batch in `bytes`; the other offsets count from there. */
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
