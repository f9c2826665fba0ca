import zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Checksums, crc32 } from '../../../src/wal/format/checksum.ts';

/** Lengths around the step of the tables, and around the length from which zlib takes over. */
const LENGTHS = [...Array.from({ length: 40 }, (_, index) => index), 280, 287, 288, 289, 1000];

describe('checksum', () => {
  test('is the CRC-32 of zlib, at every length, offset and seed', () => {
    const memory = Buffer.from(Array.from({ length: 1100 }, (_, index) => (index * 151) & 255));

    for (const length of LENGTHS) {
      for (let offset = 0; offset < 9; offset += 1) {
        const bytes = memory.subarray(offset, offset + length);
        for (const seed of [0, 1, 0x8000_0000, 0xffff_ffff]) {
          const expected = zlib.crc32(bytes, seed);
          expect(crc32(bytes, seed)).toBe(expected);
          expect(new Checksums(memory).crc32(offset, offset + length, seed)).toBe(expected);
        }
      }
    }
  });

  test('of a part goes on from that of the part before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat(700), (bytes, at) => {
        const cut = Math.min(at, bytes.length);

        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(zlib.crc32(bytes));
      }),
    );
  });
});
