import zlib from 'node:zlib';
import library from 'crc-32';
import { dataOf } from './byte-range.ts';

/** Below this many bytes the tables in JavaScript are faster than the call into zlib, with the object that it wants. */
const NATIVE_BYTES_MIN = 288;
/** Eight tables of 256, one after the other, made from the library's answers: eight bytes are one step. */
const TABLES = crcTables();

/** CRC-32 (IEEE, as zlib) of `bytes`, unsigned; `seed` is the checksum of what came before them. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  if (bytes.length >= NATIVE_BYTES_MIN) return zlib.crc32(bytes, seed);
  return new Checksums(bytes).crc32(0, bytes.length, seed);
}

/** Checksums of many stretches of the same bytes, without an object for each. */
export class Checksums {
  /** The same bytes, for reading integers: big-endian ones, unless said otherwise. */
  readonly data: DataView;

  constructor(bytes: Uint8Array) {
    this.data = dataOf(bytes);
  }

  /** Of the bytes from `start` to `end`, which the caller knows to be inside. */
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

/** What a byte contributes when `index` more bytes follow it in its step. */
function table(index: number, byte: number): number {
  return TABLES[(index << 8) | byte] as number;
}

function crcTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  // Nothing came before, and the library inverts what it starts and ends with: what is left is the entry of the byte.
  for (let byte = 0; byte < 256; byte += 1) tables[byte] = ~library.buf([byte], -1);
  for (let at = 256; at < tables.length; at += 1) {
    const shorter = tables[at - 256] as number;
    tables[at] = (shorter >>> 8) ^ (tables[shorter & 255] as number);
  }
  return tables;
}
