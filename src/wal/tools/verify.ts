import type { Clock } from '../../ports/clock.ts';
import { isAbsent } from '../../ports/disk-errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { type GoodSegment, inspect, type Inspection } from '../recovery/inspect.ts';
import type { Position } from '../format/position.ts';
import { type EpochSpan, newestOf } from '../format/history-spans.ts';
import type { LogBase } from '../format/log-base.ts';
import type { OrphanedLog } from '../files/lost-meta.ts';
import type { Meta } from '../files/meta.ts';
import {
  type Decision,
  decisionOf,
  describeGone,
  RECOVERY_TABLE,
  refusalOf,
  type RecoveryRow,
  type RowId,
  rowOf,
} from '../recovery/recovery.ts';
import { hasMoved } from './moving-end.ts';
import { newestBase } from './newest-base.ts';
import { type FoundMeta, readMeta } from './read-log.ts';

/** Report on a data directory: its content, and the decision of a start. Plain data, for JSON. */
export interface VerifyReport {
  readonly dir: string;
  /** True if the log is whole and meta.json is readable. */
  readonly ok: boolean;
  /** True if a running node writes to it: the report then describes that moment. */
  readonly writing: boolean;
  readonly row: RowId;
  readonly title: string;
  readonly means: string;
  /** Number of voters in meta.json or in the log; 1 if neither names any. */
  readonly voters: number;
  /** Decision of a start without `--on-damage cut`. */
  readonly decision: Decision;
  /** Description of the problem: segment, offset, LSNs and remedy; undefined at a normal end. */
  readonly problem: string | undefined;
  readonly segment: string;
  readonly offset: number;
  /** LSNs that a cut removes, in words. */
  readonly gone: string | undefined;
  /** Reason for which meta.json is unreadable. */
  readonly metaProblem: string | undefined;
  /** True if a newer walship wrote meta.json. */
  readonly metaNewer: boolean;
  readonly meta: Meta;
  readonly clusterId: string | undefined;
  readonly segments: readonly GoodSegment[];
  readonly firstLsn: number;
  readonly last: Position;
  readonly knownCommitLsn: number;
  readonly epochs: readonly EpochSpan[];
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

export interface VerifyOptions {
  /** Snapshot that covers everything before the log; default: the newest valid one. */
  readonly base?: LogBase | undefined;
  /** Clock for the pauses between repeated reads of a bad place. */
  readonly clock?: Clock;
}

/** Maximum number of attempts, since a running node may purge files before they are read. */
const BEGINNINGS_MAX = 5;

/**
 * Reads the whole log of a data directory and reports its faults; changes nothing. A node may be running: a bad place counts as damage
 * only if it stays bad. @throws WalshipError DISK_FAILED.
 */
export async function verify(
  disk: Disk,
  dir: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const { meta, problem: metaProblem, newer, inspection } = await read(disk, dir, options);
  const { evidence, segments, state } = inspection;
  const found = rowOf(evidence);
  const stop = { walDir: `${dir}/wal`, segment: evidence.segment, last: state };
  const settled = found === 'end' || found === 'foreign';
  const writing = !settled && (await hasMoved(disk, stop, options.clock));
  const row = writing ? 'end' : found;
  const { title, means } = RECOVERY_TABLE.find(({ id }) => id === row) as RecoveryRow;
  const voters = votersOf(inspection, meta);
  return {
    dir,
    ok: row === 'end' && (metaProblem === undefined || inspection.epochs.length === 0),
    writing,
    row,
    title,
    means,
    voters,
    decision: decisionOf(row, { voters, onDamage: 'refuse' }),
    problem: row === 'end' ? undefined : refusalOf(evidence).message,
    segment: evidence.segment,
    offset: evidence.offset,
    gone: row === 'end' || row === 'foreign' ? undefined : describeGone(evidence),
    metaProblem,
    metaNewer: newer,
    meta,
    clusterId: inspection.clusterId,
    segments,
    firstLsn: segments[0]?.header.baseLsn ?? 1,
    last: state,
    knownCommitLsn: inspection.knownCommitLsn,
    epochs: inspection.epochs,
    batches: inspection.batches,
    records: inspection.records,
    bytes: inspection.bytes,
  };
}

/** Describes a log whose meta.json is lost. */
export function orphaned({ dir, clusterId, epochs, segments, row }: VerifyReport): OrphanedLog {
  const newestSegment = segments.at(-1)?.header.baseLsn ?? null;
  // A torn write was never acknowledged, and the next start cuts it.
  return { dir, clusterId, epochs, newestSegment, whole: row === 'end' || row === 'torn' };
}

async function read(
  disk: Disk,
  dir: string,
  options: VerifyOptions,
): Promise<FoundMeta & { readonly inspection: Inspection }> {
  for (let count = 1; ; count += 1) {
    try {
      const found = await readMeta(disk, dir);
      const { meta } = found;
      const inspection = await inspect({
        disk,
        dir: `${dir}/wal`,
        meta,
        voters: meta.voters?.length ?? 1,
        base: options.base ?? (await newestBase(disk, dir)),
        visit: () => undefined,
      });
      return { ...found, inspection };
    } catch (error) {
      if (!isAbsent(error) || count === BEGINNINGS_MAX) throw error;
    }
  }
}

function votersOf(inspection: Inspection, meta: Meta): number {
  return meta.voters?.length ?? newestOf(inspection.epochs)?.voters.length ?? 1;
}
