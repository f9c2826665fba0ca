/** Goal: the bytes that wait to be committed are exactly those of the writes that do. */
import { expect, test } from 'vitest';
import { Uncommitted } from '../../src/node/uncommitted.ts';

test('a commit takes off whole batches, however their writes came', () => {
  const uncommitted = new Uncommitted();
  uncommitted.add(2, 10, 0);
  uncommitted.add(3, 5, 0);
  // Up to LSN 3 a batch was sealed; the next one is open.
  uncommitted.add(4, 7, 3);
  expect(uncommitted.bytes).toBe(22);
  uncommitted.committed(3);
  expect(uncommitted.bytes).toBe(7);
  uncommitted.committed(3);
  expect(uncommitted.bytes).toBe(7);
  uncommitted.committed(4);

  expect(uncommitted.bytes).toBe(0);
});

test('several batches may wait, and be committed at once', () => {
  const uncommitted = new Uncommitted();
  for (let lsn = 1; lsn <= 5; lsn += 1) uncommitted.add(lsn, lsn, lsn - 1);
  uncommitted.committed(4);

  expect(uncommitted.bytes).toBe(5);
});
