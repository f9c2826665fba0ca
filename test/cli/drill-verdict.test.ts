import { describe, expect, test } from 'vitest';
import { formatEvent, formatRows, formatVerdict } from '../../src/cli/drill-verdict.ts';
import type { Recording } from '../../src/drill/recording/recording.ts';
import type { Verdict } from '../../src/drill/judge/verdict.ts';
import { History } from '../../src/check/history.ts';

const RECORDING: Recording = {
  scenario: {
    name: 'leader-kill',
    about: 'The leader is killed.',
    loss: 'none',
    lossByChance: false,
    purges: false,
  },
  target: 'local',
  seed: 7,
  startedAt: 0,
  walship: '0.0.0',
  voters: ['n1', 'n2', 'n3'],
  quorum: 2,
  staysDown: [],
  phases: { faultsFromMs: 1, healedMs: 2, loadEndMs: 3, convergedMs: 4, endMs: 12_340 },
  faults: [],
  timeline: [],
  samples: [],
  history: new History(() => 0),
  setWrites: [],
  transfers: [],
  accounts: { names: [], balance: 0, version: undefined },
  accountReads: [],
  watches: [],
  readProbes: [],
  finals: [],
  logDifferences: [],
};

const NOTHING = { acknowledged: 0, lost: 0, lostVersions: [] };
const GREEN: Verdict = {
  passed: true,
  summary: 'every promise was kept',
  checks: [
    {
      code: 'LOST_WRITE',
      title: 'no acknowledged write is lost',
      passed: true,
      message: '812 are all there',
      findings: [],
    },
  ],
  rto: { writeMs: 1_234.5, linearizableReadMs: 900, localReadMs: 0 },
  outages: { write: [], linearizableRead: [], localRead: [] },
  rpo: { local: NOTHING, quorum: { ...NOTHING, acknowledged: 812 }, all: NOTHING },
  counts: {},
};

const RED: Verdict = {
  ...GREEN,
  passed: false,
  summary: '2 acknowledged writes are lost',
  checks: [
    {
      code: 'LOST_WRITE',
      title: 'no acknowledged write is lost',
      passed: false,
      message: '2 of 812 are gone',
      findings: ['set/1 at 1.7', 'set/2 at 1.8', 'c', 'd', 'e', 'f'],
    },
  ],
  rpo: {
    ...GREEN.rpo,
    quorum: { acknowledged: 812, lost: 2, lostVersions: ['1.7', '1.8'] },
  },
};

describe('a verdict', () => {
  test('says in a few lines what it cost and that every promise held', () => {
    expect(formatVerdict(RECORDING, GREEN)).toBe(
      [
        'GREEN  leader-kill: every promise was kept (local, 3 nodes, W = 2, seed 7, 12.3 s)',
        '       The leader is killed.',
        '',
        '  RTO  longest outage: writes 1235 ms, linearizable reads 900 ms, local reads none',
        '  RPO  0 of 812 writes acknowledged at quorum were lost',
        '',
        '  ok   LOST_WRITE         no acknowledged write is lost: 812 are all there',
        '',
      ].join('\n'),
    );
  });

  test('names what is lost, and of each broken promise the first findings', () => {
    const text = formatVerdict(RECORDING, RED);

    expect(text).toContain('RED  leader-kill: 2 acknowledged writes are lost');
    expect(text).toContain('2 of 812 writes acknowledged at quorum were lost: 1.7, 1.8\n');
    expect(text).toContain(
      '  RED  LOST_WRITE         no acknowledged write is lost: 2 of 812 are gone\n',
    );
    expect(text).toContain('         set/1 at 1.7\n');
    expect(text).toContain('         and 1 more\n');
  });
});

describe('an event', () => {
  test('is one line with its moment and what was answered', () => {
    const answer = { ok: true, code: undefined, text: 'epoch 2, after 300 ms', body: null };
    const event = { atMs: 3_010, kind: 'operator', text: 'n2 is to lead', nodes: ['n2'] } as const;

    expect(formatEvent(event)).toBe('   3.0 s  n2 is to lead');
    expect(formatEvent({ ...event, expected: 'done', answer })).toBe(
      '   3.0 s  n2 is to lead: epoch 2, after 300 ms',
    );
    expect(formatEvent({ ...event, expected: 'refused', answer })).toContain('(expected: refused)');
    const refusal = { ok: false, code: 'NO_QUORUM', text: 'too few', body: {} };
    expect(formatEvent({ ...event, expected: 'done', answer: refusal })).toBe(
      '   3.0 s  n2 is to lead: NO_QUORUM, too few  (expected: done)',
    );
    const expectedReason = 'VOTER_AHEAD';
    expect(
      formatEvent({ ...event, expected: 'refused', expectedReason, answer: refusal }),
    ).toContain('  (expected: refused, VOTER_AHEAD)');
  });
});

test('several drills are a table', () => {
  const text = formatRows([
    { name: 'leader-kill', result: 'green', tookMs: 12_340, verdict: GREEN, note: '' },
    {
      name: 'clock-jump',
      result: 'skipped',
      tookMs: undefined,
      verdict: undefined,
      note: 'no clock',
    },
  ]);

  expect(text.split('\n')).toEqual([
    'SCENARIO     RESULT   SECONDS  ACKED  LOST  RTO WRITE MS  RTO READ MS',
    'leader-kill  green         12    812     0          1235          900',
    'clock-jump   skipped        -      -     -             -            -  no clock',
    '',
  ]);
});
