import { describe, expect, test } from 'vitest';
import { supersededLsn } from '../../../src/wal/format/superseded.ts';

const log = { historyId: 'h', lastLsn: 40, committedLsn: 30 };
const snapshot = { historyId: 'h', startLsn: 100 };

describe('a snapshot is proven to hold', () => {
  test.for([
    ['what is committed', log, snapshot, 30],
    ['all of a log that is committed', { ...log, committedLsn: 40 }, snapshot, 40],
    ['no more than there is', { ...log, committedLsn: 70 }, snapshot, 40],
    ['nothing where nothing is committed', { ...log, committedLsn: 0 }, snapshot, 0],
    ['nothing of another history', log, { ...snapshot, historyId: 'i' }, 0],
    ['nothing of a log of no certain history', { ...log, historyId: undefined }, snapshot, 0],
    [
      'nothing where neither says its history',
      { ...log, historyId: undefined },
      { ...snapshot, historyId: undefined },
      0,
    ],
    ['nothing where the log reaches its start', log, { ...snapshot, startLsn: 30 }, 0],
  ] as const)('%s', ([, ours, theirs, expected]) => {
    expect(supersededLsn(ours, theirs)).toBe(expected);
  });
});
