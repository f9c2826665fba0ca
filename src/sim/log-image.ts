/**
 * Reads logs off simulated disks, for the checker: from the outside, with a reader of its own that shares no code
 * with the log. It verifies the checksums alone, since a torn batch is not held: comparing is the checker's task.
 */
import zlib from 'node:zlib';
import type { SimDisk } from './sim-disk.ts';
import type { SimFile } from './sim-file.ts';

const HEADER_BYTES = 64;
const BLOCK_BYTES = 512;
const WRITE_HEADER_BYTES = 32;
const SEAL = 4;
const RECORD_FIXED_BYTES = 21;

export interface ImageRecord {
  readonly lsn: number;
  /** Epoch of the leadership that wrote it. */
  readonly epoch: number;
  /** Op code without the bit that continues a transaction. */
  readonly op: number;
  readonly key: string;
  readonly value: Buffer;
}

/** A batch with its seal, exactly as it is in the file. */
export interface ImageBatch {
  readonly firstLsn: number;
  readonly lastLsn: number;
  readonly bytes: Buffer;
  readonly records: readonly ImageRecord[];
}

/** Returns the batches of the log in `directory`, from the cache, as long as they follow each other. */
export function readImage(disk: SimDisk, directory: string): ImageBatch[] {
  return new ImageReader(disk, directory).batches({ fromLsn: 1, durable: false });
}

/** Returns the batches of one segment file, in saved/ too, as long as they follow each other. */
export function batchesOf(segment: Buffer): readonly ImageBatch[] {
  const page: Page = {
    generation: 0,
    batches: [],
    offset: HEADER_BYTES,
    nextLsn: Number(segment.readBigUInt64BE(32)),
    writeEnd: HEADER_BYTES,
  };
  readOn(segment, page);
  return page.batches;
}

/**
 * Returns the LSN from which on the log in `directory` has to hold everything: 1, unless a snapshot beside it holds
 * earlier records.
 */
export function heldFrom({ names }: SimDisk, directory: string): number {
  return Math.max(0, ...snapshotStarts(names.paths(), directory)) + 1;
}

/**
 * Returns the LSN up to which a snapshot on the platter, beside the log in `directory`, holds everything; 0 where
 * there is none.
 */
export function snapshotReach({ names }: SimDisk, directory: string): number {
  return Math.max(0, ...snapshotStarts(names.durablePaths(), directory));
}

function snapshotStarts(paths: readonly string[], directory: string): readonly number[] {
  return lsnsOf(paths, directory.replace(/wal$/, 'snapshots'), '.snap');
}

/** Returns the numbers in the names of the files of one kind. */
function lsnsOf(paths: readonly string[], directory: string, suffix: string): readonly number[] {
  return paths
    .filter((path) => path.startsWith(`${directory}/`) && path.endsWith(suffix))
    .map((path) => Number(path.slice(directory.length + 1, -suffix.length)));
}

/** A segment, as far as it was read. */
interface Page {
  readonly generation: number;
  readonly batches: ImageBatch[];
  /** Offset of the first batch that was not read yet, and its first LSN. */
  offset: number;
  nextLsn: number;
  /** End of the write that contains the next batch; equal to the start of that batch, if it is in the next write. */
  writeEnd: number;
}

/** Reader of one machine's log, called again and again; reads only the new part of a segment. */
export class ImageReader {
  readonly #disk: SimDisk;
  readonly #directory: string;
  readonly #cached = new WeakMap<SimFile, Page>();
  readonly #durable = new WeakMap<SimFile, Page>();

