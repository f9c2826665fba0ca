import { describe, expect, test } from 'vitest';
import { changedSince, planFailover } from '../../../src/node/rules/failover-plan.ts';
import type { FailoverQuestion } from '../../../src/node/rules/failover-plan.ts';

const AT = { epoch: 3, lsn: 40, chain: 7 };
type Answer = FailoverQuestion['answers'][number];

function answer(nodeId: string, change: Partial<Answer> = {}): Answer {
  const words = { code: 'OK', message: '', leader: null };
  const what = { granted: true, position: AT, state: 'intact', claim: null, birth: null } as const;
  return { nodeId, ...what, ...words, ...change };
}

/** n1 of five voters asks; n1 and n2 answer. */
function asked(change: Partial<FailoverQuestion> = {}): FailoverQuestion {
  return {
    nodeId: 'n1',
    position: AT,
    state: 'intact',
    claim: null,
    committedLsn: 38,
    snapshotEndLsn: 0,
    config: { voters: ['n1', 'n2', 'n3', 'n4', 'n5'], quorum: 3 },
    answers: [answer('n1'), answer('n2')],
    silent: ['n3', 'n4', 'n5'].map((nodeId) => ({ nodeId, message: 'not reached' })),
    lastSeen: new Map(),
    verdict: { kind: 'no', code: 'NO_QUORUM', message: '' },
    ...change,
  };
}

function planOf(change: Partial<FailoverQuestion> = {}) {
  const verdict = planFailover(asked(change));
  if (verdict.kind === 'refuse') throw new Error(verdict.message);
  return verdict.plan;
}

describe('a forced failover', () => {
  test('goes on with those that answer, and a majority of them', () => {
    expect(planOf()).toMatchObject({
      voters: ['n1', 'n2'],
      quorum: 2,
      kept: { epoch: 3, lsn: 40 },
      missing: [{ nodeId: 'n3' }, { nodeId: 'n4' }, { nodeId: 'n5' }],
    });
    expect(planOf({ wantedQuorum: 1 }).quorum).toBe(1);
  });

  test.for<[string, string, Partial<FailoverQuestion>]>([
    ['NOT_A_VOTER', 'a learner', { nodeId: 'n9' }],
    ['CANDIDATE_BLANK', 'a blank node', { state: 'blank' }],
    ['STATE_INCOMPLETE', 'a node whose log ends below its snapshot', { snapshotEndLsn: 41 }],
    [
      'LEADER_LIVES',
      'a cluster whose leader has W intact voters, though it is ahead of this one under load',
      {
        answers: [
          answer('n1', { leader: 'n2' }),
          answer('n2', { leader: 'n2', granted: false, position: { ...AT, lsn: 41 } }),
          answer('n3', { leader: 'n2' }),
        ],
      },
    ],
    [
      'VOTER_AHEAD',
      'a node behind a leader that has fewer than W',
      {
        answers: [
          answer('n1', { leader: 'n2' }),
          answer('n2', { leader: 'n2', position: { ...AT, lsn: 41 } }),
          answer('n3', { leader: 'n2', state: 'suspect' }),
        ],
      },
    ],
    [
      'VOTER_AHEAD',
      'a node whose leader does not answer as such any more',
      {
        answers: [
          answer('n1', { leader: 'n2' }),
          answer('n2', { position: { ...AT, lsn: 41 } }),
          answer('n3', { leader: 'n2' }),
          answer('n4', { leader: 'n2' }),
        ],
      },
    ],
    [
      'PROMOTE_WOULD_DO',
      'a node that may be promoted',
      { verdict: { kind: 'lead', how: 'promises', counted: [], vouched: [], all: false } },
    ],
    [
      'VOTER_AHEAD',
      'a node behind a suspect one',
      { answers: [answer('n1'), answer('n2', { state: 'suspect', position: { ...AT, lsn: 41 } })] },
    ],
    [
      'VOTER_REFUSES',
      'an answer that is no grant',
      { answers: [answer('n1'), answer('n2', { granted: false, code: 'STALE_EPOCH' })] },
    ],
    ['QUORUM_INVALID', 'a quorum that those left cannot reach', { wantedQuorum: 3 }],
    [
      'CHAIN_MISMATCH',
      'two logs that differ where they must be equal',
      { verdict: { kind: 'no', code: 'CHAIN_MISMATCH', message: '' } },
    ],
  ])('is %s for %s', ([reason, , change]) => {
    expect(planFailover(asked(change))).toMatchObject({ kind: 'refuse', reason });
  });

  test('leaves a node of another history behind, however far it is', () => {
    const position = { ...AT, epoch: 9 };
    const stranger = answer('n3', { granted: false, code: 'WRONG_CLUSTER', position });

    expect(planOf({ answers: [answer('n1'), answer('n2'), stranger] }).voters).toEqual([
      'n1',
      'n2',
    ]);
  });
});

