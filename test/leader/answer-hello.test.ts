import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerHello, isProven } from '../../src/leader/answer-hello.ts';
import type { AnsweringLeader } from '../../src/leader/answer-hello.ts';
import { EPOCH_STEP_MAX } from '../../src/protocol/limits.ts';
import type { Hello, HistoryEntry, Identity } from '../../src/protocol/messages.ts';

const ID = 'c'.repeat(32);
const OTHER = 'd'.repeat(32);
const entry = (epoch: number, leader: string, firstLsn: number): HistoryEntry => ({
  epoch,
  leader,
  firstLsn,
});
const OURS = [entry(1, 'n1', 1), entry(2, 'n2', 11), entry(4, 'n1', 21)];
const LEADER: AnsweringLeader = {
  epoch: 4,
  nodeId: 'n1',
  clusterId: ID,
  historyId: ID,
  voters: ['n1', 'n2', 'n3'],
  epochs: OURS,
  durable: { epoch: 4, lsn: 30, chain: 0 },
  commitLsn: 25,
  configHash: ID,
  firstLsn: 1,
};

/** A hello of a log with that history, up to `lsn`. */
function hello(epochs: HistoryEntry[], lsn: number, rest: Partial<Hello> = {}): Hello {
  const last = { epoch: epochs.at(-1)?.epoch ?? 0, lsn, chain: 0 };
  return {
    kind: 'hello',
    protocol: 1,
    clusterId: ID,
    historyId: ID,
    nodeId: 'n3',
    run: ID,
    epochs,
    epochsBefore: 0,
    last,
    commitLsn: 0,
    lowestCutLsn: 0,
    promise: { epoch: 0, candidate: null, attempt: null },
    state: 'intact',
    configHash: ID,
    discard: false,
    ...rest,
  };
}

const told = (leader: AnsweringLeader, asked: Hello): string => {
  const answer = answerHello(leader, asked);
  if (answer.kind === 'refuse') return `${answer.alarm ? 'alarm' : 'refuse'} ${answer.code}`;
  return answer.kind === 'step-down' ? `step-down ${answer.why}` : `${answer.kind} ${answer.lsn}`;
};

