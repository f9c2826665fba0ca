/**
 * Reads logs off simulated disks, for the checker: from the outside, with a reader of its own that shares no
 * code with the log. It believes what it reads and checks nothing: comparing is the checker's business.
 */
import type { SimDisk } from './sim-disk.ts';

const HEADER_BYTES = 64;
const FILL = 0xa7;
const SEAL = 4;
const RECORD_FIXED_BYTES = 21;

export interface ImageRecord {
  readonly lsn: number;
  /** Of the leadership that wrote it. */
  readonly epoch: number;
  /** Without the bit that continues a transaction. */
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

/**
 * The batches of the log in `directory` from the segment that holds `fromLsn`, as long as they follow each other.
 * `durable` reads the platter and not the cache.
 */
export function readImage(
  disk: SimDisk,
  directory: string,
  options: { readonly fromLsn?: number; readonly durable?: boolean } = {},
): ImageBatch[] {
  const { names } = disk;
  const isDurable = options.durable ?? false;
  const fromLsn = options.fromLsn ?? 1;
  const segments = (isDurable ? names.durablePaths() : names.paths())
    .filter((path) => path.startsWith(`${directory}/`) && path.endsWith('.wal'))
    .map((path) => ({ path, baseLsn: Number(path.slice(directory.length + 1, -4)) }));
  const batches: ImageBatch[] = [];
  for (const [index, { path, baseLsn }] of segments.entries()) {
    const next = segments[index + 1];
    if (next !== undefined && next.baseLsn <= fromLsn) continue;
    const expected = (batches.at(-1)?.lastLsn ?? baseLsn - 1) + 1;
    if (baseLsn !== expected) break;
    const file = isDurable ? names.durable(path) : names.get(path);
    const bytes = isDurable ? file?.durableContent() : file?.content();
    if (bytes === undefined || !readSegment(bytes, baseLsn, batches)) break;
  }
  return batches;
}

/** Appends the segment's batches; false where it ends otherwise than in fill or at the end of the file. */
function readSegment(bytes: Buffer, baseLsn: number, batches: ImageBatch[]): boolean {
  let offset = HEADER_BYTES;
  let start = offset;
  let firstLsn = baseLsn;
  let records: Omit<ImageRecord, 'epoch'>[] = [];
  while (offset < bytes.length && bytes[offset] !== FILL) {
    const read = readRecord(bytes, offset);
    if (read === undefined) return false;
    const { end, ...record } = read;
    offset = end;
    if (record.op !== SEAL) {
      records.push(record);
      continue;
    }
    if (record.lsn !== firstLsn + records.length - 1) return false;
    const epoch = Number(record.value.readBigUInt64BE(0));
    batches.push({
      firstLsn,
      lastLsn: record.lsn,
      bytes: bytes.subarray(start, offset),
      records: records.map((entry) => ({ ...entry, epoch })),
    });
    firstLsn = record.lsn + 1;
    start = offset;
    records = [];
  }
  return records.length === 0;
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
  return {
    lsn: Number(bytes.readBigUInt64BE(offset)),
    op: bytes.readUInt8(offset + 8) & 0x7f,
    key: bytes.toString('latin1', keyAt, valueLengthAt),
    value: bytes.subarray(valueAt, valueEnd),
    end: valueEnd + 4,
  };
}
