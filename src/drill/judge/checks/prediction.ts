/**
 * Checks, where a drill is meant to lose writes, that the losses are those that the tools had predicted, and no more.
 */
import type { LeadershipReport } from '../../../node/api/api.ts';
import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Recording, SavedEntry } from '../../recording/recording.ts';
import type { Check } from '../verdict.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';
import { describeWrite } from './losses.ts';
import type { Loss } from './losses.ts';

const TITLE = 'exactly the predicted writes were lost';

export function checkPrediction(evidence: Evidence): Check {
  const { recording, losses } = evidence;
  const { loss, lossByChance } = recording.scenario;
  if (loss === 'none') {
    return checkOf('PREDICTION', TITLE, {
      findings: [],
      looked: 'no write may be lost in this scenario',
    });
  }
  const reports = leaderships(recording);
  const findings = losses.flatMap((lost) => {
    const isLocal = lost.write.ack === 'local';
    const why =
      loss === 'forced' && !isLocal
        ? unforeseen(lost, evidence)
        : notAtRisk(lost, evidence, reports);
    return why === undefined ? [] : [`${describeWrite(lost.write)} is lost: ${why}`];
  });
  findings.push(...toldLostAndThere(evidence));
  if (losses.length === 0) {
    if (!lossByChance) findings.push('no write was lost, and this scenario must lose some');
    return checkOf('PREDICTION', TITLE, {
      findings,
      looked: 'no write was lost; in this scenario that depends on chance',
    });
  }
  const tails = tailsOf(recording).length;
  return checkOf('PREDICTION', TITLE, {
    findings,
    looked: `${losses.length} acknowledged writes lost, all of them within ${tails} saved tails and what was said to be at risk`,
  });
}

/** Returns every leadership that any node reported, by epoch. */
function leaderships({ samples, finals }: Recording): readonly LeadershipReport[] {
  const byEpoch = new Map<number, LeadershipReport>();
  for (const { status } of [...samples, ...finals]) {
    const report = status?.leadership;
    if (report !== null && report !== undefined) byEpoch.set(report.epoch, report);
  }
  return [...byEpoch.values()].toSorted((a, b) => a.epoch - b.epoch);
}

/** Returns the reason why a write that was acknowledged by its leader alone should not have been lost, or undefined. */
function notAtRisk(
  { write: { version } }: Loss,
  { recording }: Evidence,
  reports: readonly LeadershipReport[],
): string | undefined {
  const next = reports.find(({ epoch }) => epoch > version.epoch);
  if (next === undefined) return 'no later leadership is known that could have cut it off';
  const { after, atRisk } = next;
  if (isUpTo(version, after)) {
    return `epoch ${next.epoch} said that everything up to ${formatVersion(after)} goes on`;
  }
  const tail = tailsOf(recording).find((saved) => covers(saved, version));
  if (tail?.localAcks === 'no') {
    return `saved/${tail.name} says that nobody had been told of anything in it`;
  }
  // A cut tail is saved: if every disk can be read, the write has to be there.
  if (tail === undefined && areAllRead(recording)) return 'it is in nothing that was saved';
  if (tail !== undefined || (atRisk !== null && version.lsn >= atRisk.fromLsn)) return undefined;
  return `epoch ${next.epoch} said that nothing was at risk`;
}

/** Returns the reason why a write that a forced failover lost should not have been lost, or undefined. */
function unforeseen(
  { write: { version } }: Loss,
  { recording, forced }: Evidence,
): string | undefined {
  const cut = forced.find(({ result: { epoch } }) => epoch === null || epoch > version.epoch);
  if (cut === undefined) return 'no forced failover was carried out after it';
  const { kept, risk } = cut.result;
  if (isUpTo(version, kept)) {
    return `the failover said that everything up to ${formatVersion(kept)} is kept`;
  }
  if (!risk.some || version.lsn < risk.fromLsn) return `the failover said: ${risk.message}`;
  const isSaved = tailsOf(recording).some((saved) => covers(saved, version));
  return isSaved || !areAllRead(recording) ? undefined : 'it is in nothing that was saved';
}

/** Finds writes in a tail that a node cut off because its leader did not have it, although they are present. */
function toldLostAndThere({ recording, acknowledged, losses }: Evidence): readonly string[] {
  const lost = new Set(losses.map(({ write }) => write));
  const cut = tailsOf(recording).filter(({ by }) => recording.voters.includes(by));
  return acknowledged.flatMap((write) => {
    const tail = lost.has(write) ? undefined : cut.find((saved) => covers(saved, write.version));
    // A register that was written again does not show whether an earlier write is present.
    if (tail === undefined || write.kind !== 'set') return [];
    return [`${describeWrite(write)} is there, and saved/${tail.name} says that it was cut off`];
  });
}

function tailsOf({ finals }: Recording): readonly SavedEntry[] {
  return finals.flatMap(({ saved }) => saved ?? []);
}

function areAllRead({ finals }: Recording): boolean {
  return finals.every(({ saved }) => saved !== undefined);
}

function covers({ fromLsn, to }: SavedEntry, version: Version): boolean {
  if (version.lsn < fromLsn) return false;
  return to === undefined || (version.lsn <= to.lsn && version.epoch <= to.epoch);
}

/**
 * Returns true if the log that ends at `end` holds the version: it may lack records after the end of that version's
 * leadership.
 */
function isUpTo(version: Version, end: Version): boolean {
  return version.lsn <= end.lsn && comparePositions(version, end) <= 0;
}
