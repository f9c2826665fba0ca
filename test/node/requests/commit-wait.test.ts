import { expect, test } from 'vitest';
import { CommitWait } from '../../../src/node/requests/commit-wait.ts';
import { TICK_MS } from '../../../src/ports/tick-timer.ts';

test('a stream of writes that are committed one after the other makes no wait', () => {
  const wait = new CommitWait();
  for (let lsn = 10; lsn < 50; lsn += 1) {
    wait.tick(lsn - 1, lsn);
    expect(wait.ms).toBeLessThanOrEqual(TICK_MS);
  }
});

test('a wait lasts from when the first record that waits was there, whatever comes behind it', () => {
  const wait = new CommitWait();
  wait.tick(10, 11);
  for (let tick = 1; tick <= 20; tick += 1) {
    wait.tick(10, 11 + tick);
    expect(wait.ms).toBe(tick * TICK_MS);
  }
  wait.tick(11, 40);
  expect(wait.ms).toBe(0);
});
