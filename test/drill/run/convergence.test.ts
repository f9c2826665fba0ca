import { describe, expect, test } from 'vitest';
import { unequal, unsettled } from '../../../src/drill/run/convergence.ts';
import type { NodeStatus } from '../../../src/node/api/api.ts';
import { statusOf } from '../statuses.ts';

function three(
  second: Partial<NodeStatus> | undefined,
): { nodeId: string; status: NodeStatus | undefined }[] {
  return [
    { nodeId: 'n1', status: statusOf('n1', { role: 'leader' }) },
    { nodeId: 'n2', status: second === undefined ? undefined : statusOf('n2', second) },
    { nodeId: 'n3', status: statusOf('n3') },
  ];
}

describe('a cluster', () => {
  test('is one where everybody answers, follows one leader and counts', () => {
    expect(unsettled(three({}))).toEqual([]);
    expect(unequal(three({}))).toEqual([]);
  });

  const rows: readonly (readonly [string, Partial<NodeStatus> | undefined, string])[] = [
    ['a node does not answer', undefined, 'n2 does not answer'],
    ['two lead', { role: 'leader' }, 'n1 and n2 both say that they lead'],
    ['a node is in another epoch', { epoch: 2 }, 'n2 is in epoch 2, n1 in 1'],
    ['a voter is suspect', { state: 'suspect' }, 'n2 is suspect'],
    [
      'a node is not ready',
      { notReady: { code: 'X', message: 'no leader is known' } },
      'n2: no leader is known',
    ],
  ];

  test.for(rows)('is not one where %s', ([, second, reason]) => {
    expect(unsettled(three(second))).toEqual([reason]);
    expect(unequal(three(second))).toEqual([reason]);
  });

  test('does not mind a learner that is blank', () => {
    const learner = { nodeId: 'n4', status: statusOf('n4', { state: 'blank' }) };

    expect(unsettled([...three({}), learner])).toEqual([]);
  });

  const positions: readonly (readonly [string, Partial<NodeStatus>, string])[] = [
    ['lags', { durable: { epoch: 1, lsn: 9, chain: 7 } }, 'n2 has up to LSN 9, the leader 10'],
    [
      'has other bytes',
      { durable: { epoch: 1, lsn: 10, chain: 8 } },
      'n2 has another log than the leader',
    ],
    ['does not know what is committed', { committedLsn: 9 }, 'n2 knows LSN 9 of 10 as committed'],
    ['has not applied all', { applied: { epoch: 1, lsn: 9 } }, 'n2 has applied LSN 9 of 10'],
  ];

  test.for(positions)('is one and not equal where a node %s', ([, second, reason]) => {
    expect(unsettled(three(second))).toEqual([]);
    expect(unequal(three(second))).toEqual([reason]);
  });
});
