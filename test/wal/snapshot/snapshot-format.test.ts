/** Goal: a snapshot is exactly the bytes that docs/wal-format.md says, and nothing else is ever taken for one. */
import { describe, expect, test } from 'vitest';
import { OP } from '../../../src/wal/format/record.ts';
import { parseSnapshotName, snapshotName } from '../../../src/wal/snapshot/snapshot-format.ts';
import { decode, EPOCHS, HEADER, KEYS, snapshotBytes } from '../snapshot-fixture.ts';

const GAP = { epoch: null, leader: null, firstLsn: 3 } as const;
const FIRST_KEY = { lsn: 6, key: 'a', value: 'one' };
const GOLDEN = [
  '57414c534e41500a000100000000004000112233445566778899aabbccddeeff000000000000000700000000',
  '00000003deadbeef000000000000000004b43bd20000000000000006010000000161000000036f6e65f8f213',
  'd30000000000000008010000000162000000001ab4b2be000000000000000201000000026261000000057468',
  '726565d319ab05000000000000000103000000026e31000000240000000000000002ffeeddccbbaa99887766',
  '5544332211009293a26e31a26e32a26e330227676c270000000000000004030000000000000000f9896d0200',
  '0000000000000503000000026e32000000240000000000000003ffeeddccbbaa998877665544332211009293',
  'a26e31a26e32a26e330251eeb1d1000000000000000904000000000000002800000000000000039a6267bf01',
  '06ab88ac5683178f8c0ee76917c147a98f9f045d0aa5b0a5d29f5fc838fb3b',
].join('');

describe('a snapshot file', () => {
  test('has the bytes that the format says', () => {
    expect(snapshotBytes(KEYS).toString('hex')).toBe(GOLDEN);
  });

  test.for([1, 2, 3, 7, 64, 100, 10_000])('reads back, in pieces of %i bytes', (pieceBytes) => {
    const { decoder, keys, fault } = decode(Buffer.from(GOLDEN, 'hex'), pieceBytes);

    expect(fault).toBeUndefined();
    expect(keys).toEqual(KEYS);
    expect(decoder.header).toEqual(HEADER);
    expect(decoder.epochs).toEqual(EPOCHS);
    expect(decoder.footer).toMatchObject({ endLsn: 9, count: 3 });
    expect(decoder.doneBytes).toBe(GOLDEN.length / 2);
  });

  test('may hold no key at all', () => {
    const { decoder, fault } = decode(snapshotBytes([]), 5);

    expect(fault).toBeUndefined();
    expect(decoder.footer?.count).toBe(0);
  });

  test('is nothing when it ends early, wherever that is', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    for (let length = 0; length < bytes.length; length += 1) {
      const { decoder, fault } = decode(bytes.subarray(0, length), 13);
      expect(fault, `${length} bytes`).toBeDefined();
      expect(decoder.footer, `${length} bytes`).toBeUndefined();
    }
  });

  test('is nothing with any bit flipped', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { decoder, fault } = decode(flipped, 1 + (bit % 97));
      expect(fault, `bit ${bit}`).toBeDefined();
      expect(decoder.footer, `bit ${bit}`).toBeUndefined();
    }
  });

  test('is nothing with a byte behind its footer', () => {
    const bytes = Buffer.concat([Buffer.from(GOLDEN, 'hex'), Buffer.alloc(1)]);

    expect(decode(bytes).fault).toBe('bytes behind the footer');
    expect(decode(bytes, 1).fault).toBe('bytes behind the footer');
  });

  test.for([
    ['keys out of order', snapshotBytes([{ ...FIRST_KEY, key: 'b' }, FIRST_KEY])],
    ['keys out of order', snapshotBytes([FIRST_KEY, FIRST_KEY])],
    ['op 2 among the keys', snapshotBytes(KEYS, { op: OP.DELETE })],
    ['op 129 among the keys', snapshotBytes(KEYS, { op: OP.PUT | OP.CONTINUED })],
    ['3 keys, not as many as it says', snapshotBytes(KEYS, { count: 2 })],
    ['its end, LSN 7, is below what it holds', snapshotBytes(KEYS, { endLsn: 7 })],
    ['its end, LSN 6, is below what it holds', snapshotBytes([], { endLsn: 6 })],
    ['the last leadership is of epoch 0, the start of 3', snapshotBytes(KEYS, { epochs: [] })],
    [
      'the last leadership is of epoch 2, the start of 3',
      snapshotBytes(KEYS, { epochs: EPOCHS.slice(0, 1) }),
    ],
    [
      'the last leadership is of epoch 0, the start of 3',
      snapshotBytes(KEYS, { epochs: EPOCHS.slice(0, 2) }),
    ],
    ['leaderships out of order', snapshotBytes(KEYS, { epochs: EPOCHS.toReversed() })],
    ['leaderships out of order', snapshotBytes(KEYS, { epochs: EPOCHS.toSpliced(1, 0, GAP) })],
    ['another SHA-256 than it says', swapped()],
  ] as const)('is nothing with %s', ([words, bytes]) => {
    expect(decode(bytes).fault).toBe(words);
  });

  test('goes on behind the last whole record when the bytes behind it were not its own', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    for (let cut = 0; cut < bytes.length - 1; cut += 1) {
      const { decoder, fault } = decode(
        Buffer.concat([bytes.subarray(0, cut), Buffer.alloc(300)]),
        50,
      );
      expect(fault).toBeDefined();
      if (!decoder.rewind()) continue;
      expect(decoder.doneBytes).toBeLessThanOrEqual(cut);
      decoder.add(bytes.subarray(decoder.doneBytes));
      expect(decoder.end(), `cut at ${cut}`).toBeUndefined();
    }
  });
});

/** Two whole records of equal length in each other's place, but in order: only the digest can tell. */
function swapped(): Buffer {
  const one = snapshotBytes([{ lsn: 5, key: 'a', value: 'x' }]);
  const two = snapshotBytes([{ lsn: 5, key: 'a', value: 'y' }]);
  const recordAt = one.findIndex((byte, index) => byte !== two[index]);
  const bytes = Buffer.from(one);
  // The value's byte and the checksum behind it.
  two.copy(bytes, recordAt, recordAt, recordAt + 5);
  return bytes;
}

test('a snapshot is named by its start', () => {
  expect(snapshotName(258)).toBe('00000000000000000258.snap');
  expect(parseSnapshotName('00000000000000000258.snap')).toBe(258);
  for (const name of ['258.snap', '00000000000000000000.snap', '00000000000000000258.snap.tmp']) {
    expect(parseSnapshotName(name)).toBeUndefined();
  }
});