describe('the answer to a hello', () => {
  test.for<[string, Hello, string]>([
    [
      'to a blank node: from the start',
      hello([], 0, { clusterId: null, historyId: null }),
      'continue 0',
    ],
    ['to an equal log: its end', hello(OURS, 30), 'continue 30'],
    ['to one that lags in this epoch: its end', hello(OURS, 25), 'continue 25'],
    ['to one that ends where an epoch ends', hello(OURS.slice(0, 2), 20), 'continue 20'],
    ['to one that lags in an older epoch', hello(OURS.slice(0, 1), 4), 'continue 4'],
    [
      'to one with more of an older epoch: cut to the end of ours',
      hello(OURS.slice(0, 2), 24),
      'truncate 20',
    ],
    [
      'to one with an epoch that this log does not have',
      hello([...OURS.slice(0, 2), entry(3, 'n3', 16)], 40),
      'truncate 15',
    ],
    [
      'to one with an unknown epoch that began behind our fork',
      hello([...OURS.slice(0, 2), entry(3, 'n3', 26)], 40),
      'truncate 20',
    ],
    [
      'to one that follows a divergent tail of a divergent tail',
      hello([entry(1, 'n1', 1), entry(3, 'n3', 8)], 9),
      'truncate 7',
    ],
    [
      'to a stranger that promised a later epoch',
      hello(OURS, 30, {
        nodeId: 'nobody',
        promise: { epoch: 77_777, candidate: null, attempt: null },
      }),
      'alarm NOT_A_VOTER',
    ],
    [
      'to a stranger with a later epoch',
      hello([...OURS, entry(5, 'n2', 31)], 31, { nodeId: 'nobody' }),
      'alarm NOT_A_VOTER',
    ],
    [
      'to a stranger ahead in the epoch of this leader',
      hello(OURS, 31, { nodeId: 'nobody' }),
      'alarm NOT_A_VOTER',
    ],
    ['to a stranger that lags', hello(OURS, 25, { nodeId: 'nobody' }), 'continue 25'],
    ['to one ahead in the epoch of this leader', hello(OURS, 31), 'step-down LEADER_LOST_DATA'],
    [
      'to one with a later epoch',
      hello([...OURS, entry(5, 'n2', 31)], 31),
      'step-down HIGHER_EPOCH',
    ],
    [
      'to one that promised a later epoch',
      hello(OURS, 30, { promise: { epoch: 5, candidate: 'n2', attempt: OTHER } }),
      'step-down HIGHER_EPOCH',
    ],
    [
      'to one that promised this epoch to another candidate',
      hello(OURS, 30, { promise: { epoch: 4, candidate: 'n2', attempt: OTHER } }),
      'continue 30',
    ],
    [
      'A9: to one with this epoch under another leader',
      hello([...OURS.slice(0, 2), entry(4, 'n2', 21)], 22),
      'alarm CHAIN_MISMATCH',
    ],
    [
      'to one with this epoch from another LSN',
      hello([...OURS.slice(0, 2), entry(4, 'n1', 19)], 22),
      'alarm CHAIN_MISMATCH',
    ],
    [
      'to one with a common epoch behind a fork',
      hello([entry(1, 'n1', 1), entry(3, 'n3', 12), entry(4, 'n1', 21)], 22),
      'alarm CHAIN_MISMATCH',
    ],
    [
      'to one that would have to cut off a commit',
      hello(OURS.slice(0, 2), 24, { commitLsn: 21 }),
      'alarm CHAIN_MISMATCH',
    ],
    [
      'to one whose commits end at the fork',
      hello(OURS.slice(0, 2), 24, { commitLsn: 20 }),
      'truncate 20',
    ],
    [
      'to one that lags and knows of commits that it does not have',
      hello(OURS.slice(0, 1), 4, { commitLsn: 25 }),
      'continue 4',
    ],
    ['to another protocol', hello(OURS, 30, { protocol: 2 }), 'refuse UNSUPPORTED_VERSION'],
    ['to another cluster', hello(OURS, 30, { clusterId: OTHER }), 'refuse WRONG_CLUSTER'],
    ['to another history', hello(OURS, 30, { historyId: OTHER }), 'refuse WRONG_CLUSTER'],
    ['to other voters', hello(OURS, 30, { configHash: OTHER }), 'refuse CONFIG_MISMATCH'],
    [
      'to another cluster with a higher epoch: no reason to step down',
      hello([entry(9, 'x', 1)], 1, { clusterId: OTHER }),
      'refuse WRONG_CLUSTER',
    ],
    ['to its own name', hello(OURS, 30, { nodeId: 'n1' }), 'alarm DUPLICATE_NODE'],
    ['to a position without a history', hello([], 3), 'refuse PROTOCOL_ERROR'],
    ['to a position before its own last epoch', hello(OURS, 20), 'refuse PROTOCOL_ERROR'],
    [
      'to a position of another epoch than its history',
      hello(OURS, 30, { last: { epoch: 2, lsn: 30, chain: 0 } }),
      'refuse PROTOCOL_ERROR',
    ],
  ])('%s', ([, asked, expected]) => {
    expect(told(LEADER, asked)).toBe(expected);
  });

  test('is a snapshot to one of another history whose own snapshots hold more than the fork', () => {
    const historyId = 'f'.repeat(32);
    const purged = { lowestCutLsn: 22, historyId, discard: true };
    expect(told(LEADER, hello(OURS.slice(0, 2), 24, purged))).toBe('snapshot 20');
    // Nothing is to be cut there, but what a snapshot of its own history holds came after.
    expect(told(LEADER, hello(OURS.slice(0, 2), 18, purged))).toBe('snapshot 18');
    expect(told(LEADER, hello(OURS.slice(0, 2), 24, { ...purged, historyId: ID }))).toBe(
      'snapshot 20',
    );
    expect(told(LEADER, hello(OURS.slice(0, 2), 24, { ...purged, lowestCutLsn: 20 }))).toBe(
      'truncate 20',
    );
    // In one history what is committed stays: what the snapshot needs will come.
    expect(told(LEADER, hello(OURS.slice(0, 2), 18, { lowestCutLsn: 22 }))).toBe('continue 18');
  });

  test('is a snapshot where the log begins behind the fork', () => {
    const purged = { ...LEADER, firstLsn: 15 };

    expect(told(purged, hello(OURS.slice(0, 2), 13))).toBe('snapshot 13');
    expect(told(purged, hello(OURS.slice(0, 2), 14))).toBe('continue 14');
  });
});

