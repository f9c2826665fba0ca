import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MiB } from '../../../src/ports/units.ts';
import { BATCH_BYTES_MAX, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import { encodeRecord, OP, recordBytes } from '../../../src/wal/format/record.ts';
import {
  type BatchInfo,
  BatchScanner,
  forEachRecord,
  records,
  verifyBatches,
} from '../../../src/wal/format/scan.ts';
import { encodeSeal, SEAL_BYTES } from '../../../src/wal/format/seal.ts';
import { batch, batches, type BatchShape, FIRST } from '../fixture.ts';

const OPEN: BatchShape = { epoch: 1, ops: [{ key: 'a', value: '1' }] };
const start = batch(FIRST, OPEN).state;

/** Records and a seal put together as told, with all CRCs right; only the rules may refuse them. */
function forged(shape: {
  records: readonly { lsn: number; op?: number; key?: string; value?: string }[];
  seal?: { lsn?: number; count?: number; epoch?: number; chain?: number; commitLsn?: number };
}): Buffer {
  const parts: Buffer[] = [];
  const fields: Buffer[] = [];
  for (const { lsn, op = OP.PUT, key = 'k', value = 'v' } of shape.records) {
    const bytes = Buffer.alloc(recordBytes(key.length, value.length));
    encodeRecord(bytes, 0, { lsn, op, key: Buffer.from(key), value: Buffer.from(value) });
    parts.push(bytes);
    fields.push(bytes.subarray(-4));
  }
  const count = shape.seal?.count ?? shape.records.length;
  const lsn = shape.seal?.lsn ?? shape.records.at(-1)?.lsn ?? 0;
  const seal = {
    epoch: shape.seal?.epoch ?? 1,
    timeMs: 1,
    commitLsn: shape.seal?.commitLsn ?? 0,
    count,
    lsn,
  };
  const bytes = Buffer.alloc(SEAL_BYTES);
  encodeSeal(bytes, 0, { ...seal, chain: 0 });
  const chain = crc32(bytes.subarray(17, 45), crc32(Buffer.concat(fields), start.chain));
  encodeSeal(bytes, 0, { ...seal, chain: shape.seal?.chain ?? chain });
  return Buffer.concat([...parts, bytes]);
}

function reasonOf(bytes: Buffer, state = start): string {
  const result = verifyBatches(state, bytes);
  return result.kind === 'ok' ? 'ok' : result.reason;
}

describe('verifyBatches', () => {
  test('gives each batch with the positions around it', () => {
    const { bytes, state, parts } = batches(FIRST, [OPEN, { ops: [{}, {}] }, { epoch: 4 }]);

    const result = verifyBatches(FIRST, bytes);

    expect(result).toMatchObject({ kind: 'ok', state });
    const found = result.kind === 'ok' ? result.batches : [];
    expect(found.map(({ first, last }) => [first.lsn, last.lsn, last.epoch])).toEqual([
      [0, 2, 1],
      [2, 4, 1],
      [4, 5, 4],
    ]);
    expect(found.map(({ offset, end }) => end - offset)).toEqual(parts.map((part) => part.length));
    expect(found.map(({ epochStart }) => epochStart?.epoch)).toEqual([1, undefined, 4]);
    expect(found[2]?.first).toEqual(found[1]?.last);
  });

  test('takes no bytes for no batches', () => {
    expect(verifyBatches(start, Buffer.alloc(0))).toEqual({
      kind: 'ok',
      batches: [],
      state: start,
    });
  });

  test('refuses a batch cut at any byte, and one byte too much', () => {
    const { bytes, parts } = batches(FIRST, [OPEN, { ops: [{}, {}] }]);
    const whole = new Set([0, parts[0]?.length, bytes.length]);
    for (let length = 0; length <= bytes.length; length += 1) {
      const result = verifyBatches(FIRST, bytes.subarray(0, length));
      expect(result.kind, `${length} bytes`).toBe(whole.has(length) ? 'ok' : 'invalid');
    }
    for (const byte of [0, FILL_BYTE]) {
      expect(reasonOf(Buffer.concat([bytes, Buffer.from([byte])]), FIRST)).not.toBe('ok');
    }
  });

  test('refuses any flipped bit', () => {
    const { bytes } = batches(FIRST, [OPEN, { ops: [{ op: OP.DELETE, value: '' }, {}] }]);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verifyBatches(FIRST, flipped).kind, `bit ${bit}`).toBe('invalid');
    }
  });

  test('does not throw on any bytes, nor on any change of good ones', () => {
    const { bytes } = batches(FIRST, [OPEN, { ops: [{}, {}] }, { epoch: 9 }]);
    const piece = fc.record({ at: fc.nat(bytes.length), bytes: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(piece, fc.nat(60), (insert, removed) => {
        const changed = Buffer.concat([
          bytes.subarray(0, insert.at),
          insert.bytes,
          bytes.subarray(insert.at + removed),
        ]);
        const result = verifyBatches(FIRST, changed);
        if (result.kind === 'ok') {
          expect(bytes.subarray(0, changed.length).equals(changed)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('refuses bytes that continue another log', () => {
    const { bytes } = batch(start, { ops: [{}] });
    expect(reasonOf(bytes, { ...start, chain: start.chain ^ 1 })).toMatch(
      /^chain [0-9a-f]{8}, expected/,
    );
    expect(reasonOf(bytes, { ...start, lsn: 3 })).toBe('LSN 3, expected 4');
    expect(reasonOf(bytes, { ...start, epoch: 2 })).toBe('a seal of epoch 1, expected 2');
  });

  test.for([
    ['ok', { records: [{ lsn: 3 }, { lsn: 4 }] }],
    ['LSN 4, expected 3', { records: [{ lsn: 4 }] }],
    ['LSN 5, expected 4', { records: [{ lsn: 3 }, { lsn: 5 }] }],
    ['LSN 3, expected 4', { records: [{ lsn: 3 }, { lsn: 3 }] }],
    ['a seal without a batch', { records: [], seal: { lsn: 2, count: 1 } }],
    ['a seal that counts 2, expected 1', { records: [{ lsn: 3 }], seal: { count: 2 } }],
    ['a seal of LSN 4, expected 3', { records: [{ lsn: 3 }], seal: { lsn: 4 } }],
    ['a seal of epoch 2, expected 1', { records: [{ lsn: 3 }], seal: { epoch: 2 } }],
    [
      'a seal that knows LSN 4 committed, beyond 3',
      { records: [{ lsn: 3 }], seal: { commitLsn: 4 } },
    ],
    ['ok', { records: [{ lsn: 3 }], seal: { commitLsn: 3 } }],
    ['an empty key, expected 1 to 4096 bytes', { records: [{ lsn: 3, key: '' }] }],
    ['a DELETE with a value', { records: [{ lsn: 3, op: OP.DELETE }] }],
    ['ok', { records: [{ lsn: 3, op: OP.DELETE, value: '' }] }],
    ['ok', { records: [{ lsn: 3, op: OP.REQUEST }] }],
    [
      'ok',
      {
        records: [
          { lsn: 3, op: 32 },
          { lsn: 4, op: 63 },
        ],
      },
    ],
    [
      'ok',
      {
        records: [
          { lsn: 3, op: 0x80 | 63 },
          { lsn: 4, op: 0x80 | 1 },
          { lsn: 5, op: 2, value: '' },
        ],
      },
    ],
    ['a transaction that its batch does not finish', { records: [{ lsn: 3, op: 0x81 }] }],
    ['unknown op 0', { records: [{ lsn: 3, op: 0 }] }],
    ['unknown op 6', { records: [{ lsn: 3, op: 6 }] }],
    ['unknown op 31', { records: [{ lsn: 3, op: 31 }] }],
    ['unknown op 64', { records: [{ lsn: 3, op: 64 }] }],
    ['unknown op 131', { records: [{ lsn: 3, op: 0x80 | OP.EPOCH }] }],
    ['unknown op 132', { records: [{ lsn: 3, op: 0x80 | OP.SEAL }] }],
    ['unknown op 133', { records: [{ lsn: 3, op: 0x80 | OP.REQUEST }] }],
  ] as const)('says "%s"', ([reason, shape]) => {
    expect(reasonOf(forged(shape))).toBe(reason);
  });

  test('takes an EPOCH record only first in a batch, and only of a higher epoch', () => {
    expect(reasonOf(batch(start, { epoch: 2, ops: [{}] }).bytes)).toBe('ok');
    expect(reasonOf(batch(start, { epoch: 1 }).bytes)).toBe(
      'an EPOCH record of epoch 1 after epoch 1',
    );
    const late = Buffer.concat([
      forged({ records: [{ lsn: 3 }] }).subarray(0, -SEAL_BYTES),
      batch({ ...start, lsn: 3 }, { epoch: 2 }).bytes,
    ]);
    expect(reasonOf(late)).toBe('an EPOCH record that is not the first of its batch');
  });

  test('refuses a log that does not begin with an EPOCH record', () => {
    const first = { records: [{ lsn: 1 }] };
    expect(reasonOf(forged(first), FIRST)).toBe('a log that does not begin with an EPOCH record');
  });

  test('takes a batch of exactly its limit, and none beyond', { tags: ['slow'] }, () => {
    const value = Buffer.alloc(10 * MiB, 7);
    const rest =
      BATCH_BYTES_MAX - SEAL_BYTES - 2 * recordBytes(1, value.length) - recordBytes(1, 0);
    const ops = (extra: number) => [{ value }, { value }, { value: Buffer.alloc(rest + extra, 8) }];
    const exact = batch(start, { ops: ops(0) }).bytes;
    expect(exact.length).toBe(BATCH_BYTES_MAX);
    expect(reasonOf(exact)).toBe('ok');
    expect(reasonOf(batch(start, { ops: ops(1) }).bytes)).toBe(
      'a batch of more than 33554432 bytes',
    );
  });
});

test(
  'the limit of a batch is that of one batch, and needs no seal to be noticed',
  { tags: ['slow'] },
  () => {
    const ops = [{ value: Buffer.alloc(16 * MiB, 7) }, { value: 'x' }];
    const three = batches(start, [{ ops }, { ops }, { ops }]);
    expect(reasonOf(three.bytes)).toBe('ok');
    const large = batch(start, { ops: [...ops, ...ops] }).bytes;
    expect(reasonOf(large.subarray(0, -SEAL_BYTES))).toBe('a batch of more than 33554432 bytes');
  },
);

describe('BatchScanner', () => {
  test('finds the same batches however the bytes are cut into windows', () => {
    const shapes = [
      OPEN,
      { ops: [{}, {}, {}] },
      { epoch: 3, ops: [{}] },
      { ops: [{ value: 'x'.repeat(90) }] },
    ];
    const { bytes, state } = batches(FIRST, shapes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1 }), (steps) => {
        const found: BatchInfo[] = [];
        const scanner = new BatchScanner(FIRST);
        let window = Buffer.alloc(0);
        for (let at = 0, index = 0; at < bytes.length; index += 1) {
          const step = steps[index % steps.length] ?? 1;
          const rest = Buffer.from(window.subarray(scanner.batchOffset));
          scanner.shift(scanner.batchOffset);
          window = Buffer.concat([rest, bytes.subarray(at, at + step)]);
          at += step;
          expect(scanner.run(window, (info) => found.push(info)).kind).toBe('end');
        }
        expect(found.map(({ last }) => last.lsn)).toEqual([2, 5, 7, 8]);
        expect(scanner.before).toEqual(state);
        expect(scanner.batchOffset).toBe(window.length);
      }),
    );
  });
});

describe('records', () => {
  test('are given in order without the seals, in both ways', () => {
    const { bytes } = batches(FIRST, [OPEN, { ops: [{ op: 0x81, key: 'x' }, { key: 'y' }] }]);
    const seen: unknown[] = [];

    forEachRecord(bytes, ({ lsn, op, more, key, value }) => {
      seen.push([lsn, op, more, key.toString(), lsn === 1 ? '' : value.toString()]);
    });

    expect(seen).toEqual([
      [1, OP.EPOCH, false, 'n1', ''],
      [2, OP.PUT, false, 'a', '1'],
      [3, OP.PUT, true, 'x', 'v'],
      [4, OP.PUT, false, 'y', 'v'],
    ]);
    expect(
      [...records(bytes)].map(({ lsn, op, more, key }) => [lsn, op, more, key.toString()]),
    ).toEqual(seen.map((record) => (record as unknown[]).slice(0, 4)));
  });
});
