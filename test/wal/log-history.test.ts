import { describe, expect, test } from 'vitest';
import { LogHistory } from '../../src/wal/log-history.ts';

const entry = (epoch: number, firstLsn: number) => ({
  epoch,
  leader: 'n1',
  firstLsn,
  historyId: 'f'.repeat(32),
  voters: ['n1'],
  quorum: 1,
});

const AT_1 = { start: () => ({ epoch: 0, lsn: 0 }) };

describe('a log that is cut', () => {
  test('forgets the leaderships that began behind the cut, and keeps the one that began there', () => {
    const epochs = [entry(1, 1), entry(2, 5), entry(3, 6)];
    const history = new LogHistory({ epochs, knownCommitLsn: 0 }, AT_1);

    history.truncate(5);

    expect(history.spans.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(history.epochAt(9)).toBe(2);
  });

  test('calls nothing behind the cut committed', () => {
    const history = new LogHistory({ epochs: [entry(1, 1)], knownCommitLsn: 7 }, AT_1);

    history.truncate(5);
    expect(history.knownCommitLsn).toBe(5);

    history.truncate(6);
    expect(history.knownCommitLsn).toBe(5);
  });
});
