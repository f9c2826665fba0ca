/** What may be lost, and was: exactly what the tools had said, or the drill has failed. */
import { describe, expect, test } from 'vitest';
import { judge } from '../../../src/drill/judge/judge.ts';
import type { Recording, SavedEntry } from '../../../src/drill/recording/recording.ts';
import type { LeadershipReport } from '../../../src/node/api/api.ts';
import type { FailoverResult } from '../../../src/node/api/api.ts';
import type { Version } from '../../../src/wal/format/position.ts';
import {
  FAULT_MS,
  LOAD_END_MS,
  NODES,
  RecordingBuilder,
  statusOf,
  version,
} from '../recording-builder.ts';

const LOST = 3;

interface Failover {
  readonly builder: RecordingBuilder;
  /** The end of the log that goes on. */
  readonly after: Version;
  /** What is saved of the rest, on n1. */
  readonly tail: SavedEntry;
}

/** The last writes of epoch 1 are cut off, and epoch 2 begins. */
function failedOver(ack: 'local' | 'quorum', loss: Recording['scenario']['loss']): Failover {
  const builder = new RecordingBuilder();
  builder.loss = loss;
  builder.until(FAULT_MS);
  const after = { epoch: 1, lsn: builder.lsn };
  for (let count = 0; count < LOST; count += 1) builder.setNowhere({ ack });
  const to = { epoch: 1, lsn: builder.lsn };
  builder.epoch = 2;
  builder.lsn = after.lsn + 1;
  builder.until(LOAD_END_MS);
  const name = 'tail-1.wal';
  const common = { name, by: 'n2', records: LOST, localAcks: 'yes' as const };
  return { builder, after, tail: { ...common, fromLsn: after.lsn + 1, to } };
}

interface Told {
  readonly report?: Partial<LeadershipReport>;
  /** Undefined: no disk could be read. */
  readonly saved?: readonly SavedEntry[] | undefined;
}

/** `told` changes what the new leader said, and what is saved. */
function recordingOf({ builder, after, tail }: Failover, told: Told = {}): Recording {
  const leadership: LeadershipReport = {
    epoch: 2,
    how: 'promises',
    promisedBy: ['n2', 'n3'],
    vouchedBy: ['n2', 'n3'],
    after,
    atRisk: { fromLsn: after.lsn + 1, heldBy: ['n1'] },
    outageMs: 10,
    ...told.report,
  };
  const saved = 'saved' in told ? told.saved : [tail];
  return builder.build({
    samples: [
      {
        atMs: 1_500,
        tookMs: 1,
        nodeId: 'n2',
        status: statusOf('n2', { epoch: 2, lsn: after.lsn + 1 }, { leadership }),
      },
    ],
    finals: NODES.map((nodeId) =>
      builder.final(nodeId, {
        saved: saved === undefined ? undefined : nodeId === 'n1' ? saved : [],
      }),
    ),
  });
}

function redCodes(recording: Recording): readonly string[] {
  const { checks } = judge(recording);
  return checks.filter(({ passed }) => !passed).map(({ code }) => code);
}

