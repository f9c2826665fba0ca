import { describe, expect, test } from 'vitest';
import { BatchBuilder, operationsBytes } from '../../../src/wal/format/batch-builder.ts';
import { MiB } from '../../../src/ports/units.ts';
import {
  OPERATIONS_PER_STEP,
  prepareTransaction,
} from '../../../src/wal/format/prepared-transaction.ts';
import { OP } from '../../../src/wal/format/record.ts';
import { BatchScanner } from '../../../src/wal/format/scan.ts';
import { batch, FIRST } from '../fixture.ts';

const BEFORE = batch(FIRST, { epoch: 1 }).state;

/** A batch of LSN 2 and 3 that is about to be sealed. */
function open(): BatchBuilder {
  const builder = new BatchBuilder(BEFORE, 0);
  const put = { op: OP.PUT, key: Buffer.from('k'), value: Buffer.from('v') };
  builder.add([put, put], operationsBytes([put, put]));
  return builder;
}

test('a batch whose seal knows its own last LSN committed can be read', () => {
  const { bytes, last } = open().seal({ commitLsn: 3, wallMs: 1 });
  const commitLsns: number[] = [];

  const stop = new BatchScanner(BEFORE).run(bytes, ({ seal }) => commitLsns.push(seal.commitLsn));

  expect(stop.kind).toBe('end');
  expect(last.lsn).toBe(3);
  expect(commitLsns).toEqual([3]);
});

test('a batch is never sealed with a commit LSN beyond its end, which no reader would take', () => {
  expect(() => open().seal({ commitLsn: 4, wallMs: 1 })).toThrow('what is committed is in the log');
});

describe('a transaction that was prepared', () => {
  const many = Array.from({ length: 3 * OPERATIONS_PER_STEP + 1 }, (_, index) => ({
    op: index % 3 === 0 ? OP.DELETE : OP.PUT,
    key: Buffer.from(`k${index}`),
    value: Buffer.from(index % 3 === 0 ? '' : `v${index}`),
  }));

  test('is the same batch, byte by byte, as one that is appended at once', () => {
    const atOnce = new BatchBuilder(BEFORE, 0);
    const lastLsn = atOnce.add(many, operationsBytes(many));
    const builder = new BatchBuilder(BEFORE, 0);
    const { result } = finish(prepareTransaction(many, BEFORE.lsn + 1));
    expect(builder.addPrepared(result)).toBe(lastLsn);

    const context = { commitLsn: 1, wallMs: 5 };
    const prepared = builder.seal(context);
    const expected = atOnce.seal(context);
    expect(prepared.bytes.equals(expected.bytes)).toBe(true);
    expect(prepared.last).toEqual(expected.last);
  });

  test('takes a step for a bounded number of operations, and for a bounded number of bytes', () => {
    // Three to check them, and three to encode them.
    expect(finish(prepareTransaction(many, 1)).steps).toBeGreaterThanOrEqual(6);
    const op = { op: OP.PUT, key: Buffer.from('k'), value: Buffer.alloc(MiB) };
    const large = Array.from({ length: 16 }, () => op);
    expect(finish(prepareTransaction(large, 1)).steps).toBeGreaterThanOrEqual(16);
  });

  test('is not taken where something was appended since', () => {
    const builder = new BatchBuilder(BEFORE, 0);
    const { result } = finish(prepareTransaction(many, BEFORE.lsn + 2));
    expect(() => builder.addPrepared(result)).toThrow('nothing was appended since');
  });

  test('is refused as it would be when it is appended at once', () => {
    const last = { op: OP.PUT, key: Buffer.alloc(0), value: Buffer.alloc(0) };
    expect(() => finish(prepareTransaction([...many, last], 1))).toThrow('a key of 0 bytes');
    expect(() => finish(prepareTransaction([], 1))).toThrow('without operations');
  });
});

function finish<T>(work: Generator<void, T, void>): { result: T; steps: number } {
  for (let steps = 0; ; steps += 1) {
    const step = work.next();
    if (step.done === true) return { result: step.value, steps };
  }
}
