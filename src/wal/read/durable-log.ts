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
 * What is durable, and every way to read it: the newest batches from memory, all of them from files.
 * Invariant: nothing is here that has not been fsynced.
 */
export class DurableLog {
  readonly #disk: Disk;
  readonly #recent: RecentBatches;
  /** A read met damage in this segment. */
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

  /** Which batch is in which file. */
  get map(): LogMap {
    return this.#map;
  }

  /** A blank log got its identity: it begins at `start`. */
  begin(start: Position): void {
    this.#map = new LogMap(start);
    this.#reader = new LogReader(this.#disk, this.#map);
  }

  /** A batch became durable, which ends at `place` in its file; its bytes never change again. */
  add({ bytes, previous, last }: LogChunk, place: BatchPlace): void {
    this.#map.addBatch(bytes.length, last, place);
    this.#recent.add(bytes, previous, last);
  }

  /** As `add`, for all batches of one write, whose first one begins at `at` in its file. */
  addWrite(written: Buffer, batches: readonly BatchInfo[], at: number): void {
    for (const { offset, end, first: previous, last } of batches) {
      const bytes = written.subarray(offset, end);
      this.add({ bytes, previous, last }, { offset: at + end, left: written.length - end });
    }
  }

  /** `work` puts other files in the place of segments, and says so to the map; what is read meanwhile and fails is read again. */
  during(work: () => Promise<void>): Promise<void> {
    return this.#reader.during(work);
  }

  /** Forgets whole segments whose records are all at or below `lsn`; returns their paths. Nothing in them is read any more. */
  purge(lsn: number): readonly string[] {
    const paths = this.#map.purge(lsn);
    if (paths.length > 0) this.#reader.invalidate();
    return paths;
  }

  /** All that was held is gone; the log goes on behind `start`. */
  restart(start: Position): void {
    this.#map.restart(start);
    this.#reader.invalidate();
    this.#recent.clear();
  }

  /** The log is being cut behind `end`: nothing behind it is read any more. */
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

  /** About how many bytes of the stream follow `lsn`: exact to the distance of known places. */
  bytesAfter(lsn: number): number {
    return lsn >= this.end.lsn ? 0 : this.#map.end.at - this.#map.placeBefore(lsn).at;
  }

  /** Where the batch that ends at `lsn` ends, if there is one. */
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
