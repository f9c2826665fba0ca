import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from '../../src/protocol/codec.ts';
import { configHash } from '../../src/protocol/config-hash.ts';
import { FRAME_HEADER_BYTES } from '../../src/protocol/frame.ts';
import {
  CONTROL_BYTES_MAX,
  FRAME_BYTES_MAX,
  HISTORY_ENTRIES_MAX,
} from '../../src/protocol/messages.ts';
import type { Frame } from '../../src/protocol/messages.ts';
import { pack } from '../../src/wal/format/msgpack.ts';
import { controlMessages, frames } from './messages.ts';

const ID = '0123456789abcdef0123456789abcdef';
const AT = { epoch: 2, lsn: 7, chain: 0xfedcba98 };
const control = (fields: unknown): Buffer => Buffer.concat([Buffer.from([1]), pack(fields)]);
const HELLO = [
  1,
  1,
  ID,
  ID,
  'n1',
  ID,
  [
    [1, 'n1', 1],
    [2, 'n2', 5],
  ],
  0,
  2,
  7,
  9,
  6,
  0,
  2,
  'n2',
  ID,
  0,
  ID,
  false,
];
const hello = (index: number, value: unknown): Buffer =>
  control((HELLO as unknown[]).with(index, value));

describe('control messages', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(controlMessages, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual({ kind: 'message', message });
      }),
      { numRuns: 1_000 },
    );
  });

  test('have the bytes that docs/protocol.md spells', () => {
    const ack = encodeMessage({
      kind: 'ack',
      epoch: 2,
      durableLsn: 7,
      chain: AT.chain,
      receivedLsn: 8,
      appliedLsn: 2 ** 33,
      writable: true,
    });

    expect(ack.toString('hex')).toBe('0197030207cefedcba9808cb4200000000000000c3');
    expect(encodeMessage({ kind: 'identify' }).toString('hex')).toBe('01910a');
  });

  test('are invalid when they are cut at any byte, or go on behind their end', () => {
    fc.assert(
      fc.property(controlMessages, (message) => {
        const bytes = encodeMessage(message);
        for (let end = 0; end < bytes.length; end += 1) {
          expect(decodeMessage(bytes.subarray(0, end)).kind, `cut at ${end}`).toBe('invalid');
        }
        expect(decodeMessage(Buffer.concat([bytes, Buffer.from([0])])).kind).toBe('invalid');
      }),
    );
  });

  test(
    'never throw, whatever bit is flipped, and decode to what encodes again',
    { tags: ['slow'] },
    () => {
      fc.assert(
        fc.property(controlMessages, (message) => {
          const bytes = encodeMessage(message);
          for (let bit = 0; bit < bytes.length * 8; bit += 1) {
            const flipped = Buffer.from(bytes);
            flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
            const decoded = decodeMessage(flipped);
            if (decoded.kind === 'message') {
              expect(decodeMessage(encodeMessage(decoded.message))).toEqual(decoded);
            }
          }
        }),
        { numRuns: 30 },
      );
    },
  );

  test('never throw on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 2), (bytes, type) => {
        expect(decodeMessage(Buffer.from([type, ...bytes])).kind).toBeTypeOf('string');
      }),
      { numRuns: 5_000 },
    );
  });

  test('are read where every field is right', () => {
    expect(decodeMessage(control(HELLO)).kind).toBe('message');
  });

  test.for<[string, Buffer]>([
    ['an empty message', Buffer.alloc(0)],
    ['a type that nobody knows', Buffer.from([3, 0x91, 10])],
    ['a type alone', Buffer.from([1])],
    ['a map', control({ 0: 1 })],
    ['an empty array', control([])],
    ['an unknown tag', control([99])],
    ['a tag that is a text', control(['hello'])],
    ['a field too many', control([10, 1])],
    ['a field too few', control(HELLO.slice(0, -1))],
    ['a protocol that is no number', hello(1, 'one')],
    ['an id of 31 digits', hello(2, ID.slice(1))],
    ['an id in upper case', hello(2, ID.toUpperCase())],
    ['an id of bytes', hello(2, Buffer.alloc(32, 'a'))],
    ['an empty node id', hello(4, '')],
    ['a node id of 65 characters', hello(4, 'n'.repeat(65))],
    ['a missing run', hello(5, null)],
    ['a history that is no array', hello(6, 'x')],
    ['a history entry that is no array', hello(6, [7])],
    ['a history entry of four', hello(6, [[1, 'n1', 1, 1]])],
    [
      'an epoch twice',
      hello(6, [
        [1, 'n1', 1],
        [1, 'n2', 5],
      ]),
    ],
    [
      'first LSNs that do not grow',
      hello(6, [
        [1, 'n1', 5],
        [2, 'n2', 5],
      ]),
    ],
    [
      'a history that is too long',
      hello(
        6,
        Array.from({ length: HISTORY_ENTRIES_MAX + 1 }, (_, index) => [index + 1, 'n', index + 1]),
      ),
    ],
    ['a leader without an epoch', hello(6, [[null, 'n1', 1]])],
    ['a negative epoch', hello(8, -1)],
    ['a fraction', hello(9, 1.5)],
    ['NaN', hello(9, Number.NaN)],
    ['minus zero', Buffer.from('019207cb8000000000000000', 'hex')],
    ['2^53', hello(9, 2 ** 53)],
    ['an LSN beyond the last one', hello(9, 2 ** 52 + 1)],
    ['an epoch beyond the last one', hello(8, 2 ** 52 + 1)],
    ['2^53 as a 64-bit integer', hello(9, 2n ** 53n)],
    ['2^64 - 1', hello(9, 2n ** 64n - 1n)],
    ['a chain of 33 bits', hello(10, 2 ** 32)],
    ['a state that nobody knows', hello(16, 3)],
    ['a boolean for an LSN', hello(9, true)],
    ['a date for an LSN', hello(9, new Date(5))],
    ['a number for a boolean', control([8, 1, 0, 3, 'n1', ID, 1, 1, 1, ID, ID, ID, 1])],
    [
      'a claim of one number',
      control([9, 0, ID, 'n1', ID, true, '', '', 1, null, null, 1, 1, 1, 1, [1], ID, ID, null]),
    ],
    [
      'a claim in words',
      control([9, 0, ID, 'n1', ID, true, '', '', 1, null, null, 1, 1, 1, 1, 'some', ID, ID, null]),
    ],
    [
      'deep nesting',
      Buffer.concat([Buffer.from([1]), Buffer.alloc(100_000, 0x91), Buffer.from([0xc0])]),
    ],
    ['an array that claims 2^32 - 1 elements', Buffer.from('01ddffffffff', 'hex')],
    ['a map that claims 2^32 - 1 entries', Buffer.from('01dfffffffff', 'hex')],
    ['a text that claims 2^32 - 1 bytes', Buffer.from('019201dbffffffff', 'hex')],
    ['binary data that claims 2^32 - 1 bytes', Buffer.from('019201c6ffffffff', 'hex')],
    ['the byte that msgpack never uses', Buffer.from('01c1', 'hex')],
    ['more than CONTROL_BYTES_MAX', control([10, 'x'.repeat(CONTROL_BYTES_MAX)])],
  ])('are invalid with %s', ([, bytes]) => {
    expect(decodeMessage(bytes)).toEqual({ kind: 'invalid', reason: expect.any(String) });
  });

  test('that define msgpackr records leave nothing behind for the next message', () => {
    const record = Buffer.from('01d4724093a161a162a16301 02 03'.replaceAll(' ', ''), 'hex');
    const probe = { kind: 'probe', epoch: 0x40, number: 0x41 } as const;

    expect(decodeMessage(record).kind).toBe('invalid');
    expect(decodeMessage(encodeMessage(probe))).toEqual({ kind: 'message', message: probe });
  });

  test.for([1, 8])(
    'of tag %i in another protocol version say which, and nothing else of them is read',
    (tag) => {
      expect(decodeMessage(control([tag, 2, { anything: 'at all' }]))).toEqual({
        kind: 'version',
        theirs: 2,
      });
      expect(decodeMessage(control([tag, 0]))).toEqual({ kind: 'version', theirs: 0 });
    },
  );

  test('have their sentence cut at 1,024 characters, and never inside of a character', () => {
    const message = `${'x'.repeat(1_023)}😀`;
    const decoded = decodeMessage(
      encodeMessage({
        kind: 'answer',
        verdict: 'refuse',
        code: 'X',
        message,
        epoch: 1,
        leader: null,
        clusterId: null,
        historyId: null,
        at: AT,
        commitLsn: 0,
        config: null,
      }),
    );

    expect(decoded).toMatchObject({ message: { message: `${'x'.repeat(1_023)}\ufffd` } });
  });
});

