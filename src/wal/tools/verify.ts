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

/** What a data directory holds, and what a start would make of it. Plain data, for JSON. */
export interface VerifyReport {
  readonly dir: string;
  /** Everything continues, meta.json reads, and nothing is missing. */
  readonly ok: boolean;
  /** A running node writes to it: this is what it held at that moment. */
  readonly writing: boolean;
  readonly row: RowId;
  readonly title: string;
  readonly means: string;
  /** How many voters the log or meta.json names; 1 where neither does. */
  readonly voters: number;
  /** What a start does, without `--on-damage cut`. */
  readonly decision: Decision;
  /** Segment, offset, LSNs, and what to do; undefined where the log simply ends. */
  readonly problem: string | undefined;
  readonly segment: string;
  readonly offset: number;
  /** LSNs that a cut takes away, in words. */
  readonly gone: string | undefined;
  /** Why meta.json does not read. */
  readonly metaProblem: string | undefined;
  /** A newer walship wrote meta.json. */
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
  /** The snapshot that holds what came before the log; the newest whole one unless given. */
  readonly base?: LogBase | undefined;
  /** For the pauses in which a place that does not read is read again. */
  readonly clock?: Clock;
}

/** A running node may purge what is about to be read: then reading begins again, so often at most. */
const BEGINNINGS_MAX = 5;

/**
 * Reads the whole log of a data directory and says what is wrong with it; changes nothing. A node may run on it: damage is only what stays where
 * it is. @throws WalshipError DISK_FAILED.
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

/** What is there of a log whose meta.json is lost. */
export function orphaned({ dir, clusterId, epochs, segments, row }: VerifyReport): OrphanedLog {
  const newestSegment = segments.at(-1)?.header.baseLsn ?? null;
  // What is torn was acknowledged to nobody, and the next start cuts it.
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
