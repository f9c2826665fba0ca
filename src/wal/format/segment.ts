/**
 * A segment: one log file. A segment begins with this header, in a block of its own; then come writes (write-header.ts), each at the
 * next block boundary, then fill.
 *
 *   0         8       10      12         16            32         40        48       52      60      64
 *   +---------+-------+-------+----------+-------------+----------+---------+--------+-------+-------+
 *   | WALSHIP\n| format| 0     | 64   u32 | cluster id  | base lsn | epoch   | chain  | salt  | crc   |
 *   +---------+-------+-------+----------+-------------+----------+---------+--------+-------+-------+
 *
 * Epoch and chain are those just before the base LSN; crc is CRC-32 of bytes 0 to 59.
 *
 * Invariant: a live segment ends in at least one fill byte, so that a full one is not mistaken for a trimmed one.
 */
import assert from 'node:assert';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { crc32 } from './checksum.ts';
import { isId } from './epoch-record.ts';
import { MiB } from '../../ports/units.ts';
import { FILL_BYTE, SEGMENT_HEADER_BYTES } from './limits.ts';
import { hex32, readU32, readU64, writeU32, writeU64 } from './record.ts';
import { Salt } from './salt.ts';
import type { LogState } from './scan.ts';

/** Format of segments. 1: the first. */
export const SEGMENT_FORMAT = 1;
/** Suffix of unfinished files; recovery removes those that a dead process left. */
export const TEMPORARY_SUFFIX = '.tmp';
const MAGIC = Buffer.from('WALSHIP\n', 'latin1');
const SALT_OFFSET = 52;
const CRC_OFFSET = 60;
const NAME_PATTERN = /^(\d{20})\.wal$/;
/** Fill bytes for one write; never modified. */
const FILL_CHUNK = Buffer.alloc(2 * MiB, FILL_BYTE);
/** Bytes of fill per fsync, so that a concurrent commit waits for one piece at most and not for the whole file. */
const FILL_SYNC_BYTES = 2 * MiB;
/** Bytes of fill per fsync when commits are already waiting for this file. */
const HURRIED_SYNC_BYTES = 8 * MiB;

export interface SegmentHeader {
  /** Cluster id: 16 bytes as 32 hexadecimal digits. */
  readonly clusterId: string;
  /** LSN of the segment's first record. */
  readonly baseLsn: number;
  /** Epoch just before the first record. */
  readonly epoch: number;
  /** Chain just before the first record. */
  readonly chain: number;
  /** Salt that the header of each write in this file repeats. */
  readonly salt: Salt;
}

export type DecodedHeader =
  | { readonly kind: 'header'; readonly header: SegmentHeader }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Returns the header of the segment that follows `state`. */
export function headerAfter(clusterId: string, state: LogState, salt: Salt): SegmentHeader {
  return { clusterId, baseLsn: state.lsn + 1, epoch: state.epoch, chain: state.chain, salt };
}

/** State of the log just before a segment with this header. */
export function stateBefore(header: SegmentHeader): LogState {
  return { epoch: header.epoch, lsn: header.baseLsn - 1, chain: header.chain };
}

/** Encodes a header (64 bytes) into a new buffer. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  assert(isId(header.clusterId), 'a cluster id has 32 hexadecimal digits');
  assert(Number.isSafeInteger(header.baseLsn) && header.baseLsn >= 1, 'a base LSN is at least 1');
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16BE(SEGMENT_FORMAT, 8);
  writeU32(bytes, 12, SEGMENT_HEADER_BYTES);
  bytes.write(header.clusterId, 16, 'hex');
  writeU64(bytes, 32, header.baseLsn);
  writeU64(bytes, 40, header.epoch);
  writeU32(bytes, 48, header.chain);
  header.salt.writeTo(bytes, SALT_OFFSET);
  writeU32(bytes, CRC_OFFSET, crc32(bytes.subarray(0, CRC_OFFSET)));
  return bytes;
}

/** Decodes a header; never throws, whatever the bytes. */
export function decodeSegmentHeader(bytes: Buffer): DecodedHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) return invalid(`a header of ${bytes.length} bytes`);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return invalid('not a walship segment');
  const stored = readU32(bytes, CRC_OFFSET);
  const actual = crc32(bytes.subarray(0, CRC_OFFSET));
  if (stored !== actual) {
    return invalid(`header checksum ${hex32(actual)}, stored ${hex32(stored)}`);
  }
  const format = bytes.readUInt16BE(8);
  if (format > SEGMENT_FORMAT) return { kind: 'newer', format };
  if (format < SEGMENT_FORMAT) return invalid(`format ${format}`);
  const headerBytes = readU32(bytes, 12);
  if (headerBytes !== SEGMENT_HEADER_BYTES) {
    return invalid(`a header that claims ${headerBytes} bytes`);
  }
  if (bytes.readUInt16BE(10) !== 0) return invalid('reserved bytes in use');
  const baseLsn = readU64(bytes, 32);
  const epoch = readU64(bytes, 40);
  if (!Number.isSafeInteger(baseLsn) || baseLsn < 1) return invalid('a base LSN out of range');
  if (!Number.isSafeInteger(epoch)) return invalid('an epoch that exceeds 2^53');
  const clusterId = bytes.toString('hex', 16, 32);
  const salt = Salt.at(bytes, SALT_OFFSET);
  return { kind: 'header', header: { clusterId, baseLsn, epoch, chain: readU32(bytes, 48), salt } };
}

