import { expect, test } from 'vitest';
import { Holds, type HoldsOptions } from '../../src/leader/holds.ts';
import type { SnapshotSource } from '../../src/leader/snapshot-sender.ts';

const SNAPSHOT: SnapshotSource = {
  path: '/data/snapshots/50',
  start: { epoch: 1, lsn: 50, chain: 1 },
  endLsn: 60,
  digest: '0'.repeat(64),
  bytes: 1,
  open: () => Promise.reject(new Error('nobody reads it here')),
};

test('a snapshot and the log behind its start are held until its receiver has got past its end', () => {
  const log = { onDisk: { diskBytes: 0 } } as unknown as HoldsOptions['log'];
  const clock = { nowMs: () => 0 } as HoldsOptions['clock'];
  const holds = new Holds({ log, clock, nodeId: 'n1', voters: ['n1'], retainBytesMax: 1 });
  const held = [{ nodeId: 'learner', lsn: 50, snapshot: true }];
  holds.gave('learner', SNAPSHOT);
  expect(holds.holds).toEqual(held);

  for (const lsn of [50, 59]) {
    holds.reached('learner', lsn);
    expect(holds.holds).toEqual(held);
    expect(holds.paths).toEqual([SNAPSHOT.path]);
  }
  holds.reached('learner', 60);

  expect(holds.holds).toEqual([]);
  expect(holds.paths).toEqual([]);
});
