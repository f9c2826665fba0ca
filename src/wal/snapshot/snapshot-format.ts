/**
 * A snapshot file: the live keys of a store, and the position in the log from which a replay makes them consistent.
 *
 *   0         8       10      12         16            32          40        48       52         56      60      64
 *   +---------+-------+-------+----------+-------------+-----------+---------+--------+----------+-------+-------+
 *   | WALSNAP\n| format| 0     | 64   u32 | cluster id  | start lsn | epoch   | chain  | 0        | 0     | crc   |
 *   +---------+-------+-------+----------+-------------+-----------+---------+--------+----------+-------+-------+
 *     8 bytes   u16     u16     u32        16 bytes      u64         u64       u32      u32        u32     u32
 *
 * Then follow records as in the log: one PUT for each live key, in byte order of the keys, with the LSN that wrote it; the leaderships
 * that wrote the keys up to the start, oldest first (see `encodeSpan`); and the footer, a SEAL record whose LSN is the end and whose
 * value is the number of PUT records (u64) and the SHA-256 of every byte of the file before that digest.
 *
 * A snapshot is fuzzy: it is taken while writes continue. The state is consistent only after the log from start to end has been
 * replayed over it.
 */
import assert from 'node:assert';
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { crc32 } from '../format/checksum.ts';
import {
  decodeEpochRecord,
  encodeEpochRecord,
  encodeEpochValue,
  isId,
} from '../format/epoch-record.ts';
import { isWhole } from '../format/history-spans.ts';
import type { EpochSpan } from '../format/history-spans.ts';
import { EPOCH_MAX, LSN_MAX } from '../format/limits.ts';
import type { Position } from '../format/position.ts';
import { encodeRecord, hex32, OP, readU32, readU64, recordBytes } from '../format/record.ts';
import { writeU32, writeU64 } from '../format/record.ts';
import type { RecordView } from '../format/record.ts';

/** Format of snapshots. 1: the first. */
export const SNAPSHOT_FORMAT = 1;
export const SNAPSHOT_HEADER_BYTES = 64;
export const DIGEST_BYTES = 32;
/** Size of the footer's value: a u64 and the digest. */
export const FOOTER_VALUE_BYTES = 8 + DIGEST_BYTES;
export const FOOTER_BYTES = recordBytes(0, FOOTER_VALUE_BYTES);
const MAGIC = Buffer.from('WALSNAP\n', 'latin1');
const CRC_OFFSET = 60;
const NAME_PATTERN = /^(\d{20})\.snap$/;
const INCOMING_PATTERN = /^incoming-([0-9a-f]{64})\.part$/;
const NO_KEY = Buffer.alloc(0);

/** Header of a snapshot, before its keys. */
export interface SnapshotHeader {
  /** Cluster id: 16 bytes as 32 hexadecimal digits. */
  readonly clusterId: string;
  /** End of a batch, after which the replay begins. */
  readonly start: Position;
}

/** Footer of a snapshot, after its keys. */
export interface SnapshotFooter {
  /** LSN applied when the last key was visited: the state is consistent after a replay up to here. */
  readonly endLsn: number;
  /** Number of live keys. */
  readonly count: number;
  /** SHA-256 as 64 hexadecimal digits; identifies the file. */
  readonly digest: string;
}

/** Returns a new SHA-256. */
export function newDigest(): Hash {
  return createHash('sha256');
}

