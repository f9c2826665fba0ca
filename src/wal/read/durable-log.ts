import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Disk } from '../../ports/disk.ts';
import type { LogChunk } from '../format/chunk.ts';
import { KiB, MiB } from '../../ports/units.ts';
import { LogMap } from './log-map.ts';
import type { Place } from './log-map.ts';
import type { Position } from '../format/position.ts';
import { readRecords } from './read-records.ts';
import type { ReadAhead } from './read-ahead.ts';
import { LogReader } from './reader.ts';
import { RecentBatches } from './recent-batches.ts';
import type { LogRecord } from '../format/record.ts';
import type { BatchInfo } from '../format/scan.ts';
import type { BatchPlace } from '../format/write-scan.ts';

const RECENT_BYTES_DEFAULT = 16 * MiB;
const READ_BYTES = 256 * KiB;

/**
 * The durable part of the log, and its readers: the newest batches from memory, all of them from files.
 * Invariant: every batch in it has been fsynced.
 */
export class DurableLog {
  readonly #disk: Disk;
  readonly #recent: RecentBatches;
  /** Called with the path of a segment in which a read found damage. */
  onDamage: (path: string) => void = () => undefined;
  #map: LogMap;
  #reader: LogReader;

  constructor(disk: Disk, map: LogMap, recentBytesMax: number | undefined) {
    this.#disk = disk;
    this.#map = map;
    this.#reader = new LogReader(disk, map);
    this.#recent = new RecentBatches(recentBytesMax ?? RECENT_BYTES_DEFAULT);
  }

  get end(): Position {
    return this.#map.end.position;
  }

  get firstLsn(): number {
    return this.#map.start.lsn + 1;
  }

  /** Map of batches to files. */
  get map(): LogMap {
    return this.#map;
  }

  /** Begins a blank log, which has just got its identity, at `start`. */
  begin(start: Position): void {
    this.#map = new LogMap(start);
    this.#reader = new LogReader(this.#disk, this.#map);
  }

  /** Adds a durable batch that ends at `place` in its file; the bytes must never change after. */
  add({ bytes, previous, last }: LogChunk, place: BatchPlace): void {
    this.#map.addBatch(bytes.length, last, place);
    this.#recent.add(bytes, previous, last);
  }

  /** Adds all batches of one write; the first one begins at offset `at` of its file. */
  addWrite(written: Buffer, batches: readonly BatchInfo[], at: number): void {
    for (const { offset, end, first: previous, last } of batches) {
      const bytes = written.subarray(offset, end);
      this.add({ bytes, previous, last }, { offset: at + end, left: written.length - end });
    }
  }

  /** Runs `work`, which replaces segment files and updates the map; concurrent reads that fail are repeated after. */
  during(work: () => Promise<void>): Promise<void> {
    return this.#reader.during(work);
  }

  /** Forgets whole segments whose records are all at or below `lsn`; returns their paths. They are no longer read. */
  purge(lsn: number): readonly string[] {
    const paths = this.#map.purge(lsn);
    if (paths.length > 0) this.#reader.invalidate();
    return paths;
  }

  /** Drops everything; the log continues after `start`. */
  restart(start: Position): void {
    this.#map.restart(start);
    this.#reader.invalidate();
    this.#recent.clear();
  }

  /** Cuts the log after `end`; later records are no longer read. */
  truncate(end: Place): void {
    this.#map.truncate(end);
    this.#reader.invalidate();
    this.#recent.truncate(end.position.lsn);
  }

  async chunkAfter(
    lsn: number,
    bytesMax: number,
    ahead?: ReadAhead,
  ): Promise<LogChunk | undefined> {
    if (lsn >= this.end.lsn) return undefined;
    const recent = this.#recent.after(lsn, bytesMax);
    if (recent !== undefined) return recent;
    try {
      return await this.#reader.chunkAfter(lsn, bytesMax, ahead);
    } catch (error) {
      const path = isWalshipError(error, 'WAL_CORRUPT') ? error.details['segment'] : undefined;
      if (typeof path === 'string') this.onDamage(path);
      throw error;
    }
  }

  recentAfter(lsn: number, bytesMax: number): LogChunk | undefined {
    return this.#recent.after(lsn, bytesMax);
  }

  async chainAt(lsn: number): Promise<Position | undefined> {
    if (lsn === this.end.lsn) return this.end;
    return this.#recent.positionAt(lsn) ?? (await this.placeAt(lsn))?.position;
  }

  /** Approximate number of stream bytes after `lsn`: exact to the distance between known places. */
  bytesAfter(lsn: number): number {
    return lsn >= this.end.lsn ? 0 : this.#map.end.at - this.#map.placeBefore(lsn).at;
  }

  /** Place of the end of the batch that ends at `lsn`; undefined if there is none. */
  placeAt(lsn: number): Promise<Place | undefined> {
    return this.#reader.placeAt(lsn);
  }

  async *read(from: number): AsyncGenerator<LogRecord, void, undefined> {
    const oldest = this.firstLsn;
    if (from < oldest) {
      throw new WalshipError('PURGED', `LSN ${from} is not held, the oldest one is ${oldest}`, {
        details: { lsn: from, oldest },
      });
    }
    if (from > this.end.lsn) return;
    const start = this.#map.placeBefore(from - 1).position;
    yield* readRecords(this, { from, start, chunkBytes: READ_BYTES });
  }
}
