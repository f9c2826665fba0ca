/** Goal: the bytes that wait are exactly those of the writes that do. */
import { expect, test } from 'vitest';
import { PendingBytes } from '../../../src/node/requests/pending-bytes.ts';

test('reaching an LSN takes off whole batches, however their writes came', () => {
  const pending = new PendingBytes();
  pending.add(2, 10, 0);
  pending.add(3, 5, 0);
  // Up to LSN 3 a batch was sealed; the next one is open.
  pending.add(4, 7, 3);
  expect(pending.bytes).toBe(22);
  pending.reached(3);
  expect(pending.bytes).toBe(7);
  pending.reached(3);
  expect(pending.bytes).toBe(7);
  pending.reached(4);

  expect(pending.bytes).toBe(0);
});

test('several batches may wait, and be reached at once', () => {
  const pending = new PendingBytes();
  for (let lsn = 1; lsn <= 5; lsn += 1) pending.add(lsn, lsn, lsn - 1);
  pending.reached(4);

  expect(pending.bytes).toBe(5);
});
