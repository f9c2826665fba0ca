import { comparePositions, formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Recording, WatchChange, WatchRecord } from '../../recording/recording.ts';
import type { Check } from '../verdict.ts';
import type { AcknowledgedWrite } from './acknowledged.ts';
import type { Evidence } from './evidence.ts';
import { checkOf } from './finding.ts';

/**
 * Checks that every watch shows each change that it passes exactly once, that all show the same, and that all of them
 * reach the end.
 */
export function checkWatches(evidence: Evidence): Check {
  const { watches } = evidence.recording;
  const expected = expectedChanges(evidence);
  const findings = watches.flatMap((watch) => [
    ...shownAgain(watch),
    ...left(watch, expected),
    ...(watch.failed === undefined || mayFail(watch, evidence)
      ? []
      : [`${watch.watcher} was told ${watch.failed} at ${formatVersion(reachOf(watch))}`]),
  ]);
  findings.push(...tooShort(evidence));
  const changes = watches.reduce((sum, watch) => sum + watch.changes.length, 0);
  return checkOf('WATCH', 'watches show every change exactly once', {
    findings,
    looked: `${changes} changes in ${watches.length} watches, ${expected.size} different ones`,
  });
}

/** The change expected at a version, as far as it is known. */
interface Expected {
  readonly version: Version;
  readonly key: string;
  /** Value; null: a delete; undefined: not known. */
  readonly value: string | null | undefined;
  readonly told: string;
}

/**
 * Collects the expected changes by version: acknowledged writes that were not lost, the final state, and the changes
 * of all watches.
 */
function expectedChanges(evidence: Evidence): ReadonlyMap<string, Expected> {
  const { acknowledged, losses, survivors, recording, isCutOff } = evidence;
  const expected = new Map<string, Expected>();
  const add = (one: Expected): void => {
    const name = formatVersion(one.version);
    const before = expected.get(name);
    if (isCutOff(one.version) || (before !== undefined && before.value !== undefined)) return;
    expected.set(name, one);
  };
  const lost = new Set(losses.map(({ write }) => write));
  for (const write of acknowledged) {
    if (!lost.has(write)) add({ ...write, value: valueOf(write), told: 'was acknowledged' });
  }
  for (const { nodeId, entries } of survivors) {
    for (const [key, { value, version }] of entries) {
      add({ key, value, version, told: `is on ${nodeId} in the end` });
    }
  }
  for (const { watcher, changes } of recording.watches) {
    for (const { key, op, value, version } of changes) {
      const shown = op === 'put' ? value : null;
      add({ key, value: shown, version, told: `is shown by ${watcher}` });
    }
  }
  return expected;
}

function valueOf({ kind, value }: AcknowledgedWrite): string | null | undefined {
  if (kind === 'transfer') return undefined;
  return value ?? null;
}

function reachOf({ changes, from }: WatchRecord): Version {
  return changes.at(-1)?.version ?? from;
}

function shownAgain({ watcher, changes }: WatchRecord): readonly string[] {
  const seen = new Set<string>();
  return changes.flatMap(({ version, key }) => {
    const name = formatVersion(version);
    if (seen.has(name)) return [`${watcher} shows ${key} at ${name} again`];
    seen.add(name);
    return [];
  });
}

/** Finds changes that the watch passed and did not show, or shows otherwise. */
function left(watch: WatchRecord, expected: ReadonlyMap<string, Expected>): readonly string[] {
  const { watcher, changes, from } = watch;
  const shown = new Map(changes.map((change) => [formatVersion(change.version), change]));
  const reach = reachOf(watch);
  const findings: string[] = [];
  for (const [name, one] of expected) {
    const isPassed =
      comparePositions(one.version, from) > 0 && comparePositions(one.version, reach) <= 0;
    if (!isPassed) continue;
    const change = shown.get(name);
    if (change === undefined) {
      findings.push(`${watcher} does not show ${one.key} at ${name}, which ${one.told}`);
    } else if (!isSame(change, one)) {
      const what =
        change.op === 'put' ? `${change.key} = ${change.value}` : `${change.key} deleted`;
      findings.push(`${watcher} shows ${what} at ${name}, where ${one.key} ${one.told}`);
    }
  }
  return findings;
}

function isSame({ key, op, value }: WatchChange, expected: Expected): boolean {
  if (key !== expected.key) return false;
  return expected.value === undefined || expected.value === (op === 'put' ? value : null);
}

/**
 * Returns true if the watch may fail: the log may not reach back that far, if its start may have moved; and its place
 * may be gone, if an operator began another history.
 */
function mayFail({ failed, nodeId }: WatchRecord, { recording, forced }: Evidence): boolean {
  if (failed === 'LSN_REPLACED') return forced.length > 0;
  return failed === 'PURGED' && (recording.scenario.purges || gotSnapshot(recording, nodeId));
}

/**
 * Returns true if the node, or any node if none is named, installed a snapshot: its log begins after that, whatever
 * the others keep.
 */
function gotSnapshot({ samples, finals }: Recording, nodeId: string | undefined): boolean {
  return [...samples, ...finals].some(
    ({ nodeId: id, status }) =>
      (nodeId === undefined || nodeId === id) && (status?.counters['SNAPSHOT_INSTALLED'] ?? 0) > 0,
  );
}

/** Checks that the last watch of each watcher reaches the last acknowledged write. */
function tooShort({ recording, acknowledged, losses }: Evidence): readonly string[] {
  const lost = new Set(losses.map(({ write }) => write));
  let newest: AcknowledgedWrite | undefined;
  for (const write of acknowledged) {
    if (lost.has(write)) continue;
    if (newest === undefined || comparePositions(write.version, newest.version) > 0) newest = write;
  }
  const latest = new Map(recording.watches.map((watch) => [watch.watcher, watch]));
  return [...latest.values()].flatMap((watch) => {
    const { nodeId, watcher } = watch;
    if (newest === undefined || recording.staysDown.includes(nodeId ?? '')) return [];
    if (comparePositions(reachOf(watch), newest.version) >= 0) return [];
    const at = formatVersion(reachOf(watch));
    return [
      `${watcher} came to ${at} only, and ${newest.key} is at ${formatVersion(newest.version)}`,
    ];
  });
}
