import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import { Salt } from '../../../src/wal/format/salt.ts';
import {
  borderAfter,
  decodeWriteHeader,
  encodeWriteHeader,
  fillBlocksOf,
  writeEnd,
} from '../../../src/wal/format/write-header.ts';
import { SALT } from '../fixture.ts';

/** Computed in Python from the diagram: the second write of a segment, with the batch of LSN 7 of 113 bytes. */
const GOLDEN = '5a17000000005a170000000200000071000000000000000700000000a3e2e51c';
const header = { number: 2, bytes: 113, firstLsn: 7, fillBlocks: 0 };

function changed(offset: number, byte: number): Buffer {
  const bytes = Buffer.from(GOLDEN, 'hex');
  bytes[offset] = byte;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

describe('the header of a write', () => {
  test('has the bytes of the format', () => {
    const bytes = Buffer.alloc(40, 0xee);
    encodeWriteHeader(bytes, 4, { ...header, salt: SALT });
    expect(bytes.toString('hex', 4, 36)).toBe(GOLDEN);
    expect(decodeWriteHeader(bytes, 4, SALT)).toEqual(header);
  });

  test('is refused with any bit flipped, and with another salt', () => {
    for (let bit = 0; bit < 32 * 8; bit += 1) {
      const bytes = Buffer.from(GOLDEN, 'hex');
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeWriteHeader(bytes, 0, SALT), `bit ${bit}`).toBeTypeOf('string');
    }
    const other = Salt.at(Buffer.alloc(8, 7), 0);
    expect(decodeWriteHeader(Buffer.from(GOLDEN, 'hex'), 0, other)).toBe('no write begins here');
  });

  test.for([
    ['number 0', 11, 0],
    ['no batches', 15, 0],
    ['more than a batch can have', 12, 3],
    ['LSN 0', 23, 0],
    ['an LSN beyond 2^53', 16, 0x20],
  ] as const)('is refused for %s', ([, offset, byte]) => {
    expect(decodeWriteHeader(changed(offset, byte), 0, SALT)).toBe(
      'the numbers of a write are out of range',
    );
  });

  test('shows nothing of its salt where it is printed', () => {
    expect(JSON.stringify({ salt: SALT })).toBe('{"salt":{}}');
    expect(Object.entries(SALT)).toEqual([]);
  });
});

describe('the place of a write', () => {
  test.for([
    [64, 512],
    [512, 512],
    [513, 1024],
  ] as const)('behind byte %i is byte %i', ([end, border]) => {
    expect(borderAfter(end)).toBe(border);
    expect(writeEnd(end, 100)).toBe(border + 132);
  });

  test('counts the blocks that consist of fill, and the part of the last one', () => {
    const first = BLOCK_BYTES - 32;
    const bytes = Buffer.alloc(first + 2 * BLOCK_BYTES + 5, 1);
    expect(fillBlocksOf(bytes)).toBe(0);
    bytes.fill(FILL_BYTE, first);
    expect(fillBlocksOf(bytes)).toBe(3);
    bytes[first + BLOCK_BYTES] = 1;
    expect(fillBlocksOf(bytes)).toBe(2);
    bytes.fill(FILL_BYTE);
    expect(fillBlocksOf(bytes), 'the block with the header is none').toBe(3);
  });
});
