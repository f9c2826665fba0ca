import { WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import type { LogChunk } from './chunk.ts';
import { BATCH_BYTES_MAX, KiB } from './limits.ts';
import type { FileRange, LogMap, Place } from './log-map.ts';
import { BatchScanner } from './scan.ts';

/** How much is read at once while looking for an LSN. */
const SEARCH_BYTES = 256 * KiB;
/** Ends of recent reads, where a reader of the whole log goes on without searching. */
const CURSORS_MAX = 64;

/** Whole batches from files, and the place behind them. */
interface Stretch {
  readonly chunk: LogChunk;
  readonly end: Place;
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
  #generation = 0;

  constructor(disk: Disk, map: LogMap) {
    this.#disk = disk;
    this.#map = map;
  }

  /** The map was cut: forget what was known of the files, and mistrust what is being read. */
  invalidate(): void {
    this.#generation += 1;
    this.#cursors.clear();
  }

  /**
   * Whole batches behind `lsn`, together at most `bytesMax` but at least one, of one segment; undefined at the durable end.
   * @throws WalshipError PURGED, LSN_REPLACED (not the end of a batch here), WAL_CORRUPT, DISK_FAILED.
   */
  async chunkAfter(lsn: number, bytesMax: number): Promise<LogChunk | undefined> {
    return this.#settled(async () => {
      if (lsn < this.#map.start.lsn) throw purged(lsn, this.#map.start.lsn + 1);
      if (lsn === this.#map.end.position.lsn) return undefined;
      const place = await this.#find(lsn);
      if (place === undefined) {
        throw new WalshipError('LSN_REPLACED', `LSN ${lsn} is not the end of a batch here`, {
          details: { lsn },
        });
      }
      const stretch = await this.#read(place, bytesMax);
      if (stretch !== undefined) this.#remember(stretch.end);
      return stretch?.chunk;
    });
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
        const chunk = wholeBatches(target.subarray(0, count), { place, range, lastLsn, bytesMax });
        if (chunk.bytes.length > 0) {
          const at = place.at + chunk.bytes.length;
          return { chunk, end: { position: chunk.last, at } };
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

  #remember(place: Place): void {
    const { lsn } = place.position;
    this.#cursors.delete(lsn);
    this.#cursors.set(lsn, place);
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size <= CURSORS_MAX) break;
      this.#cursors.delete(oldest);
    }
  }
}

interface Source {
  readonly place: Place;
  readonly range: FileRange;
  readonly lastLsn: number;
  readonly bytesMax: number;
}

/** The whole batches that `bytes` begin with: none where not even the first one is whole. */
function wholeBatches(bytes: Buffer, source: Source): LogChunk {
  const { place, range, lastLsn, bytesMax } = source;
  const scanner = new BatchScanner(place.position);
  let last = place.position;
  let end = 0;
  const stop = scanner.run(bytes, (batch) => {
    if (end > 0 && (batch.end > bytesMax || batch.last.lsn > lastLsn)) return;
    ({ last, end } = batch);
  });
  if (stop.kind !== 'end') {
    throw corrupt(range, stop.offset, stop.kind === 'fill' ? 'the fill byte' : stop.reason);
  }
  return { bytes: bytes.subarray(0, end), previous: place.position, last };
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