describe('writes that their leader alone had acknowledged', () => {
  test('may be lost as the new leader said, and as they were saved', () => {
    const verdict = judge(recordingOf(failedOver('local', 'local')));

    expect(verdict.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(verdict.rpo.local).toMatchObject({ acknowledged: LOST, lost: LOST });
    expect(verdict.rpo.local.lostVersions).toHaveLength(LOST);
    expect(verdict.summary).toContain(`${LOST} lost`);
  });

  test('may be lost where no disk can be read, as the new leader said', () => {
    const failover = failedOver('local', 'local');

    expect(redCodes(recordingOf(failover, { saved: undefined }))).toEqual([]);
  });

  const wrong: readonly (readonly [string, (failover: Failover) => Told])[] = [
    [
      'nothing was said to be at risk, and no disk can be read',
      () => ({ report: { atRisk: null }, saved: undefined }),
    ],
    [
      'only a later part was said to be at risk, and no disk can be read',
      ({ after }) => ({
        report: { atRisk: { fromLsn: after.lsn + 2, heldBy: ['n1'] } },
        saved: undefined,
      }),
    ],
    ['nothing was saved', () => ({ saved: [] })],
    [
      'less was saved than was lost',
      ({ tail, after }) => ({ saved: [{ ...tail, to: { epoch: 1, lsn: after.lsn + 1 } }] }),
    ],
    [
      'what was saved says that nobody had been told',
      ({ tail }) => ({ saved: [{ ...tail, localAcks: 'no' as const }] }),
    ],
    [
      'the new leader said that it goes on from behind them',
      ({ after }) => ({ report: { after: { epoch: 1, lsn: after.lsn + LOST } } }),
    ],
    [
      'what was saved as cut off is there',
      ({ tail, after }) => ({ saved: [{ ...tail, fromLsn: after.lsn - 20 }] }),
    ],
  ];
  test.for(wrong)('were not lost as foreseen where %s', ([, tell]) => {
    const failover = failedOver('local', 'local');

    expect(redCodes(recordingOf(failover, tell(failover)))).toEqual(['PREDICTION']);
  });

  test.for([
    ['local', false, ['PREDICTION']],
    ['forced', false, ['PREDICTION']],
    ['local', true, []],
    ['none', false, []],
  ] as const)('are not lost at %s, by chance (%s): red are %j', ([loss, lossByChance, codes]) => {
    const builder = new RecordingBuilder();
    builder.loss = loss;
    builder.lossByChance = lossByChance;

    expect(redCodes(builder.until(LOAD_END_MS).build())).toEqual(codes);
  });

  test('by chance are lost as foreseen all the same', () => {
    const failover = failedOver('local', 'local');
    failover.builder.lossByChance = true;

    expect(redCodes(recordingOf(failover))).toEqual([]);
    expect(redCodes(recordingOf(failover, { saved: [] }))).toEqual(['PREDICTION']);
  });

  test('are lost where a drill is to lose nothing', () => {
    expect(redCodes(recordingOf(failedOver('local', 'none')))).toEqual(['LOST_WRITE']);
  });

  test('are all that may be lost', () => {
    const failover = failedOver('quorum', 'local');

    expect(redCodes(recordingOf(failover))).toContain('LOST_WRITE');
  });
});

describe('a forced failover', () => {
  /** What the command answered; `some` says whether it said that acknowledged writes may be lost. */
  function forced(
    { builder, after, tail }: Failover,
    { some = true, keptLsn = after.lsn, fromLsn = after.lsn + 1, saved = [tail] } = {},
  ): Recording {
    const body: Partial<FailoverResult> = {
      done: true,
      epoch: 2,
      kept: { epoch: 1, lsn: keptLsn },
      risk: { some, fromLsn, toLsn: 'unknown', message: 'two are in doubt' },
    };
    const { timeline } = builder;
    timeline.push({
      atMs: FAULT_MS + 1 + LOST * 6,
      kind: 'operator',
      text: 'a forced failover',
      nodes: ['n3'],
      expected: 'done',
      answer: { ok: true, code: undefined, text: 'done', body },
    });
    const finals = NODES.map((nodeId) => builder.final(nodeId, { saved }));
    return builder.build({ finals });
  }

  test('may lose what it said', () => {
    const verdict = judge(forced(failedOver('quorum', 'forced')));

    expect(verdict.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(verdict.rpo.quorum.lost).toBe(LOST);
  });

  test('leaves other voters, which acknowledge by themselves: the quorum of before judges nothing then', () => {
    const failover = failedOver('quorum', 'forced');
    const recording = forced(failover);
    const setWrites = recording.setWrites.map((write) => ({
      ...write,
      durableOn: write.calledAt > FAULT_MS + 1 + LOST * 6 ? ['n3'] : ['n1', 'n3'],
    }));

    expect(redCodes({ ...recording, setWrites })).toEqual([]);
    const before = setWrites.map((write) => ({ ...write, durableOn: ['n3'] }));
    expect(redCodes({ ...recording, setWrites: before })).toEqual(['ACK_LEVEL']);
  });

  test('may not lose anything where it said that nothing is at risk', () => {
    const failover = failedOver('quorum', 'forced');

    expect(redCodes(forced(failover, { some: false }))).toEqual(['PREDICTION']);
  });

  test('may not lose what it said to keep', () => {
    const failover = failedOver('quorum', 'forced');
    const keptLsn = failover.after.lsn + 1;

    expect(redCodes(forced(failover, { keptLsn }))).toContain('PREDICTION');
  });

  test('may not lose what lies before the risk that it named', () => {
    const failover = failedOver('quorum', 'forced');
    const fromLsn = failover.after.lsn + 2;

    expect(redCodes(forced(failover, { fromLsn }))).toEqual(['PREDICTION']);
  });

  test('may not lose what nobody saved', () => {
    const failover = failedOver('quorum', 'forced');

    expect(redCodes(forced(failover, { saved: [] }))).toEqual(['PREDICTION']);
  });

  test('has to have happened for anything to be lost', () => {
    const failover = failedOver('quorum', 'forced');

    expect(redCodes(recordingOf(failover))).toEqual(['PREDICTION']);
  });

  test('begins a history that is judged for itself', () => {
    const builder = new RecordingBuilder();
    builder.loss = 'forced';
    builder.until(FAULT_MS);
    builder.register('reg/5', 'kept');
    const kept = builder.entries.get('reg/5');
    const after = { epoch: 1, lsn: builder.lsn };
    builder.register('reg/5', 'lost');
    builder.read('reg/5');
    const to = { epoch: 1, lsn: builder.lsn };
    const atMs = builder.tick();
    builder.changes.pop();
    if (kept !== undefined) builder.entries.set('reg/5', kept);
    builder.epoch = 2;
    builder.lsn = after.lsn + 1;
    builder.read('reg/5');
    builder.until(LOAD_END_MS);
    const tail = { name: 't', fromLsn: to.lsn, to, by: 'n3', records: 1, localAcks: 'no' as const };
    const recording = forced({ builder, after, tail });
    const timeline = recording.timeline.map((event) => ({ ...event, atMs }));

    expect(redCodes({ ...recording, timeline })).toEqual([]);
    expect(redCodes({ ...recording, timeline: [] })).toContain('LINEARIZABILITY');
  });

  test('lets a watch begin anew', () => {
    const failover = failedOver('quorum', 'forced');
    const { builder, after } = failover;
    const old = {
      atMs: 1,
      op: 'put' as const,
      key: 'set/s1/x',
      value: 'x',
      version: { epoch: 1, lsn: after.lsn + 1 },
      last: true,
    };
    const first = builder.changes.filter(({ version: { epoch } }) => epoch === 1);
    const recording = forced(failover);

    const watches = [
      builder.watch({ changes: [...first, old], failed: 'LSN_REPLACED' }),
      builder.watch(),
      builder.watch({ watcher: 'watch-library', nodeId: undefined }),
    ];

    expect(redCodes({ ...recording, watches })).toEqual([]);
    expect(version('1.1')).toEqual({ epoch: 1, lsn: 1 });
  });
});