const invalid = (reason: string): DecodedHeader => ({ kind: 'invalid', reason });

export function segmentName(baseLsn: number): string {
  return `${String(baseLsn).padStart(20, '0')}.wal`;
}

/** Base LSN in a file name; undefined if it is not the name of a segment. */
export function parseSegmentName(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  const baseLsn = match === null ? 0 : Number(match[1]);
  return Number.isSafeInteger(baseLsn) && baseLsn >= 1 ? baseLsn : undefined;
}

/** A segment that can be written to. */
export interface OpenSegment {
  readonly path: string;
  readonly file: DiskFile;
  readonly header: SegmentHeader;
  readonly sizeBytes: number;
}

/** A segment that can be written to, and the end of its content. */
export interface OpenedSegment {
  readonly segment: OpenSegment;
  /** Offset just past the last batch, in the file. */
  readonly usedBytes: number;
  /** Number of its last write; 0 if it has none. */
  readonly number: number;
}

/** Returns a segment without writes. */
export function emptySegment(segment: OpenSegment): OpenedSegment {
  return { segment, usedBytes: SEGMENT_HEADER_BYTES, number: 0 };
}

/** A file of fill under a temporary name, waiting for its header and name. */
export interface PrefilledFile {
  readonly path: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
}

/**
 * Creates a file that consists of fill; its bytes are durable on resolve, its (temporary) name is not. `hurried` is called before each
 * piece; true makes the pieces larger, because commits wait for this file. On failure the file is removed.
 */
export async function prefill(
  disk: Disk,
  path: string,
  sizeBytes: number,
  hurried: () => boolean = () => false,
): Promise<PrefilledFile> {
  const file = await disk.open(path, 'create');
  try {
    for (let end = 0; end < sizeBytes;) {
      const start = end;
      const bytes = hurried() ? HURRIED_SYNC_BYTES : FILL_SYNC_BYTES;
      end = Math.min(start + bytes, sizeBytes);
      await fill(file, start, end);
      await file.sync();
    }
  } catch (cause) {
    await file.close();
    // An abandoned prefill would use up the remaining disk space.
    await removeQuietly(disk, path);
    throw cause;
  }
  return { path, file, sizeBytes };
}

/** Writes fill from `start` to `end`; not durable. */
export async function fill(file: DiskFile, start: number, end: number): Promise<void> {
  for (let offset = start; offset < end; offset += FILL_CHUNK.length) {
    await file.write(FILL_CHUNK.subarray(0, Math.min(FILL_CHUNK.length, end - offset)), offset);
  }
}

/** Gives a prefilled file its header, which is durable on resolve, and its name in `dir`, which is not. */
export async function nameSegment(
  disk: Disk,
  dir: string,
  named: { readonly prefilled: PrefilledFile; readonly header: SegmentHeader },
): Promise<OpenSegment> {
  const { prefilled, header } = named;
  const path = `${dir}/${segmentName(header.baseLsn)}`;
  await prefilled.file.writeDurable(encodeSegmentHeader(header), 0);
  await disk.rename(prefilled.path, path);
  return { path, file: prefilled.file, header, sizeBytes: prefilled.sizeBytes };
}

/** Creates a segment of `sizeBytes` with fill after its header; durable under its name on resolve. */
export async function createSegment(
  disk: Disk,
  dir: string,
  created: { readonly header: SegmentHeader; readonly sizeBytes: number },
): Promise<OpenSegment> {
  const { header, sizeBytes } = created;
  assert(sizeBytes > SEGMENT_HEADER_BYTES, 'a segment holds more than its header');
  const path = `${dir}/${segmentName(header.baseLsn)}${TEMPORARY_SUFFIX}`;
  const prefilled = await prefill(disk, path, sizeBytes);
  try {
    const segment = await nameSegment(disk, dir, { prefilled, header });
    await disk.syncDir(dir);
    return segment;
  } catch (cause) {
    await prefilled.file.close();
    await removeQuietly(disk, path);
    throw cause;
  }
}
