import { expect, test } from 'vitest';
import { BatchBuilder, operationsBytes } from '../../src/wal/batch-builder.ts';
import { OP } from '../../src/wal/record.ts';
import { BatchScanner } from '../../src/wal/scan.ts';
import { batch, FIRST } from './fixture.ts';

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
