/** A drill that never took place: what is in it is known, so that what a report says of it can be. */
import type {
  FinalState,
  NodeSample,
  Recording,
  SetWrite,
  TimelineEvent,
  WriteEnd,
} from '../../src/drill/recording/recording.ts';
import type { Check, Rpo, Verdict } from '../../src/drill/judge/verdict.ts';
import { History } from '../../src/check/history.ts';
import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import { statusOf } from './statuses.ts';

export const NODES = ['n1', 'n2', 'n3'] as const;
const KILLED_MS = 10_000;
const LEADS_AGAIN_MS = 11_700;
const STARTED_MS = 20_000;
const PAUSED_MS = 26_000;
const RESUMED_MS = 30_000;
export const END_MS = 40_000;
const STARTED_AT = Date.UTC(2026, 8, 7, 10, 30, 0);
const WRITES_PER_MS = 0.5;

/** n1 leads and is killed, n2 leads after 1.7 s, n1 comes back and follows, n3 is paused for a while. */
export function madeUpRecording(more: Partial<Recording> = {}): Recording {
  return {
    scenario: {
      name: 'leader-kill',
      about: 'The leader is killed under load, and comes back as a follower.',
      loss: 'none',
      lossByChance: false,
      purges: false,
    },
    target: 'local',
    seed: 7,
    startedAt: STARTED_AT,
    walship: '0.1.0',
    voters: NODES,
    quorum: 2,
    staysDown: [],
    phases: {
      faultsFromMs: 5_000,
      healedMs: 31_000,
      loadEndMs: 36_000,
      convergedMs: 37_000,
      endMs: END_MS,
    },
    timeline: TIMELINE,
    faults: [],
    samples: madeUpSamples(),
    history: new History(() => 0),
    setWrites: madeUpWrites(),
    transfers: [],
    accounts: { names: ['a', 'b'], balance: 100, version: { epoch: 1, lsn: 3 } },
    accountReads: [],
    watches: [],
    readProbes: [],
    finals: NODES.map(finalOf),
    logDifferences: [],
    ...more,
  };
}

const TIMELINE: readonly TimelineEvent[] = [
  { atMs: 0, kind: 'drill', text: 'load begins', nodes: [] },
  { atMs: KILLED_MS, kind: 'fault', text: 'n1 is killed', nodes: ['n1'] },
  { atMs: 10_900, kind: 'drill', text: 'wait until n2 leads', nodes: ['n2'] },
  {
    atMs: 14_000,
    kind: 'operator',
    text: 'n1 is asked to lead',
    nodes: ['n1'],
    expected: 'refused',
    answer: {
      ok: false,
      code: 'PEER_UNREACHABLE',
      text: 'n1 does not answer <at all> & "so"',
      body: undefined,
    },
  },
  { atMs: STARTED_MS, kind: 'heal', text: 'n1 is started', nodes: ['n1'] },
  { atMs: PAUSED_MS, kind: 'fault', text: 'n3 is paused', nodes: ['n3'] },
  { atMs: RESUMED_MS, kind: 'heal', text: 'n3 goes on', nodes: ['n3'] },
];

/** LSN at a moment, were there no trouble. */
function lsnAt(ms: number): number {
  const lost = Math.max(0, Math.min(ms, LEADS_AGAIN_MS) - KILLED_MS);
  return 1 + Math.round(Math.min(36_000, ms) * WRITES_PER_MS - lost * WRITES_PER_MS);
}

function madeUpSamples(): NodeSample[] {
  const samples: NodeSample[] = [];
  for (let atMs = 100; atMs <= END_MS; atMs += 200) {
    for (const nodeId of NODES) samples.push(sampleOf(nodeId, atMs));
  }
  return samples;
}

function sampleOf(nodeId: string, atMs: number): NodeSample {
  const isDown = nodeId === 'n1' && atMs >= KILLED_MS && atMs < STARTED_MS;
  const isPaused = nodeId === 'n3' && atMs >= PAUSED_MS && atMs < RESUMED_MS;
  if (isDown || isPaused) return { atMs, tookMs: isPaused ? 100 : 2, nodeId, status: undefined };
  const leader = atMs < LEADS_AGAIN_MS ? 'n1' : 'n2';
  const isFought = nodeId !== 'n1' && atMs >= KILLED_MS + 1_100 && atMs < LEADS_AGAIN_MS;
  const isCatchingUp = nodeId === 'n1' && atMs >= STARTED_MS && atMs < 23_000;
  const epoch = atMs < LEADS_AGAIN_MS ? 1 : 2;
  const wanted = lsnAt(atMs);
  const from = lsnAt(KILLED_MS);
  const lsn = isCatchingUp
    ? Math.round(from + ((wanted - from) * (atMs - STARTED_MS)) / 3_000)
    : wanted;
  const committed = Math.max(0, lsn - 3);
  const reason = {
    code: 'NO_LEADER',
    message: `no leader was heard of for ${atMs - KILLED_MS} ms`,
  };
  return {
    atMs,
    tookMs: 1,
    nodeId,
    status: statusOf(nodeId, {
      role: isFought ? 'candidate' : nodeId === leader ? 'leader' : 'follower',
      epoch,
      durable: { epoch, lsn, chain: 1 },
      committedLsn: committed,
      applied: { epoch, lsn: Math.max(0, committed - 2) },
      notReady: isFought ? reason : null,
      why: isFought ? [reason] : [],
      warnings: isCatchingUp ? [{ code: 'WAL_CORRUPT', message: 'a torn write was cut' }] : [],
    }),
  };
}

