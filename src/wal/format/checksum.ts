import zlib from 'node:zlib';
import library from 'crc-32';
import { dataOf } from './byte-range.ts';

/** Size from which a zlib call, which needs a new view object, is faster than the tables in JavaScript. */
const NATIVE_BYTES_MIN = 288;
/** Eight tables of 256 entries, one after the other, computed with the library: one step covers eight bytes. */
const TABLES = crcTables();

/** CRC-32 (IEEE, as zlib) of `bytes`, unsigned; `seed` is the checksum of the bytes before them. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  if (bytes.length >= NATIVE_BYTES_MIN) return zlib.crc32(bytes, seed);
  return new Checksums(bytes).crc32(0, bytes.length, seed);
}

/** Computes checksums of many ranges of the same bytes, without an object for each. */
export class Checksums {
  /** View of the same bytes, for reading integers. */
  readonly data: DataView;

  constructor(bytes: Uint8Array) {
    this.data = dataOf(bytes);
  }

  /** CRC-32 of the bytes from `start` to `end`; the range must be inside the buffer. */
  crc32(start: number, end: number, seed = 0): number {
    const { data } = this;
    if (end - start >= NATIVE_BYTES_MIN) {
      return zlib.crc32(new Uint8Array(data.buffer, data.byteOffset + start, end - start), seed);
    }
    let crc = ~seed;
    let offset = start;
    for (; offset + 8 <= end; offset += 8) {
      const low = data.getInt32(offset, true) ^ crc;
      const high = data.getInt32(offset + 4, true);
      crc =
        table(7, low & 255) ^
        table(6, (low >>> 8) & 255) ^
        table(5, (low >>> 16) & 255) ^
        table(4, low >>> 24) ^
        table(3, high & 255) ^
        table(2, (high >>> 8) & 255) ^
        table(1, (high >>> 16) & 255) ^
        table(0, high >>> 24);
    }
    for (; offset < end; offset += 1) {
      crc = (crc >>> 8) ^ table(0, (crc ^ data.getUint8(offset)) & 255);
    }
    return ~crc >>> 0;
  }
}

/** Contribution of a byte that `index` more bytes follow in its step. */
function table(index: number, byte: number): number {
  return TABLES[(index << 8) | byte] as number;
}

function crcTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  // The seed cancels the library's initial inversion, and `~` its final one: the result is the table entry of the byte.
  for (let byte = 0; byte < 256; byte += 1) tables[byte] = ~library.buf([byte], -1);
  for (let at = 256; at < tables.length; at += 1) {
    const shorter = tables[at - 256] as number;
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 255] as number);
  }
  return tables;
}
