import { describe, expect, test } from 'vitest';
import { commitLsn } from '../../src/leader/commit-rule.ts';

const BASE = {
  quorum: 2,
  voters: ['n1', 'n2', 'n3'],
  ownEpochLsn: 5,
  committed: 3,
  knowsCommit: true,
  leaderDurableLsn: 9,
};
const at = (n2: number, n3: number) => [
  { nodeId: 'n2', counts: true, durableLsn: n2 },
  { nodeId: 'n3', counts: true, durableLsn: n3 },
];

describe('the commit LSN', () => {
  test.for<[string, Partial<Parameters<typeof commitLsn>[0]>, number]>([
    ['is the second highest of three', { followers: at(7, 6) }, 7],
    ['is the lowest where all have to hold it', { quorum: 3, followers: at(7, 6) }, 6],
    ['is the leader alone where W is 1', { quorum: 1, followers: [] }, 9],
    [
      'is never above what the leader itself fsynced',
      { leaderDurableLsn: 6, followers: at(9, 9) },
      6,
    ],
    [
      'does not move by followers where the leader does not count',
      { leaderDurableLsn: 0, followers: at(9, 9) },
      3,
    ],
    ['stays below the own EPOCH record', { followers: at(4, 4) }, 3],
    ['moves with the own EPOCH record, and takes all before it along', { followers: at(5, 0) }, 5],
    [
      'does not count a voter that does not count',
      { followers: at(7, 6).map((vote) => ({ ...vote, counts: false })) },
      3,
    ],
    ['does not count a learner', { followers: [{ nodeId: 'n9', counts: true, durableLsn: 9 }] }, 3],
    ['never goes back', { committed: 8, followers: at(7, 6) }, 8],
    [
      'F4: waits for all voters where no commit is known',
      { committed: 0, knowsCommit: false, followers: at(9, 4) },
      0,
    ],
    [
      'F4: waits for a voter that is not intact yet',
      { committed: 0, knowsCommit: false, followers: at(9, 9).slice(1) },
      0,
    ],
    [
      'moves once all voters hold the EPOCH record',
      { committed: 0, knowsCommit: false, followers: at(8, 5) },
      8,
    ],
  ])('%s', ([, options, expected]) => {
    expect(commitLsn({ ...BASE, followers: [], ...options })).toBe(expected);
  });
});