  constructor(disk: SimDisk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /**
   * Returns batches from the segment that holds `fromLsn` on, as long as they follow each other; `durable`: those on
   * the platter.
   */
  batches({ fromLsn, durable }: { fromLsn: number; durable: boolean }): ImageBatch[] {
    const { names } = this.#disk;
    const segments = (durable ? names.durablePaths() : names.paths())
      .filter((path) => path.startsWith(`${this.#directory}/`) && path.endsWith('.wal'))
      .map((path) => ({ path, baseLsn: Number(path.slice(this.#directory.length + 1, -4)) }));
    const batches: ImageBatch[] = [];
    for (const [index, { path, baseLsn }] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined && next.baseLsn <= fromLsn) continue;
      if (baseLsn !== (batches.at(-1)?.lastLsn ?? baseLsn - 1) + 1) break;
      const file = durable ? names.durable(path) : names.get(path);
      if (file === undefined) break;
      for (const batch of this.#read(file, baseLsn, durable)) batches.push(batch);
    }
    return batches;
  }

  #read(file: SimFile, baseLsn: number, durable: boolean): readonly ImageBatch[] {
    const pages = durable ? this.#durable : this.#cached;
    let page = pages.get(file);
    if (page?.generation !== file.generation) {
      const [offset, writeEnd] = [HEADER_BYTES, HEADER_BYTES];
      page = { generation: file.generation, batches: [], offset, nextLsn: baseLsn, writeEnd };
      pages.set(file, page);
    }
    readOn(file.soundView(durable), page);
    return page.batches;
  }
}

/** Adds the batches that are whole. */
function readOn(bytes: Buffer, page: Page): void {
  while (page.offset < page.writeEnd || enterWrite(bytes, page)) {
    if (!readBatch(bytes, page)) return;
  }
}

/** Returns true if another write begins after the last one. */
function enterWrite(bytes: Buffer, page: Page): boolean {
  const at = Math.ceil(page.writeEnd / BLOCK_BYTES) * BLOCK_BYTES;
  const header = bytes.subarray(at, at + WRITE_HEADER_BYTES);
  if (header.length < WRITE_HEADER_BYTES) return false;
  // The header has the salt of the segment, and a checksum of its own.
  if (!header.subarray(0, 8).equals(bytes.subarray(52, 60))) return false;
  if (zlib.crc32(header.subarray(0, 28)) !== header.readUInt32BE(28)) return false;
  page.offset = at + WRITE_HEADER_BYTES;
  page.writeEnd = page.offset + header.readUInt32BE(12);
  return true;
}

/** Reads a batch; returns false where it is not whole. */
function readBatch(bytes: Buffer, page: Page): boolean {
  let { offset } = page;
  const records: Omit<ImageRecord, 'epoch'>[] = [];
  while (offset < page.writeEnd) {
    const read = readRecord(bytes, offset);
    if (read === undefined) return false;
    const { end, ...record } = read;
    offset = end;
    if (record.op !== SEAL) {
      records.push(record);
      continue;
    }
    if (record.lsn !== page.nextLsn + records.length - 1) return false;
    const epoch = Number(record.value.readBigUInt64BE(0));
    page.batches.push({
      firstLsn: page.nextLsn,
      lastLsn: record.lsn,
      bytes: Buffer.from(bytes.subarray(page.offset, offset)),
      records: records.map((entry) => ({ ...entry, epoch })),
    });
    page.nextLsn = record.lsn + 1;
    page.offset = offset;
    return true;
  }
  return false;
}

function readRecord(
  bytes: Buffer,
  offset: number,
): (Omit<ImageRecord, 'epoch'> & { end: number }) | undefined {
  if (offset + RECORD_FIXED_BYTES > bytes.length) return undefined;
  const keyAt = offset + 13;
  const valueLengthAt = keyAt + bytes.readUInt32BE(offset + 9);
  if (valueLengthAt + 4 > bytes.length) return undefined;
  const valueAt = valueLengthAt + 4;
  const valueEnd = valueAt + bytes.readUInt32BE(valueLengthAt);
  if (valueEnd + 4 > bytes.length) return undefined;
  if (zlib.crc32(bytes.subarray(offset, valueEnd)) !== bytes.readUInt32BE(valueEnd)) {
    return undefined;
  }
  return {
    lsn: Number(bytes.readBigUInt64BE(offset)),
    op: bytes.readUInt8(offset + 8) & 0x7f,
    key: bytes.toString('latin1', keyAt, valueLengthAt),
    value: Buffer.from(bytes.subarray(valueAt, valueEnd)),
    end: valueEnd + 4,
  };
}
