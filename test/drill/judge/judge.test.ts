/**
 * **Goal:** each check turns red for its fault, and for no other; and stays green where a write of which nobody knows the outcome explains what is seen.
 * **Method:** a recording in which everything is right is changed in one place.
 */
import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../../src/drill/judge/checks/evidence.ts';
import { checkLinearizable } from '../../../src/drill/judge/checks/linearizable.ts';
import { judge } from '../../../src/drill/judge/judge.ts';
import type { Recording } from '../../../src/drill/recording/recording.ts';
import { accountValue } from '../../../src/drill/load/workload-accounts.ts';
import {
  FAULT_MS,
  LOAD_END_MS,
  NODES,
  RecordingBuilder,
  statusOf,
  version,
  whole,
} from '../recording-builder.ts';

/** A recording that is right until `change` is done, in the middle of the load. */
function changed(change: (builder: RecordingBuilder) => void): RecordingBuilder {
  const builder = new RecordingBuilder().until(FAULT_MS);
  change(builder);
  return builder.until(LOAD_END_MS);
}

function red(recording: Recording): readonly string[] {
  return judge(recording)
    .checks.filter(({ passed }) => !passed)
    .map(({ code, message }) => `${code}: ${message}`);
}

function redCodes(recording: Recording): readonly string[] {
  return judge(recording)
    .checks.filter(({ passed }) => !passed)
    .map(({ code }) => code);
}