/** Encodes a header into a new buffer. */
export function encodeSnapshotHeader({ clusterId, start }: SnapshotHeader): Buffer {
  assert(isId(clusterId), 'a cluster id has 32 hexadecimal digits');
  assert(start.lsn >= 1, 'a snapshot holds at least one record');
  const bytes = Buffer.alloc(SNAPSHOT_HEADER_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16BE(SNAPSHOT_FORMAT, 8);
  writeU32(bytes, 12, SNAPSHOT_HEADER_BYTES);
  bytes.write(clusterId, 16, 'hex');
  writeU64(bytes, 32, start.lsn);
  writeU64(bytes, 40, start.epoch);
  writeU32(bytes, 48, start.chain);
  writeU32(bytes, CRC_OFFSET, crc32(bytes.subarray(0, CRC_OFFSET)));
  return bytes;
}

/** Decodes a header; returns the header, or the fault. Never throws. */
export function decodeSnapshotHeader(bytes: Buffer): SnapshotHeader | string {
  if (bytes.length < SNAPSHOT_HEADER_BYTES) return `a header of ${bytes.length} bytes`;
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'not a walship snapshot';
  const stored = readU32(bytes, CRC_OFFSET);
  const actual = crc32(bytes.subarray(0, CRC_OFFSET));
  if (stored !== actual) return `header checksum ${hex32(actual)}, stored ${hex32(stored)}`;
  const format = bytes.readUInt16BE(8);
  if (format !== SNAPSHOT_FORMAT) return `snapshot format ${format}, expected ${SNAPSHOT_FORMAT}`;
  const headerBytes = readU32(bytes, 12);
  if (headerBytes !== SNAPSHOT_HEADER_BYTES) return `a header that claims ${headerBytes} bytes`;
  const reserved = [bytes.readUInt16BE(10), readU32(bytes, 52), readU32(bytes, 56)];
  if (reserved.some((value) => value !== 0)) return 'reserved bytes in use';
  const start = {
    lsn: readU64(bytes, 32),
    epoch: readU64(bytes, 40),
    chain: readU32(bytes, 48),
  };
  if (start.lsn < 1 || start.lsn > LSN_MAX) return 'a start LSN out of range';
  if (start.epoch < 1 || start.epoch > EPOCH_MAX) return 'an epoch out of range';
  return { clusterId: bytes.toString('hex', 16, 32), start };
}

/**
 * Encodes a span as a record of op EPOCH in a new buffer: the EPOCH record that began the leadership; or, if that is forgotten, a
 * record with the first LSN of the span and neither key nor value.
 */
export function encodeSpan(span: EpochSpan): Buffer {
  if (isWhole(span)) {
    const bytes = Buffer.alloc(
      recordBytes(Buffer.byteLength(span.leader), encodeEpochValue(span).length),
    );
    encodeEpochRecord(bytes, 0, span);
    return bytes;
  }
  const bytes = Buffer.alloc(recordBytes(0, 0));
  encodeRecord(bytes, 0, { lsn: span.firstLsn, op: OP.EPOCH, key: NO_KEY, value: NO_KEY });
  return bytes;
}

/** Decodes the span in a record of op EPOCH; returns the span, or the fault. Never throws. */
export function decodeSpan(record: RecordView): EpochSpan | string {
  if (record.keyBytes > 0 || record.valueBytes > 0) return decodeEpochRecord(record);
  return { epoch: null, leader: null, firstLsn: record.lsn };
}

/** Encodes the footer; `hash` must cover every byte before it, and is finished here. */
export function encodeFooter(hash: Hash, endLsn: number, count: number): Buffer {
  const value = Buffer.alloc(FOOTER_VALUE_BYTES);
  writeU64(value, 0, count);
  const bytes = Buffer.alloc(FOOTER_BYTES);
  const digestAt = FOOTER_BYTES - 4 - DIGEST_BYTES;
  encodeRecord(bytes, 0, { lsn: endLsn, op: OP.SEAL, key: NO_KEY, value });
  hash.update(bytes.subarray(0, digestAt));
  hash.digest().copy(value, 8);
  encodeRecord(bytes, 0, { lsn: endLsn, op: OP.SEAL, key: NO_KEY, value });
  return bytes;
}

export function snapshotName(startLsn: number): string {
  return `${String(startLsn).padStart(20, '0')}.snap`;
}

/** Start LSN in a file name; undefined if it is not the name of a snapshot. */
export function parseSnapshotName(name: string): number | undefined {
  const match = NAME_PATTERN.exec(name);
  const lsn = match === null ? 0 : Number(match[1]);
  return Number.isSafeInteger(lsn) && lsn >= 1 ? lsn : undefined;
}

/** Name of the file in which a snapshot with that digest arrives. */
export function incomingName(digest: string): string {
  return `incoming-${digest}.part`;
}

/** Digest in a file name; undefined if it is not the name of an arriving snapshot. */
export function parseIncomingName(name: string): string | undefined {
  return INCOMING_PATTERN.exec(name)?.[1];
}

/** Directory of the snapshots in a data directory. */
export const snapshotDirOf = (dir: string): string => `${dir}/snapshots`;
