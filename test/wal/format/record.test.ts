import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../../../src/wal/format/limits.ts';
import {
  decodeRecord,
  encodeRecord,
  OP,
  recordBytes,
  RecordView,
  SHORT,
} from '../../../src/wal/format/record.ts';

/** PUT of k = v at LSN 258, written out by hand from the diagram; the CRC comes from Python's zlib. */
const GOLDEN = ['0000000000000102', '01', '00000001', '6b', '00000001', '76', '4e1240d0'].join('');

function encoded(lsn: number, key: Uint8Array, value: Uint8Array, op: number = OP.PUT): Buffer {
  const bytes = Buffer.alloc(recordBytes(key.length, value.length), 0xdd);
  expect(encodeRecord(bytes, 0, { lsn, op, key, value })).toBe(bytes.length);
  return bytes;
}

/** Bytes of a record whose CRC is right, whatever else is wrong with it. */
function withCrc(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

const view = new RecordView();

describe('record', () => {
  test('has the bytes of the format, over whatever the buffer held', () => {
    const bytes = Buffer.alloc(30, 0xff);

    const end = encodeRecord(bytes, 3, {
      lsn: 258,
      op: 1,
      key: Buffer.from('k'),
      value: Buffer.from('v'),
    });

    expect(end).toBe(26);
    expect(bytes.toString('hex')).toBe(`ffffff${GOLDEN}ffffffff`);
  });

  test('reads the bytes of the format', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');

    expect(decodeRecord(bytes, 0, view)).toBeUndefined();

    const { lsn, op, more, key, value, end } = view;
    expect({ lsn, op, more, key: key.toString(), value: value.toString(), end }).toEqual({
      lsn: 258,
      op: OP.PUT,
      more: false,
      key: 'k',
      value: 'v',
      end: 23,
    });
  });

  test('comes back as it was written, at any offset', () => {
    const blob = fc.uint8Array({ maxLength: 700 });
    const lsn = fc.oneof(fc.maxSafeNat(), fc.constantFrom(1, 2 ** 32, 2 ** 53 - 1));
    fc.assert(
      fc.property(lsn, blob, blob, fc.nat(255), fc.nat(9), (lsn, key, value, op, offset) => {
        fc.pre(lsn > 0);
        const bytes = Buffer.alloc(offset + recordBytes(key.length, value.length) + 5, 0xa7);
        const end = encodeRecord(bytes, offset, { lsn, op, key, value });

        expect(decodeRecord(bytes, offset, view)).toBeUndefined();
        expect([view.lsn, view.opByte, view.end, view.more]).toEqual([lsn, op, end, op >= 128]);
        expect(view.key.equals(key) && view.value.equals(value)).toBe(true);
        expect(view.crc).toBe(crc32(bytes.subarray(offset, end - 4)));
      }),
    );
  });

  test('is short at every truncation', () => {
    const bytes = encoded(7, Buffer.from('key'), Buffer.from('value'));
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodeRecord(Buffer.from(bytes.subarray(0, length)), 0, view)).toBe(SHORT);
    }
  });

  test('is refused with any bit flipped', () => {
    const bytes = encoded(7, Buffer.from('key'), Buffer.alloc(300, 1));
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeRecord(flipped, 0, view), `bit ${bit}`).toBeDefined();
    }
  });

  test.for([
    ['key', KEY_BYTES_MAX, 0],
    ['value', 1, VALUE_BYTES_MAX],
  ] as const)('takes a %s at its limit', ([, keyBytes, valueBytes]) => {
    const bytes = encoded(1, Buffer.alloc(keyBytes, 1), Buffer.alloc(valueBytes, 2));

    expect(decodeRecord(bytes, 0, view)).toBeUndefined();
    expect([view.keyBytes, view.valueBytes]).toEqual([keyBytes, valueBytes]);
  });

  test('refuses a key over its limit, before it looks at anything behind it', () => {
    const bytes = Buffer.alloc(recordBytes(KEY_BYTES_MAX + 1, 0));
    bytes.writeUInt32BE(KEY_BYTES_MAX + 1, 9);

    expect(decodeRecord(withCrc(bytes), 0, view)).toBe('key of 4097 bytes, at most 4096');
    expect(decodeRecord(bytes.subarray(0, 13), 0, view)).toBe('key of 4097 bytes, at most 4096');
  });

  test('refuses a value over its limit, before it looks at anything behind it', () => {
    const bytes = Buffer.alloc(18);
    bytes.writeUInt32BE(1, 9);
    bytes.writeUInt32BE(VALUE_BYTES_MAX + 1, 14);

    expect(decodeRecord(bytes, 0, view)).toBe('value of 16777217 bytes, at most 16777216');
  });

  test('refuses an LSN beyond 2^53', () => {
    const bytes = encoded(2 ** 53 - 1, Buffer.from('k'), Buffer.alloc(0));
    bytes.writeUInt32BE(2 ** 21, 0);
    bytes.writeUInt32BE(0, 4);

    expect(decodeRecord(withCrc(bytes), 0, view)).toBe('the LSN exceeds 2^53');
  });

  test('reads nothing past its bytes', () => {
    const around = Buffer.concat([
      encoded(7, Buffer.from('key'), Buffer.from('value')),
      Buffer.alloc(64),
    ]);
    expect(decodeRecord(around.subarray(0, 28), 0, view)).toBe(SHORT);
  });

  test('does not throw on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, offset) => {
        decodeRecord(Buffer.from(bytes), offset, view);
      }),
    );
  });
});
