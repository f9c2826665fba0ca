import assert from 'node:assert';
import { type Clock, nextTurn } from '../../ports/clock.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { forget, indexAt } from '../format/history-spans.ts';
import type { EpochSpan } from '../format/history-spans.ts';
import { KiB, MiB } from '../../ports/units.ts';
import { encodeRecord, OP, recordBytes } from '../format/record.ts';
import {
  encodeFooter,
  encodeSnapshotHeader,
  encodeSpan,
  newDigest,
  snapshotDirOf,
  snapshotName,
} from './snapshot-format.ts';
import type { SnapshotFooter, SnapshotHeader } from './snapshot-format.ts';
import { TEMPORARY_SUFFIX } from '../format/segment.ts';

/** Maximum bytes of keys and values, and maximum number of keys, that are visited in one turn of the event loop. */
export const VISIT_BYTES_MAX = 256 * KiB;
export const VISIT_KEYS_MAX = 512;
/** Bytes between two fsyncs, so that a concurrent commit waits for that much at most and not for the whole file. */
const SYNC_BYTES = 2 * MiB;
/** Maximum bytes that are hashed in one turn. */
const HASH_BYTES_MAX = MiB;

/** A live key at the time of the visit; the buffers do not change after. */
export interface VisitedKey {
  readonly key: Buffer;
  readonly value: Buffer;
  /** LSN of the record that wrote it. */
  readonly lsn: number;
}

/** Visits live keys in byte order; a key that is written concurrently may be shown before or after the write. */
export interface KeySource {
  /** Returns the keys after `after` (from the first if it is undefined): at most `limit`, ending when they reach `bytesMax`; none at the end. */
  page(request: {
    readonly after?: Uint8Array;
    readonly limit: number;
    readonly bytesMax: number;
  }): readonly VisitedKey[];
  /** LSN applied so far; every page reflects only records at or below it. */
  readonly appliedLsn: number;
}

/** A snapshot on disk. */
export interface SnapshotFile extends SnapshotHeader, SnapshotFooter {
  /** Leaderships that wrote its keys and the record at the start, oldest first. */
  readonly epochs: readonly EpochSpan[];
  readonly path: string;
  readonly bytes: number;
}

export interface SnapshotOrder {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory. */
  readonly dir: string;
  readonly header: SnapshotHeader;
  /** Leaderships that wrote the log up to the start; must not change after. */
  readonly history: readonly EpochSpan[];
  readonly source: KeySource;
  /** Called between two turns; true stops the writing, and the file is removed. */
  readonly cancelled: () => boolean;
}

/**
 * Writes a snapshot, a little in each turn of the event loop; durable under its name on resolve. Undefined if it was cancelled.
 * @throws WalshipError DISK_FULL after removing the file, DISK_FAILED.
 */
export async function writeSnapshot(order: SnapshotOrder): Promise<SnapshotFile | undefined> {
  const { disk, dir, header, cancelled } = order;
  const directory = snapshotDirOf(dir);
  await disk.makeDir(directory);
  const path = `${directory}/${snapshotName(header.start.lsn)}`;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  try {
    const file = await disk.open(temporary, 'create');
    const writer = new Writer(order, file);
    let written: Written | undefined;
    try {
      written = await writer.run();
    } finally {
      await file.close();
    }
    if (written === undefined) {
      await disk.remove(temporary);
      return undefined;
    }
    await disk.rename(temporary, path);
    if (cancelled()) {
      // The log was cut during the rename. If the name survived, a later state would begin with the records that were cut.
      await disk.remove(path);
      await disk.syncDir(directory);
      return undefined;
    }
    await disk.syncDir(directory);
    return { ...header, ...written, path, bytes: writer.bytes };
  } catch (error) {
    // A failed removal is unlikely after a failed write, and the first failure is the one to report.
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  }
}

type Written = SnapshotFooter & Pick<SnapshotFile, 'epochs'>;

class Writer {
  readonly #order: SnapshotOrder;
  /** Indexes of the spans that wrote the visited keys. */
  readonly #named = new Set<number>();
  readonly #file: DiskFile;
  readonly #hash = newDigest();
  #unsyncedBytes = 0;
  bytes = 0;

  constructor(order: SnapshotOrder, file: DiskFile) {
    this.#order = order;
    this.#file = file;
  }

  async run(): Promise<Written | undefined> {
    const { header, history, source, cancelled } = this.#order;
    await this.#write(encodeSnapshotHeader(header));
    let count = 0;
    let after: Buffer | undefined;
    for (;;) {
      const limits = { limit: VISIT_KEYS_MAX, bytesMax: VISIT_BYTES_MAX };
      const page = source.page(after === undefined ? limits : { ...limits, after });
      const last = page.at(-1);
      if (last === undefined) break;
      count += page.length;
      after = last.key;
      this.#name(page);
      await this.#write(encodePage(page));
      await nextTurn(this.#order.clock);
      if (cancelled()) return undefined;
    }
    const endLsn = Math.max(source.appliedLsn, header.start.lsn);
    const epochs = forget(history, (_, index) => this.#named.has(index));
    await this.#writeSpans(epochs);
    if (cancelled()) return undefined;
    const footer = encodeFooter(this.#hash, endLsn, count);
    const digest = footer.toString('hex', footer.length - 4 - 32, footer.length - 4);
    await this.#file.write(footer, this.bytes);
    this.bytes += footer.length;
    await this.#file.sync();
    return { endLsn, count, digest, epochs };
  }

  #name(page: readonly VisitedKey[]): void {
    const { header, history } = this.#order;
    for (const { lsn } of page) {
      if (lsn <= header.start.lsn) this.#named.add(indexAt(history, lsn));
    }
  }

  async #writeSpans(spans: readonly EpochSpan[]): Promise<void> {
    let page: Buffer[] = [];
    let bytes = 0;
    for (const span of spans) {
      const record = encodeSpan(span);
      page.push(record);
      bytes += record.length;
      if (bytes < VISIT_BYTES_MAX && page.length < VISIT_KEYS_MAX) continue;
      await this.#write(Buffer.concat(page, bytes));
      await nextTurn(this.#order.clock);
      page = [];
      bytes = 0;
    }
    await this.#write(Buffer.concat(page, bytes));
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += HASH_BYTES_MAX) {
      if (at > 0) await nextTurn(this.#order.clock);
      this.#hash.update(bytes.subarray(at, at + HASH_BYTES_MAX));
    }
    await this.#file.write(bytes, this.bytes);
    this.bytes += bytes.length;
    this.#unsyncedBytes += bytes.length;
    if (this.#unsyncedBytes < SYNC_BYTES) return;
    this.#unsyncedBytes = 0;
    await this.#file.sync();
  }
}

function encodePage(page: readonly VisitedKey[]): Buffer {
  let size = 0;
  for (const { key, value } of page) size += recordBytes(key.length, value.length);
  const bytes = Buffer.allocUnsafeSlow(size);
  let end = 0;
  for (const { lsn, key, value } of page) {
    end = encodeRecord(bytes, end, { lsn, op: OP.PUT, key, value });
  }
  assert(end === size, 'a page fills its buffer');
  return bytes;
}