describe('a recording in which everything is right', () => {
  test('passes, and says how much was looked at', () => {
    const verdict = judge(whole().build());

    expect(verdict.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(verdict.passed).toBe(true);
    expect(verdict.summary).toMatch(
      /^passed: \d+ writes acknowledged, none lost; longest write outage none/,
    );
    expect(verdict.rpo.quorum.lost).toBe(0);
    expect(verdict.rpo.local).toEqual({ acknowledged: 0, lost: 0, lostVersions: [] });
  });

  const explained: readonly (readonly [string, (builder: RecordingBuilder) => void])[] = [
    [
      'an indeterminate write that is there',
      (b) => void b.set({ end: 'indeterminate', version: undefined, code: 'COMMIT_TIMEOUT' }),
    ],
    [
      'an indeterminate write that is not there',
      (b) => void b.setNowhere({ end: 'indeterminate', version: undefined }),
    ],
    [
      'a rejected write that is not there',
      (b) => void b.setNowhere({ end: 'rejected', version: undefined, code: 'NO_QUORUM' }),
    ],
    [
      'a write that never returned',
      (b) => void b.set({ end: 'indeterminate', returnedAt: Infinity, version: undefined }),
    ],
    [
      'an indeterminate put that a read shows',
      (b) => {
        b.register('reg/1', 'maybe', { kind: 'indeterminate', version: undefined });
        b.read('reg/1');
      },
    ],
    [
      'an indeterminate delete of an acknowledged value',
      (b) => {
        b.register('reg/2', 'gone soon');
        b.register('reg/2', undefined, { kind: 'indeterminate', version: undefined });
        b.read('reg/2');
      },
    ],
    [
      'an indeterminate delete that did not happen',
      (b) => {
        b.register('reg/2', 'stays');
        b.register('reg/2', undefined, { kind: 'indeterminate', version: undefined }, false);
      },
    ],
    [
      'an indeterminate transfer that happened',
      (b) => void b.transfer(5, { end: 'indeterminate', version: undefined }),
    ],
    [
      'a node that had no accounts yet',
      (b) =>
        void b.accountReads.push({
          atMs: b.nowMs,
          nodeId: 'n3',
          applied: version('1.1'),
          balances: {},
        }),
    ],
    [
      'a failed condition',
      (b) =>
        b.register(
          'reg/1',
          'refused',
          { kind: 'condition-failed', actual: b.entries.get('reg/1')?.version },
          false,
        ),
    ],
  ];
  test.for(explained)('passes with %s', ([, change]) => {
    expect(red(changed(change).build())).toEqual([]);
  });
});

type Row = readonly [string, string, (builder: RecordingBuilder) => void];

const inLoad: readonly Row[] = [
  ['an acknowledged write is nowhere', 'LOST_WRITE', (b) => void b.setNowhere()],
  [
    'an element of the set has another value',
    'LOST_WRITE',
    (b) => {
      const { key } = b.set();
      b.entries.set(key, { value: 'other', version: version('1.2') });
    },
  ],
  [
    'a register went back to an earlier version',
    'LOST_WRITE',
    (b) => {
      b.register('reg/7', 'first');
      const entry = b.entries.get('reg/7');
      b.register('reg/7', 'second');
      if (entry !== undefined) b.entries.set('reg/7', entry);
    },
  ],
  [
    'a register is gone, and nobody deleted it',
    'LOST_WRITE',
    (b) => {
      b.register('reg/7', 'first');
      b.entries.delete('reg/7');
    },
  ],
  [
    'a deleted register is there again',
    'LOST_WRITE',
    (b) => {
      b.register('reg/7', 'first');
      const entry = b.entries.get('reg/7');
      b.register('reg/7', undefined);
      if (entry !== undefined) b.entries.set('reg/7', entry);
    },
  ],
  [
    'a rejected element of the set is there',
    'REJECTED_APPEARED',
    (b) => void b.set({ end: 'rejected', version: undefined }),
  ],
  [
    'a rejected element of the set was in a watch only',
    'REJECTED_APPEARED',
    (b) => {
      const { key } = b.set({ end: 'rejected', version: undefined });
      b.entries.delete(key);
    },
  ],
  [
    'a put with a failed condition is there',
    'REJECTED_APPEARED',
    (b) => b.register('reg/9', 'refused', { kind: 'condition-failed', actual: null }),
  ],
  [
    'a rejected transfer happened',
    'REJECTED_APPEARED',
    (b) => void b.transfer(3, { end: 'rejected', version: undefined }),
  ],
  [
    'an element of the set was written twice',
    'DUPLICATE',
    (b) => {
      const { key, value } = b.set();
      b.logged(key, value);
    },
  ],
  [
    'a register was written twice, and then again',
    'DUPLICATE',
    (b) => {
      b.register('reg/8', 'twice');
      b.logged('reg/8', 'twice');
      b.register('reg/8', 'later');
    },
  ],
  [
    'a write got a place before one that had been acknowledged',
    'ORDER',
    (b) => {
      const early = b.set();
      const late = b.set();
      b.setWrites.splice(
        -2,
        2,
        { ...early, version: late.version },
        { ...late, version: early.version },
      );
    },
  ],
  [
    'a read shows an earlier value',
    'LINEARIZABILITY',
    (b) => {
      b.register('reg/3', 'first');
      const entry = b.entries.get('reg/3');
      b.register('reg/3', 'second');
      b.read('reg/3', entry);
    },
  ],
  [
    'a read shows a value that nobody wrote',
    'LINEARIZABILITY',
    (b) => b.read('reg/1', { value: 'nobody', version: version('1.9') }),
  ],
  [
    'a node shows less than it had been asked for',
    'LOCAL_READS',
    (b) => {
      const call = { client: 'r1', key: 'reg/1', calledAt: b.history.now() };
      b.tick();
      const [minVersion, applied] = [version('1.9'), version('1.8')];
      b.history.gotLocally({ ...call, node: 'n2', minVersion, applied, found: undefined });
    },
  ],
  [
    'a node lacks a write below what it had applied',
    'LOCAL_READS',
    (b) => {
      b.register('reg/3', 'first');
      const call = { client: 'r1', key: 'reg/3', calledAt: b.history.now() };
      b.tick();
      const applied = { epoch: b.epoch, lsn: b.lsn };
      b.history.gotLocally({
        ...call,
        node: 'n2',
        minVersion: undefined,
        applied,
        found: undefined,
      });
    },
  ],
  [
    'a read of all accounts sees half of a transfer',
    'ATOMICITY',
    (b) => b.lookAtAccounts({ 'acct/0': 90, 'acct/1': 100 }),
  ],
  ['a read of all accounts lacks one', 'ATOMICITY', (b) => b.lookAtAccounts({ 'acct/0': 200 })],
  [
    'a transfer is shown as two transactions',
    'ATOMICITY',
    (b) => {
      b.transfer(4);
      const first = b.changes.at(-2);
      if (first !== undefined) b.changes.splice(-2, 1, { ...first, last: true });
    },
  ],
  [
    'a transfer moved another amount, and the sum is right',
    'ATOMICITY',
    (b) => {
      const { id } = b.transfer(4);
      b.transfers.splice(-1, 1, {
        ...(b.transfers.at(-1) as (typeof b.transfers)[number]),
        amount: 5,
      });
      expect(id).not.toBe('');
    },
  ],
  [
    'a transfer that nobody began is shown',
    'ATOMICITY',
    (b) => {
      b.transfer(4);
      b.transfers.pop();
    },
  ],
  [
    'two transfers both changed an account at one version',
    'ATOMICITY',
    (b) => {
      const first = b.transfer(4);
      const second = b.transfer(4);
      b.transfers.splice(-1, 1, { ...second, after: first.after });
    },
  ],
  [
    'money is gone on all nodes in the end',
    'ATOMICITY',
    (b) => {
      b.logged('acct/0', accountValue(1, 'nobody'));
    },
  ],
];

describe('what went wrong under load', () => {
  test.for(inLoad)('is found where %s: %s', ([, code, change]) => {
    expect(redCodes(changed(change).build())).toContain(code);
  });
});

test.for([
  ['quorum', ['n1'], false],
  ['quorum', ['n1', 'n1', 'learner'], false],
  ['quorum', ['n3', 'n1'], true],
  ['all', ['n1', 'n2'], false],
  ['all', ['n1', 'n2', 'n3'], true],
  ['local', ['n2'], true],
  ['local', ['learner'], false],
] as const)(
  'a write at %s that was durable on %j is acknowledged rightly: %s',
  ([ack, durableOn, isRight]) => {
    const recording = changed((b) => b.set({ ack, durableOn })).build();

    expect(redCodes(recording).includes('ACK_LEVEL')).toBe(!isRight);
  },
);

type Build = (builder: RecordingBuilder) => Partial<Recording>;

const afterwards: readonly (readonly [string, readonly string[], Build])[] = [
  [
    'a watch leaves out a change',
    ['WATCH'],
    (b) => ({
      watches: [b.watch({ changes: b.changes.filter(({ key }) => key !== 'set/s1/5') }), b.watch()],
    }),
  ],
  [
    'the only watch leaves out a change',
    ['WATCH'],
    (b) => ({ watches: [b.watch({ changes: b.changes.filter(({ key }) => key !== 'set/s1/5') })] }),
  ],
  [
    'a watch shows a change twice',
    ['WATCH'],
    (b) => {
      const index = b.changes.findIndex(({ key }) => key === 'set/s1/5');
      const change = b.changes.slice(index, index + 1);
      return { watches: [b.watch({ changes: b.changes.toSpliced(index, 0, ...change) })] };
    },
  ],
  [
    'a watch shows another value',
    ['WATCH'],
    (b) => {
      const index = b.changes.findIndex(({ key }) => key === 'set/s1/5');
      const other = b.changes.slice(index, index + 1).map((change) => ({ ...change, value: 'x' }));
      return { watches: [b.watch({ changes: b.changes.toSpliced(index, 1, ...other) })] };
    },
  ],
  [
    'a watch goes back',
    ['ORDER', 'WATCH'],
    (b) => {
      const index = b.changes.findIndex(({ key }) => key === 'set/s1/5');
      return {
        watches: [
          b.watch({ changes: [...b.changes, ...b.changes.slice(index, index + 1)] }),
          b.watch({ watcher: 'w2' }),
        ],
      };
    },
  ],
  [
    'a watch does not come to the end',
    ['WATCH'],
    (b) => ({ watches: [b.watch({ changes: b.changes.slice(0, 50) })] }),
  ],
  [
    'a watch was told that its place is gone',
    ['WATCH'],
    (b) => ({ watches: [b.watch({ failed: 'LSN_REPLACED' }), b.watch()] }),
  ],
  [
    'one node has an account at another version',
    ['LOST_WRITE', 'DUPLICATE', 'WATCH', 'DIVERGENCE'],
    (b) => {
      const entries = new Map(b.entries);
      const [[key, entry] = ['', undefined]] = [...entries].filter(([name]) => name === 'acct/0');
      if (entry !== undefined) entries.set(key, { ...entry, version: version('1.1') });
      return { finals: [b.final('n1'), b.final('n2'), b.final('n3', { entries })] };
    },
  ],
  [
    'one node has what nobody else has',
    ['WATCH', 'DIVERGENCE'],
    (b) => {
      const entries = new Map([
        ...b.entries,
        ['set/s9/1', { value: 'x', version: version('1.1') }],
      ] as const);
      return { finals: [b.final('n1'), b.final('n2', { entries })] };
    },
  ],
  [
    'one node has another chain in the end',
    ['DIVERGENCE'],
    (b) => {
      const durable = { epoch: b.epoch, lsn: b.lsn, chain: 7 };
      const status = statusOf('n3', durable, { durable });
      return { finals: [b.final('n1'), b.final('n2'), b.final('n3', { status })] };
    },
  ],
  [
    'two nodes were once as far with different chains',
    ['DIVERGENCE'],
    () => ({
      samples: [1, 2].map((chain) => ({
        atMs: 500,
        tookMs: 1,
        nodeId: `n${chain}`,
        status: statusOf(`n${chain}`, version('1.5'), { durable: { epoch: 1, lsn: 5, chain } }),
      })),
    }),
  ],
  [
    'the logs differ on the disks',
    ['DIVERGENCE'],
    () => ({ logDifferences: ['the logs differ at LSN 3'] }),
  ],
  [
    'the nodes were never equal',
    ['CONVERGENCE'],
    (b) => ({ phases: { ...b.build().phases, convergedMs: undefined } }),
  ],
  [
    'a node does not answer in the end',
    ['CONVERGENCE'],
    (b) => ({
      finals: [
        b.final('n1'),
        b.final('n2'),
        b.final('n3', { status: undefined, entries: undefined }),
      ],
    }),
  ],
  [
    'a log is shorter in the end',
    ['CONVERGENCE'],
    (b) => ({
      finals: [
        b.final('n1'),
        b.final('n2'),
        b.final('n3', { status: statusOf('n3', version('1.4')) }),
      ],
    }),
  ],
  [
    'no node answers in the end',
    ['LOST_WRITE', 'CONVERGENCE'],
    (b) => ({
      finals: NODES.map((nodeId) => b.final(nodeId, { status: undefined, entries: undefined })),
    }),
  ],
  ...(
    [
      ['done', false],
      ['refused', true],
    ] as const
  ).map(([expected, ok]): (typeof afterwards)[number] => [
    `an order that should be ${expected} is not`,
    ['OPERATOR'],
    () => ({
      timeline: [
        {
          atMs: 1_500,
          kind: 'operator',
          text: 'n2 is promoted',
          nodes: ['n2'],
          expected,
          answer: { ok, code: ok ? undefined : 'NO_QUORUM', text: 'so it is', body: null },
        },
      ],
    }),
  ]),
  [
    'an order was refused by nobody, since nobody answered',
    ['OPERATOR'],
    () => ({
      timeline: [
        {
          atMs: 1_500,
          kind: 'operator',
          text: 'n2 is promoted',
          nodes: ['n2'],
          expected: 'refused',
          answer: { ok: false, code: 'NO_ANSWER', text: 'there was no answer', body: null },
        },
      ],
    }),
  ],
  [
    'an order was refused for another reason',
    ['OPERATOR'],
    () => ({
      timeline: [
        {
          atMs: 1_500,
          kind: 'operator',
          text: 'n2 is promoted',
          nodes: ['n2'],
          expected: 'refused',
          expectedReason: 'VOTER_AHEAD',
          answer: { ok: false, code: 'NO_QUORUM', text: 'too few', body: {} },
        },
      ],
    }),
  ],
  [
    'nothing was acknowledged before the faults',
    ['TOO_LITTLE'],
    (b) => ({ phases: { ...b.build().phases, faultsFromMs: 15 } }),
  ],
  [
    'nothing was acknowledged after healing',
    ['TOO_LITTLE'],
    (b) => ({ phases: { ...b.build().phases, healedMs: LOAD_END_MS } }),
  ],
  [
    'hardly anybody read accounts',
    ['TOO_LITTLE'],
    (b) => ({ accountReads: b.accountReads.slice(0, 2) }),
  ],
];

describe('what is wrong afterwards', () => {
  test.for(afterwards)('is found where %s: %s', ([, codes, change]) => {
    const builder = whole();

    expect(redCodes(builder.build(change(builder)))).toEqual(codes);
  });

  test('a node that stays down is missed by nobody', () => {
    const builder = whole();
    const gone = builder.final('n3', { status: undefined, entries: undefined });
    const short = builder.watch({
      watcher: 'watch-n3',
      nodeId: 'n3',
      changes: builder.changes.slice(0, 9),
    });

    const recording = builder.build({
      staysDown: ['n3'],
      finals: [builder.final('n1'), builder.final('n2'), gone],
      watches: [builder.watch(), short],
    });

    expect(red(recording)).toEqual([]);
  });

  describe('a watch that was told that the log begins later', () => {
    /** Of n1, and n2 may have gone on from a snapshot. */
    function purged({ purges = false, installedOn = '', anyNode = false }) {
      const builder = whole();
      const nodeId = anyNode ? undefined : 'n1';
      builder.purges = purges;
      const from = builder.changes[99]?.version ?? version('1.1');
      const changes = builder.changes.slice(0, 50);
      const status = statusOf(installedOn, version('1.9'), { counters: { SNAPSHOT_INSTALLED: 1 } });
      const sample = { atMs: 5, tookMs: 1, nodeId: installedOn, status };
      return builder.build({
        watches: [
          builder.watch({ nodeId, changes, failed: 'PURGED' }),
          builder.watch({ nodeId, from, changes: builder.changes.slice(100) }),
        ],
        samples: installedOn === '' ? [] : [sample],
      });
    }

    test.for([
      ['the scenario bounds the log', { purges: true }],
      ['its node went on from a snapshot', { installedOn: 'n1' }],
      ['any node did, and the client library chose', { installedOn: 'n2', anyNode: true }],
    ] as const)('goes on from there where %s', ([, how]) => {
      expect(red(purged(how))).toEqual([]);
    });

    test.for([
      ['nothing is purged', {}],
      ['another node went on from a snapshot', { installedOn: 'n2' }],
    ] as const)('has a gap where %s', ([, how]) => {
      expect(redCodes(purged(how))).toEqual(['WATCH']);
    });
  });

  test('what cannot be judged has not passed', () => {
    const evidence = evidenceOf(whole().build());

    expect(checkLinearizable(evidence).passed).toBe(true);
    expect(checkLinearizable(evidence, { triesMax: 1 })).toMatchObject({
      passed: false,
      message: expect.stringMatching(/^not judged: /),
    });
  });
});
