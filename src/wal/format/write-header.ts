/**
 * The header of a physical write, which is the unit of one fsync. The header begins at a block boundary, and whole batches follow it;
 * then comes fill up to the next boundary. The header is local: readers of batches strip it, and it never leaves the node.
 *
 *   0          8          12         16            24            28      32
 *   +----------+----------+----------+-------------+-------------+-------+
 *   | salt 8 B | number   | bytes    | first lsn   | fill blocks | crc   |
 *   +----------+----------+----------+-------------+-------------+-------+
 *      as in      u32        u32        u64           u32           u32
 *   the segment
 *
 * `bytes` are those of the batches; `fill blocks` counts the blocks of the write, header included, that consist of the fill byte: a larger
 * number on the disk means that some blocks were never written. crc is CRC-32 of bytes 0 to 27.
 */
import assert from 'node:assert';
import { crc32 } from './checksum.ts';
import { isFill } from './fill-byte.ts';
import { BATCH_BYTES_MAX, BLOCK_BYTES, FILL_BYTE, WRITE_HEADER_BYTES } from './limits.ts';
import { hex32, readU32, readU64, writeU32, writeU64 } from './record.ts';
import type { Salt } from './salt.ts';

const CRC_OFFSET = 28;

export interface WriteHeader {
  /** 1 for the first write of a segment; later ones have higher numbers. */
  readonly number: number;
  /** Bytes of the batches after the header. */
  readonly bytes: number;
  /** LSN of their first record. */
  readonly firstLsn: number;
  readonly fillBlocks: number;
}

/** Start of the next write after bytes that end at `offset`: the next block boundary. */
export function borderAfter(offset: number): number {
  return Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
}

/** End of a write with `bytes` of batches after bytes that end at `offset`. */
export function writeEnd(offset: number, bytes: number): number {
  return borderAfter(offset) + WRITE_HEADER_BYTES + bytes;
}

/** Writes the header at `offset` of `target`. */
export function encodeWriteHeader(
  target: Buffer,
  offset: number,
  { salt, number, bytes, firstLsn, fillBlocks }: WriteHeader & { readonly salt: Salt },
): void {
  assert(number >= 1 && bytes >= 1 && bytes <= BATCH_BYTES_MAX, 'a write has a number and batches');
  salt.writeTo(target, offset);
  writeU32(target, offset + 8, number);
  writeU32(target, offset + 12, bytes);
  writeU64(target, offset + 16, firstLsn);
  writeU32(target, offset + 24, fillBlocks);
  writeU32(target, offset + CRC_OFFSET, crc32(target.subarray(offset, offset + CRC_OFFSET)));
}

/** Encodes the header of a write of `batches` into a new buffer. */
export function headerOf(
  batches: Buffer,
  place: { readonly salt: Salt; readonly number: number; readonly firstLsn: number },
): Buffer {
  const bytes = Buffer.alloc(WRITE_HEADER_BYTES);
  encodeWriteHeader(bytes, 0, {
    ...place,
    bytes: batches.length,
    fillBlocks: fillBlocksOf(batches),
  });
  return bytes;
}

/** Decodes the header with this salt at `offset`; returns the header, or the fault. Never throws; WRITE_HEADER_BYTES must be present. */
export function decodeWriteHeader(bytes: Buffer, offset: number, salt: Salt): WriteHeader | string {
  if (!salt.isAt(bytes, offset)) return 'no write begins here';
  const stored = readU32(bytes, offset + CRC_OFFSET);
  const actual = crc32(bytes.subarray(offset, offset + CRC_OFFSET));
  if (stored !== actual) {
    return `the checksum of a write's header ${hex32(actual)}, stored ${hex32(stored)}`;
  }
  const header = {
    number: readU32(bytes, offset + 8),
    bytes: readU32(bytes, offset + 12),
    firstLsn: readU64(bytes, offset + 16),
    fillBlocks: readU32(bytes, offset + 24),
  };
  const isLegal =
    header.number >= 1 &&
    header.bytes >= 1 &&
    header.bytes <= BATCH_BYTES_MAX &&
    Number.isSafeInteger(header.firstLsn) &&
    header.firstLsn >= 1;
  return isLegal ? header : 'the numbers of a write are out of range';
}

/** Number of blocks of a write of `batches` that consist of the fill byte; the block with the header never counts. */
export function fillBlocksOf(batches: Buffer): number {
  let count = 0;
  for (let at = BLOCK_BYTES - WRITE_HEADER_BYTES; at < batches.length; at += BLOCK_BYTES) {
    if (batches[at] !== FILL_BYTE) continue;
    if (isFill(batches.subarray(at, Math.min(at + BLOCK_BYTES, batches.length)))) count += 1;
  }
  return count;
}
