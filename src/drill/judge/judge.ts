/** Judges the recording of a drill. Pure. */
import { checkAckLevel } from './checks/ack-level.ts';
import { checkAtomicity } from './checks/atomicity.ts';
import { checkConvergence } from './checks/convergence.ts';
import { checkDivergence } from './checks/divergence.ts';
import { checkDuplicates } from './checks/duplicates.ts';
import { evidenceOf } from './checks/evidence.ts';
import type { Evidence } from './checks/evidence.ts';
import { checkLinearizable } from './checks/linearizable.ts';
import { checkLocalReads } from './checks/local-reads.ts';
import { checkLostWrites, rpoOf } from './checks/lost-writes.ts';
import { checkOperator } from './checks/operator.ts';
import { checkOrder } from './checks/order.ts';
import { checkPrediction } from './checks/prediction.ts';
import { checkRejected } from './checks/rejected.ts';
import { checkTooLittle } from './checks/too-little.ts';
import { checkWatches } from './checks/watches.ts';
import { longestMs, outagesOf } from './outages.ts';
import type { Recording } from '../recording/recording.ts';
import type { Check, Verdict } from './verdict.ts';

const CHECKS: readonly ((evidence: Evidence) => Check)[] = [
  checkLostWrites,
  checkRejected,
  checkDuplicates,
  checkOrder,
  checkAckLevel,
  (evidence) => checkLinearizable(evidence),
  checkLocalReads,
  checkAtomicity,
  checkWatches,
  checkDivergence,
  checkConvergence,
  checkOperator,
  checkPrediction,
  checkTooLittle,
];

/** Returns the verdict, which passes only if every promise was kept, and if enough happened to tell. */
export function judge(recording: Recording): Verdict {
  const evidence = evidenceOf(recording);
  const checks = CHECKS.map((check) => check(evidence));
  const outages = outagesOf(recording);
  const rto = {
    writeMs: longestMs(outages.write),
    linearizableReadMs: longestMs(outages.linearizableRead),
    localReadMs: longestMs(outages.localRead),
  };
  const rpo = {
    local: rpoOf(evidence, 'local'),
    quorum: rpoOf(evidence, 'quorum'),
    all: rpoOf(evidence, 'all'),
  };
  const broken = checks.filter(({ passed }) => !passed);
  return {
    passed: broken.length === 0,
    summary: summaryOf(broken, { rto, rpo }),
    checks,
    rto,
    outages,
    rpo,
    counts: countsOf(evidence),
  };
}

function summaryOf(broken: readonly Check[], { rto, rpo }: Pick<Verdict, 'rto' | 'rpo'>): string {
  const { acknowledged, lost } = [rpo.local, rpo.quorum, rpo.all].reduce((sum, level) => ({
    acknowledged: sum.acknowledged + level.acknowledged,
    lost: sum.lost + level.lost,
    lostVersions: [],
  }));
  const outage = `longest write outage ${seconds(rto.writeMs)}, of linearizable reads ${seconds(rto.linearizableReadMs)}`;
  const loss = lost === 0 ? 'none lost' : `${lost} lost`;
  if (broken.length === 0) return `passed: ${acknowledged} writes acknowledged, ${loss}; ${outage}`;
  const codes = broken.map(({ code }) => code).join(', ');
  return `failed (${codes}): ${acknowledged} writes acknowledged, ${loss}; ${outage}`;
}

function seconds(ms: number): string {
  return ms === 0 ? 'none' : `${(ms / 1_000).toFixed(2)} s`;
}

function countsOf({ recording, operations }: Evidence): Readonly<Record<string, number>> {
  const { setWrites, transfers, accountReads, watches, readProbes, samples, history } = recording;
  const ends = (list: readonly { readonly end: string }[], wanted: string): number =>
    list.filter(({ end }) => end === wanted).length;
  return {
    setWritesAcknowledged: ends(setWrites, 'acknowledged'),
    setWritesRejected: ends(setWrites, 'rejected'),
    setWritesIndeterminate: ends(setWrites, 'indeterminate'),
    registerOperations: operations.length,
    localReads: history.localReads.length,
    transfersAcknowledged: ends(transfers, 'acknowledged'),
    transfersRejected: ends(transfers, 'rejected'),
    transfersIndeterminate: ends(transfers, 'indeterminate'),
    accountReads: accountReads.length,
    watchChanges: watches.reduce((sum, { changes }) => sum + changes.length, 0),
    readProbes: readProbes.length,
    samples: samples.length,
  };
}