function madeUpWrites(): SetWrite[] {
  const entropy = new SeededEntropy('made up');
  const writes: SetWrite[] = [];
  for (let number = 0; number < 36_000 * WRITES_PER_MS; number += 1) {
    const calledAt = number / WRITES_PER_MS;
    const isOut = calledAt > KILLED_MS && calledAt < LEADS_AGAIN_MS;
    if (isOut && number % 20 !== 0) continue;
    const spike = entropy.chance(0.01) ? 40 : 0;
    const tookMs = isOut ? 150 : 1.5 + entropy.fraction() * 3 + spike;
    const end: WriteEnd = isOut
      ? number % 40 === 0
        ? 'indeterminate'
        : 'rejected'
      : 'acknowledged';
    writes.push({
      key: `set/${number}`,
      value: String(number),
      ack: 'quorum',
      calledAt,
      returnedAt: calledAt + tookMs,
      end,
      version: end === 'acknowledged' ? { epoch: 1, lsn: number + 2 } : undefined,
      code: end === 'acknowledged' ? undefined : 'NO_LEADER',
    });
  }
  return writes;
}

function finalOf(nodeId: string): FinalState {
  const event = (seq: number, atMs: number, level: string, code: string, message: string) => ({
    seq,
    timeMs: STARTED_AT + atMs,
    level,
    code,
    message,
    details: {},
    times: seq,
  });
  const events =
    nodeId === 'n2'
      ? [
          event(1, 11_100, 'warn', 'CANDIDATE', 'no leader for 1.1 s: asks the others'),
          event(2, 11_650, 'info', 'LEADS', 'leads epoch 2: promised by n2, n3, vouched for by n3'),
        ]
      : [event(1, 11_690, 'info', 'FOLLOWS', 'follows n2 in epoch 2')];
  const saved =
    nodeId === 'n1'
      ? [
          {
            name: '00000000000000005002-1.wal',
            fromLsn: 5_002,
            to: { epoch: 1, lsn: 5_004 },
            by: 'n2',
            records: 3,
            localAcks: 'unknown' as const,
          },
        ]
      : [];
  return {
    nodeId,
    status: sampleOf(nodeId, END_MS).status,
    entries: new Map([['k', { value: 'v', version: { epoch: 1, lsn: 2 } }]]),
    events,
    saved,
    output: `node ${nodeId} listens on http://127.0.0.1:7401\n`,
  };
}

const NONE: Rpo = { acknowledged: 0, lost: 0, lostVersions: [] };
const HELD: readonly Check[] = [
  check('LOST_WRITE', 'No acknowledged write is lost', '17,150 acknowledged writes are on 3 nodes'),
  check(
    'REJECTED_APPEARED',
    'No rejected write appeared',
    '22 rejected writes, none of them there',
  ),
  check('DUPLICATE', 'Nothing was written twice', '17,150 elements, each once'),
  check('LINEARIZABILITY', 'Registers are linearizable', '8 registers, 4,312 operations'),
  check(
    'ATOMICITY',
    'Transfers are all or nothing',
    '612 transfers, 240 looks at all accounts: 200 each',
  ),
  check('WATCH', 'Watches show every change once', '3 watchers, 17,801 changes'),
  check('DIVERGENCE', 'The logs are the same', '3 logs are equal up to LSN 17,151'),
  check('CONVERGENCE', 'All nodes became equal', 'within 6 s of the last repair'),
];

function check(code: Check['code'], title: string, message: string): Check {
  return { code, title, message, passed: true, findings: [] };
}

export function heldVerdict(more: Partial<Verdict> = {}): Verdict {
  return {
    passed: true,
    summary: 'Nothing that was acknowledged is lost; writes were out for 1.72 s at most.',
    checks: HELD,
    rto: { writeMs: 1_720, linearizableReadMs: 1_650, localReadMs: 0 },
    outages: {
      write: [{ fromMs: KILLED_MS, toMs: KILLED_MS + 1_720 }],
      linearizableRead: [{ fromMs: KILLED_MS + 20, toMs: KILLED_MS + 1_670 }],
      localRead: [],
    },
    rpo: { local: NONE, quorum: { acknowledged: 17_150, lost: 0, lostVersions: [] }, all: NONE },
    counts: { writes: 17_190, registers: 8, transfers: 612, 'watch changes': 17_801 },
    ...more,
  };
}

/** As `heldVerdict`, but two writes are gone. */
export function brokenVerdict(): Verdict {
  const findings = [
    'set/812 (1.814), acknowledged at 1.63 s, is on no node',
    'set/813 (1.815), acknowledged at 1.64 s, is on no node',
  ];
  return heldVerdict({
    passed: false,
    summary: '2 acknowledged writes are lost.',
    checks: HELD.map((one) =>
      one.code === 'LOST_WRITE'
        ? { ...one, passed: false, message: '2 of 17,150 acknowledged writes are lost', findings }
        : one,
    ),
    rpo: {
      local: NONE,
      quorum: { acknowledged: 17_150, lost: 2, lostVersions: ['1.814', '1.815'] },
      all: NONE,
    },
  });
}