describe('what may be lost', () => {
  test('is everything above what is known to be committed, where W voters are in doubt', () => {
    const lastSeen = new Map([['n3', { epoch: 3, lsn: 44 }]]);

    expect(planOf().risk).toMatchObject({ some: true, fromLsn: 39, toLsn: 'unknown' });
    expect(planOf({ lastSeen })).toMatchObject({
      risk: { some: true, fromLsn: 39, toLsn: 44 },
      missing: [{ nodeId: 'n3', atLeast: { epoch: 3, lsn: 44 } }, {}, {}],
    });
  });

  test('begins with the first record that this node lacks where it heard of commits beyond', () => {
    expect(planOf({ committedLsn: 61 }).risk).toMatchObject({ some: true, fromLsn: 41, toLsn: 61 });
  });

  test('is nothing where fewer than W voters are in doubt', () => {
    const config = { voters: ['n1', 'n2', 'n3', 'n4', 'n5'], quorum: 4 };

    expect(planOf({ config }).risk).toMatchObject({ some: false, fromLsn: 41 });
  });

  test('counts blank ones, and suspects that may have held more', () => {
    const config = { voters: ['n1', 'n2', 'n3', 'n4', 'n5'], quorum: 4 };
    const [blank, more, less] = [
      answer('n2', { state: 'blank' }),
      answer('n2', { state: 'suspect', claim: { epoch: 3, lsn: 41 } }),
      answer('n2', { state: 'suspect', claim: { epoch: 3, lsn: 40 } }),
    ] as const;

    const some = [blank, more, less].map(
      (other) => planOf({ config, answers: [answer('n1'), other] }).risk.some,
    );
    expect(some).toEqual([true, true, false]);
  });
});

describe('a real round that differs from the plan', () => {
  const plan = { voters: ['n1', 'n2'], kept: { epoch: 3, lsn: 40 } };
  const longer = { ...AT, lsn: 41 };
  const message = (promised: string, at: string): string =>
    `the plan was for n1, n2 at 3.40, but ${promised} promised at ${at}: nothing was changed; ` +
    'first run the command again without --accept-data-loss';

  test('changes nothing, and says what was planned and what came', () => {
    expect(changedSince(plan, [answer('n1')], AT)).toBe(message('n1', '3.40'));
    expect(changedSince(plan, [], AT)).toBe(message('nobody', '3.40'));
    expect(changedSince(plan, [answer('n1'), answer('n2')], longer)).toBe(
      message('n1, n2', '3.41'),
    );
    expect(changedSince(plan, [answer('n1'), answer('n2', { position: longer })], AT)).toBe(
      message('n1, n2', '3.40'),
    );
  });

  test('is none where all promise as planned; what a blank voter has forgotten does not count', () => {
    expect(changedSince(plan, [answer('n1'), answer('n2')], AT)).toBeUndefined();
    const blank = answer('n2', { state: 'blank', position: longer });
    expect(changedSince(plan, [answer('n1'), blank], AT)).toBeUndefined();
  });
});