describe('frames', () => {
  const frame: Frame = {
    kind: 'frame',
    epoch: 3,
    commitLsn: 2 ** 52,
    previous: AT,
    pieceIndex: 1,
    pieceCount: 2,
    bytes: Buffer.from('walship'),
  };

  test('come back as they were', () => {
    fc.assert(
      fc.property(frames, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual({ kind: 'message', message });
      }),
    );
  });

  test('have the bytes that docs/protocol.md spells', () => {
    expect(encodeMessage(frame).toString('hex')).toBe(
      '02' +
        '0000000000000003' +
        '0010000000000000' +
        '0000000000000002' +
        '0000000000000007' +
        'fedcba98' +
        '00000001' +
        '00000002' +
        '77616c73686970',
    );
  });

  test('are invalid when they are cut inside of the header', () => {
    const bytes = encodeMessage(frame);
    for (let end = 0; end < FRAME_HEADER_BYTES; end += 1) {
      expect(decodeMessage(bytes.subarray(0, end)).kind).toBe('invalid');
    }
  });

  test('never throw, whatever bit is flipped', () => {
    const bytes = encodeMessage(frame);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeMessage(flipped)).not.toEqual({ kind: 'message', message: frame });
    }
  });

  test('alias the bytes that they were read from, and take none from what they were made of', () => {
    const encoded = encodeMessage(frame);
    const decoded = decodeMessage(encoded);
    encoded[FRAME_HEADER_BYTES] = 0x57;

    expect(decoded).toMatchObject({ message: { bytes: Buffer.from('Walship') } });
    expect(frame.bytes.toString()).toBe('walship');
  });

  test.for<[string, number, number]>([
    ['an epoch of 2^53', 1, 0x20_0000],
    ['a commit LSN of 2^53', 9, 0x20_0000],
    ['a previous epoch of 2^53', 17, 0x20_0000],
    ['a previous LSN of 2^53', 25, 0x20_0000],
    ['a piece behind the last', 37, 2],
    ['no pieces', 41, 0],
    ['129 pieces', 41, 129],
  ])('are invalid with %s', ([, offset, value]) => {
    const bytes = encodeMessage(frame);
    bytes.writeUInt32BE(value, offset);

    expect(decodeMessage(bytes).kind).toBe('invalid');
  });

  test('are invalid as an empty piece, and with a byte more than FRAME_BYTES_MAX', () => {
    const header = encodeMessage(frame).subarray(0, FRAME_HEADER_BYTES);

    expect(decodeMessage(header).kind).toBe('invalid');
    expect(decodeMessage(Buffer.concat([header, Buffer.alloc(FRAME_BYTES_MAX)])).kind).toBe(
      'message',
    );
    expect(decodeMessage(Buffer.concat([header, Buffer.alloc(FRAME_BYTES_MAX + 1)])).kind).toBe(
      'invalid',
    );
  });
});

describe('the hash of the configuration', () => {
  test('is the same in any order, and another for other voters or another quorum', () => {
    const hash = configHash(['n1', 'n2', 'n3'], 2);

    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(configHash(['n3', 'n1', 'n2'], 2)).toBe(hash);
    expect(configHash(['n1', 'n2', 'n3'], 3)).not.toBe(hash);
    expect(configHash(['n1', 'n2', 'n4'], 2)).not.toBe(hash);
    expect(configHash(['n1,n2', 'n3'], 2)).not.toBe(configHash(['n1', 'n2,n3'], 2));
  });
});
