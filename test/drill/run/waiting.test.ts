import { describe, expect, test } from 'vitest';
import { missing } from '../../../src/drill/run/waiting.ts';
import type { Seen } from '../../../src/drill/run/waiting.ts';
import type { Await } from '../../../src/drill/scenario/scenario.ts';
import type { NodeStatus } from '../../../src/node/api/api.ts';
import { statusOf } from '../statuses.ts';

function seen(
  one: { up?: boolean; status?: Partial<NodeStatus> | undefined; output?: string },
  acknowledged = 0,
  rejected: Seen['rejected'] = {},
): Seen {
  const status =
    'status' in one && one.status === undefined ? undefined : statusOf('n1', one.status);
  return {
    nodes: [{ nodeId: 'n1', up: one.up ?? true, status, output: one.output ?? '' }],
    acknowledged,
    rejected,
  };
}

const LEADER = { role: 'leader' } as const;

describe('a wait', () => {
  const rows: readonly (readonly [string, Await, Seen, string | undefined])[] = [
    [
      'for commits ends with one by a leader',
      { kind: 'commits' },
      seen({ status: { ...LEADER, committedLsn: 11 } }),
      undefined,
    ],
    [
      'for commits goes on while nobody leads',
      { kind: 'commits' },
      seen({ status: { committedLsn: 11 } }),
      'no node leads',
    ],
    [
      'for commits goes on while nothing is committed',
      { kind: 'commits' },
      seen({ status: LEADER }),
      'nothing was committed above LSN 10',
    ],
    ['for a node ends when it is ready', { kind: 'ready', node: ['n1'] }, seen({}), undefined],
    [
      'for a node goes on while it is not',
      { kind: 'ready', node: ['n1'] },
      seen({ status: { notReady: { code: 'X', message: 'no leader is known' } } }),
      'n1: no leader is known',
    ],
    [
      'for a node goes on while it does not answer',
      { kind: 'ready', node: ['n1'] },
      seen({ status: undefined }),
      'n1 does not answer',
    ],
    [
      'for an end goes on while the process runs',
      { kind: 'down', node: ['n1'] },
      seen({ status: undefined }),
      'n1 runs',
    ],
    [
      'for an end ends with the process',
      { kind: 'down', node: ['n1'] },
      seen({ up: false }),
      undefined,
    ],
    [
      'for a refusal wants its code',
      { kind: 'refused', node: ['n1'], code: 'WAL_CORRUPT' },
      seen({ up: false, output: 'walship: DISK_FULL: no' }),
      'n1 has ended without WAL_CORRUPT',
    ],
    [
      'for a refusal ends with its code',
      { kind: 'refused', node: ['n1'], code: 'WAL_CORRUPT' },
      seen({ up: false, output: 'walship: WAL_CORRUPT: no' }),
      undefined,
    ],
    [
      'for a lead goes on while commits wait',
      { kind: 'leads', node: ['n1'] },
      seen({ status: { ...LEADER, commitWaits: { code: 'X', message: 'x' } } }),
      'n1 does not lead',
    ],
    [
      'for a lead ends with it',
      { kind: 'leads', node: ['n1'] },
      seen({ status: LEADER }),
      undefined,
    ],
    [
      'for a leader to step down goes on while it says that it leads',
      { kind: 'steps-down', node: ['n1'] },
      seen({ status: LEADER }),
      'n1 says that it leads',
    ],
    [
      'for a leader to step down goes on while it says nothing',
      { kind: 'steps-down', node: ['n1'] },
      seen({ status: undefined }),
      'n1 does not answer',
    ],
    [
      'for a leader to step down ends with its lead',
      { kind: 'steps-down', node: ['n1'] },
      seen({ status: { ...LEADER, role: 'follower' } }),
      undefined,
    ],
    [
      'for writes counts from its beginning',
      { kind: 'writes', count: 5 },
      seen({}, 14),
      '4 of 5 were acknowledged',
    ],
    [
      'for rejected writes counts those with its code, from its beginning',
      { kind: 'rejected', count: 5, code: 'DISK_FULL' },
      seen({}, 10, { DISK_FULL: 7, BUSY: 9 }),
      '4 of 5 were rejected so',
    ],
    [
      'for rejected writes ends with enough of them',
      { kind: 'rejected', count: 4, code: 'DISK_FULL' },
      seen({}, 10, { DISK_FULL: 7 }),
      undefined,
    ],
    [
      'for a reason goes on while the node gives another one',
      { kind: 'says', node: ['n1'], code: 'DISK_FULL', words: 'inode' },
      seen({ status: { why: [{ code: 'NO_LEADER', message: 'x' }] } }),
      'n1 says NO_LEADER, x',
    ],
    [
      'for a reason goes on while its sentence has other words',
      { kind: 'says', node: ['n1'], code: 'DISK_FULL', words: 'inode' },
      seen({ status: { why: [{ code: 'DISK_FULL', message: 'no room' }] } }),
      'n1 says DISK_FULL, no room',
    ],
    [
      'for a reason goes on while all is well',
      { kind: 'says', node: ['n1'], code: 'DISK_FULL', words: 'inode' },
      seen({ status: { why: [] } }),
      'n1 says that all is well',
    ],
    [
      'for a reason ends with a warning',
      { kind: 'says', node: ['n1'], code: 'BOUND_NEAR', words: '' },
      seen({ status: { why: [], warnings: [{ code: 'BOUND_NEAR', message: 'x' }] } }),
      undefined,
    ],
    [
      'for a reason goes on while the node is silent',
      { kind: 'says', node: ['n1'], code: 'DISK_FULL', words: 'inode' },
      seen({ status: undefined }),
      'n1 does not answer',
    ],
    [
      'for a reason ends with it',
      { kind: 'says', node: ['n1'], code: 'DISK_FULL', words: 'inode' },
      seen({ status: { why: [{ code: 'DISK_FULL', message: 'no inode' }] } }),
      undefined,
    ],
    ['for writes ends with enough of them', { kind: 'writes', count: 5 }, seen({}, 15), undefined],
  ];

  test.for(rows)('%s', ([, wanted, now, expected]) => {
    expect(missing(wanted, seen({}, 10, { DISK_FULL: 3 }), now)).toBe(expected);
  });
});
