import zlib from 'node:zlib';
import crc32Table from 'crc-32';

/** Below this many bytes the table in JavaScript is faster than the call into zlib. */
const NATIVE_BYTES_MIN = 256;

/** CRC-32 (IEEE, as zlib) of `bytes`, unsigned; `seed` is the checksum of what came before them. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return bytes.length < NATIVE_BYTES_MIN
    ? crc32Table.buf(bytes, seed) >>> 0
    : zlib.crc32(bytes, seed);
}