describe('for logs that forked anywhere', () => {
  /** A log as the epoch of each record; every epoch has one leader, and begins with its EPOCH record. */
  function historyOf(log: readonly number[]): HistoryEntry[] {
    return log.flatMap((epoch, index) =>
      epoch === log[index - 1] ? [] : [entry(epoch, `n${(epoch % 3) + 4}`, index + 1)],
    );
  }
  const runs = (epochs: readonly number[], lengths: readonly number[]): number[] =>
    epochs.flatMap((epoch, index) => Array.from({ length: lengths[index] ?? 1 }, () => epoch));
  const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 4, maxLength: 4 });

  test('the fork is the length of what both have', () => {
    fc.assert(
      fc.property(
        lengths,
        lengths,
        lengths,
        fc.integer({ min: 0, max: 20 }),
        fc.nat(20),
        (common, mine, theirs, cut, end) => {
          // Both share some of the log of epochs 1 to 3. Then the leader's goes on in epochs 5, 7 and 9, theirs in 4, 6 and 8.
          const shared = runs([1, 2, 3], common);
          const ours = [...shared.slice(0, cut), ...runs([5, 7, 9], mine)];
          const other = [...shared, ...runs([4, 6, 8], theirs)].slice(0, end);
          let fork = 0;
          while (fork < other.length && other[fork] === ours[fork]) fork += 1;
          const leader = {
            ...LEADER,
            epoch: 9,
            epochs: historyOf(ours),
            durable: { epoch: 9, lsn: ours.length, chain: 0 },
          };

          const expected = `${fork < other.length ? 'truncate' : 'continue'} ${fork}`;

          expect(told(leader, hello(historyOf(other), other.length))).toBe(expected);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe('a hello from another history', () => {
  const promise = { epoch: 9, candidate: 'n3', attempt: null };
  /** Beside the first two entries it has an epoch that this leader has too, under another leader. */
  const theirs = [...OURS.slice(0, 1), { epoch: 4, leader: 'n9', firstLsn: 12 }];

  test('is refused, and told what would take it over', () => {
    const answer = answerHello(LEADER, hello(theirs, 30, { historyId: OTHER }));

    expect(answer).toMatchObject({ kind: 'refuse', code: 'WRONG_CLUSTER', alarm: false });
    expect((answer as { message: string }).message).toContain('rejoin --discard');
  });

  test('that an operator sent is cut to the fork, whatever it promised, led or knows to be committed', () => {
    const rest = { historyId: OTHER, discard: true, configHash: OTHER, commitLsn: 30, promise };

    expect(answerHello(LEADER, hello(theirs, 30, rest))).toMatchObject({ kind: 'truncate' });
  });

  test('of the same history is cut by an operator’s word too, and deposes a leader of a lower epoch all the same', () => {
    const rest = { discard: true, commitLsn: 30 };

    expect(answerHello(LEADER, hello(theirs, 30, rest))).toMatchObject({ kind: 'truncate' });
    expect(answerHello(LEADER, hello(theirs, 30, { ...rest, promise }))).toMatchObject({
      kind: 'step-down',
    });
  });

  test('may come over by itself where it promised to the attempt that began this one', () => {
    const attempt = { ...promise, epoch: 3, attempt: ID };
    const rest = { historyId: OTHER, configHash: OTHER, promise: attempt };

    expect(answerHello(LEADER, hello(OURS.slice(0, 1), 5, rest))).not.toMatchObject({
      kind: 'refuse',
    });
  });
});

describe('what a voter claims of itself', () => {
  const FAR = 4 + EPOCH_STEP_MAX;
  const promised = (epoch: number): Hello =>
    hello(OURS, 30, { promise: { epoch, candidate: null, attempt: null } });

  test.for<[string, Hello, object | undefined]>([
    ['a later epoch', promised(FAR), undefined],
    ['an epoch far above', promised(FAR + 1), { epoch: FAR + 1, lsn: null }],
    ['more of the epoch of this leader', hello(OURS, 31), { epoch: 4, lsn: 31 }],
  ])('is to be proven where it would harm: %s', ([, asked, claim]) => {
    const answer = answerHello(LEADER, asked);

    expect(answer).toMatchObject({ kind: 'step-down' });
    expect('claim' in answer ? answer.claim : undefined).toEqual(claim);
  });

  test.for<[string, Partial<Identity> | undefined, boolean]>([
    ['the process at its address says the same', {}, true],
    ['nobody answers there', undefined, false],
    ['another run answers there', { run: OTHER }, false],
    ['another node answers there', { nodeId: 'n2' }, false],
    ['its fence is lower', { fence: 8 }, false],
    ['its log ends before', { last: { epoch: 4, lsn: 30 } }, false],
  ])('%s', ([, found, proven]) => {
    const said: Identity = {
      kind: 'identity',
      nodeId: 'n3',
      run: ID,
      fence: 9,
      last: { epoch: 4, lsn: 31 },
    };
    const identity = found && { ...said, ...found };
    const judged = [
      isProven(hello(OURS, 31), { epoch: 9, lsn: null }, identity),
      isProven(hello(OURS, 31), { epoch: 4, lsn: 31 }, identity),
    ];

    expect(judged.every(Boolean)).toBe(proven);
  });
});
