/**
 * Driver of recovery: reads the log once, looks up the decision in the table (recovery.ts), and carries it out, each step durable
 * before the next: copy to saved/ -> state and claim into meta.json -> remove later segments, newest first -> cut.
 *
 * The last segment is always rewritten (rewrite-last.ts): the rewrite performs the cut, and makes the bytes that were read durable.
 */
import { WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { type GoodSegment, type Inspection, inspect } from './inspect.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { LogBase } from '../format/log-base.ts';
import type { MetaStore } from '../files/meta.ts';
import { metaPatch } from './meta-patch.ts';
import { newestOf } from '../format/history-spans.ts';
import type { EpochSpan } from '../format/history-spans.ts';
import type { Position } from '../format/position.ts';
import {
  type Decision,
  decisionOf,
  goneLsns,
  refusalHint,
  refusalOf,
  type RecoveryEvidence,
  type RowId,
  rowOf,
  warningOf,
} from './recovery.ts';
import { dropSegments, keepRest, replacedWhy, restartLog, saveSegments } from './restart-log.ts';
import { type SavedNote, saveSegment, type SavedSource } from '../files/saved.ts';
import { Salt } from '../format/salt.ts';
import type { LogState } from '../format/scan.ts';
import type { Seal } from '../format/seal.ts';
import { isRewrite, SegmentRewrite } from './rewrite-last.ts';
import { dropSnapshotsFrom } from '../snapshot/snapshot-shelf.ts';
import { replacing, supersededLsn } from '../format/superseded.ts';
import type { BatchPlace } from '../format/write-scan.ts';
import {
  headerAfter,
  parseSegmentName,
  type SegmentHeader,
  TEMPORARY_SUFFIX,
} from '../format/segment.ts';

/** One batch that recovery verified; `bytes` alias a buffer that is reused after the call. */
export interface RecoveredBatch {
  readonly bytes: Buffer;
  readonly last: Position;
  readonly seal: Seal;
}

/** A verified batch with its place in its segment. */
export type MappedBatch = RecoveredBatch & { readonly place: BatchPlace };

export interface RecoverOptions {
  readonly disk: Disk;
  /** Clock for the time in saved/ only. */
  readonly clock: Clock;
  /** The data directory; segments are in its `wal`. */
  readonly dir: string;
  readonly meta: MetaStore;
  /** Source of the salts of new segments. */
  readonly entropy: Entropy;
  /** Number of voters, at least 1; selects the column of the recovery table. */
  readonly voters: number;
  /** Size of the rewritten last segment, unless it holds more. */
  readonly segmentBytes: number;
  readonly onDamage: 'refuse' | 'cut';
  /** Snapshot that covers everything before the log; without one the log must begin with LSN 1. */
  readonly base?: LogBase | undefined;
  /** Called in order, synchronously, for each verified batch that the snapshot does not include. */
  readonly replay?: (batch: RecoveredBatch) => void;
  /** Called like `replay`, but for all batches that are kept. */
  readonly mapped?: (batch: MappedBatch) => void;
  /** Called to discard the batches passed to `mapped` so far. */
  readonly restarted?: () => void;
}

/** A segment after recovery, closed. */
export interface RecoveredSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** File offset just past its last batch; only fill follows. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** Bytes of its batches in the stream. */
  readonly streamBytes: number;
  /** Number of its last write; 0 if it has none. */
  readonly number: number;
  /** Last LSN in it; below its base LSN if it is empty. */
  readonly lastLsn: number;
}

export interface RecoveryWarning {
  readonly code: string;
  /** One sentence, with segment, offset and LSNs. */
  readonly message: string;
}

export interface RecoveryReport {
  /** Row of the recovery table that applies. */
  readonly row: RowId;
  readonly decision: Decision;
  /** LSNs that were cut off, if any. */
  readonly gone: { readonly from: number; readonly to: number | 'unknown' } | undefined;
  readonly warnings: readonly RecoveryWarning[];
  /** Names of the entries in saved/. */
  readonly saved: readonly string[];
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/** The log after recovery; durable when `recover` resolves. */
export interface RecoveredLog {
  /** Segments, oldest first; none if the log is blank. The last one ends in fill, and writing continues in it. */
  readonly segments: readonly RecoveredSegment[];
  /** State at the last seal; LSN and epoch are 0 before the first record. */
  readonly state: LogState;
  /** Seal of the last batch, if any is held. */
  readonly lastSeal: Seal | undefined;
  /** Oldest LSN held; 1 if the log is blank. */
  readonly firstLsn: number;
  /** Cluster id of the segments; undefined if there are none. */
  readonly clusterId: string | undefined;
  /** History id of the last EPOCH record, if any. */
  readonly historyId: string | undefined;
  readonly epochs: readonly EpochSpan[];
  /** Highest commitLsn in any seal. */
  readonly knownCommitLsn: number;
  readonly report: RecoveryReport;
}

/**
 * Recovers the log of a data directory. On resolve everything in the result is durable.
 * @throws WalshipError WAL_CORRUPT, SEGMENT_MISSING, WRONG_CLUSTER or UNSUPPORTED_VERSION if the table refuses, SAVED_FULL; then
 * nothing was changed. DISK_FAILED or DISK_FULL can occur at any step; the next start begins again.
 */
export async function recover(options: RecoverOptions): Promise<RecoveredLog> {
  const { disk, meta, base } = options;
  const dir = `${options.dir}/wal`;
  const { newestSegment, replacedBy } = meta.current;
  const goesOn = replacedBy === null || replacedBy === base?.start.lsn;
  if (base !== undefined && newestSegment === null && goesOn) {
    return restartedLog(options, base, undefined);
  }
  const hasLog = (await disk.list(dir)).some((name) => parseSegmentName(name) !== undefined);
  const rewrite = hasLog ? new SegmentRewrite(disk, dir, options.segmentBytes) : undefined;
  try {
    return await recoverBeside(rewrite, options);
  } catch (error) {
    await rewrite?.drop();
    throw error;
  }
}

/** Recovers the log while `rewrite` is being filled; `rewrite` is undefined if there is no segment. */
async function recoverBeside(
  rewrite: SegmentRewrite | undefined,
  options: RecoverOptions,
): Promise<RecoveredLog> {
  const { disk, meta, base } = options;
  const dir = `${options.dir}/wal`;
  const inspection = await inspectLog(options);
  const { evidence } = inspection;
  if (inspection.rest !== undefined && base !== undefined) {
    await rewrite?.drop();
    await keepRest(options, base, inspection.rest);
    return recover(options);
  }
  const row = rowOf(evidence);
  const decision = decisionOf(row, options);
  if (decision === 'refuse') throw refusal(row, evidence, options);
  const saves = decision === 'save-cut' || decision === 'save-cut-suspect';
  const restarts = base !== undefined && !inspection.joins;
  // Saving comes first, also if there is little space.
  if (restarts || saves || inspection.stale.length > 0 || inspection.segments.length === 0) {
    await rewrite?.drop();
  }
  if (restarts) return restartedLog(options, base, inspection);

  const stale = await dropSegments(options, inspection.stale, staleWhy(base));
  const saved = [...stale, ...(saves ? await saveRest(options, inspection) : [])];
  const patch = metaPatch(meta.current, inspection, decision);
  const { replacedBy } = meta.current;
  // Snapshots with a higher LSN belong to the replaced log.
  if (replacedBy !== null) await dropSnapshotsFrom(disk, options.dir, replacedBy + 1);
  if (patch !== undefined) await meta.update(patch);
  await removeRest(disk, dir, inspection);
  const segments = inspection.segments.map((segment) => recovered(dir, segment));
  const last = segments.at(-1);
  if (last !== undefined && rewrite !== undefined) {
    const rewritten = await rewrite.replace(last, Salt.random(options.entropy));
    segments[segments.length - 1] = { ...last, ...rewritten };
  }
  const warnings = decision === 'open' ? [] : [warningOf(row, evidence)];
  if (stale.length > 0) {
    const message = `${staleWhy(base)}: ${inspection.stale.join(', ')} moved to saved/`;
    warnings.push({ code: 'DAMAGE_BELOW_SNAPSHOT', message });
  }
  return {
    segments,
    state: inspection.state,
    lastSeal: inspection.lastSeal,
    firstLsn: segments[0]?.header.baseLsn ?? 1,
    clusterId: segments.length === 0 ? undefined : inspection.clusterId,
    historyId: newestOf(inspection.epochs)?.historyId,
    epochs: inspection.epochs,
    knownCommitLsn: inspection.knownCommitLsn,
    report: {
      row,
      decision,
      gone: saves ? goneLsns(evidence) : undefined,
      warnings,
      saved,
      batches: inspection.batches,
      records: inspection.records,
      bytes: inspection.bytes,
    },
  };
}

function inspectLog(options: RecoverOptions): Promise<Inspection> {
  const { disk, dir, meta, voters, base, replay, mapped, restarted } = options;
  return inspect({
    disk,
    dir: `${dir}/wal`,
    meta: meta.current,
    voters,
    base,
    visit: ({ batch: { offset, end, last, seal }, bytes, place, needed }) => {
      const batch = { bytes: bytes.subarray(offset, end), last, seal, place };
      mapped?.(batch);
      if (needed) replay?.(batch);
    },
    ...(restarted === undefined ? {} : { restarted }),
  });
}

function staleWhy(base: LogBase | undefined): string {
  return `damage below the snapshot of LSN ${base?.start.lsn ?? 0}, which holds what they held`;
}

/**
 * Replaces a log that does not lead up to the snapshot: records that the snapshot may not include go to saved/, and a new log begins
 * after the snapshot. If an earlier process had begun to replace the log, it saved them first: then there is no inspection.
 */
async function restartedLog(
  options: RecoverOptions,
  base: LogBase,
  inspection: Inspection | undefined,
): Promise<RecoveredLog> {
  const { disk, dir, meta, restarted } = options;
  const walDir = `${dir}/wal`;
  restarted?.();
  for (const name of await disk.list(walDir)) {
    if (name.endsWith(TEMPORARY_SUFFIX)) await disk.remove(`${walDir}/${name}`);
  }
  const evidence = inspection?.evidence;
  const row = evidence === undefined ? 'end' : rowOf(evidence);
  const decision = decisionOf(row, options);
  const lost = decision === 'save-cut' || decision === 'save-cut-suspect';
  const patch =
    inspection === undefined ? undefined : metaPatch(meta.current, inspection, decision);
  const unproven =
    inspection === undefined ? [] : await unprovenSegments(options, base, inspection);
  const reason = { why: replacedWhy(base), by: 'recovery' };
  const saved = await saveSegments(options, unproven, reason);
  const segment = await restartLog(options, base, {
    patch: { ...patch, clusterId: base.clusterId },
  });
  await segment.file.close();
  const { path, header, sizeBytes } = segment;
  const empty = { usedBytes: SEGMENT_HEADER_BYTES, streamBytes: 0, number: 0 };
  return {
    segments: [{ path, header, sizeBytes, lastLsn: base.start.lsn, ...empty }],
    state: base.start,
    lastSeal: undefined,
    firstLsn: header.baseLsn,
    clusterId: base.clusterId,
    historyId: newestOf(base.epochs)?.historyId,
    epochs: base.epochs,
    knownCommitLsn: inspection?.knownCommitLsn ?? 0,
    report: {
      row,
      decision,
      gone: lost && evidence !== undefined ? goneLsns(evidence) : undefined,
      warnings: evidence === undefined || !lost ? [] : [warningOf(row, evidence)],
      saved,
      batches: 0,
      records: 0,
      bytes: 0,
    },
  };
}

/** Names of the segments with records that `base` is not proven to include; all segments if the log is damaged. */
async function unprovenSegments(
  { disk, dir, meta }: RecoverOptions,
  base: LogBase,
  { evidence, state, knownCommitLsn }: Inspection,
): Promise<readonly string[]> {
  const names = (await disk.list(`${dir}/wal`)).filter(isSegment);
  const row = rowOf(evidence);
  if (row !== 'end' && row !== 'torn') return names;
  const { joining, discarding, historyId } = meta.current;
  const own = joining || discarding ? undefined : (historyId ?? undefined);
  const log = { historyId: own, lastLsn: state.lsn, committedLsn: knownCommitLsn };
  const lsn = supersededLsn(log, replacing(base));
  // A torn write was never acknowledged.
  const lastLsnOf = (index: number): number =>
    (parseSegmentName(names[index + 1] ?? '') ?? state.lsn + 1) - 1;
  return names.filter((_, index) => lastLsnOf(index) > lsn);
}

const isSegment = (name: string): boolean => parseSegmentName(name) !== undefined;

function refusal(row: RowId, evidence: RecoveryEvidence, options: RecoverOptions): WalshipError {
  const { code, message } = refusalOf(evidence);
  const { segment, offset, last } = evidence;
  const hint = refusalHint(evidence, options);
  const details = { row, segment, offset, lastGoodLsn: last.lsn, gone: goneLsns(evidence), hint };
  return new WalshipError(code, message, { details });
}

/** Copies the parts that will be cut off to saved/: the rest of the last good segment, and the rejected segments. */
async function saveRest(
  options: RecoverOptions,
  inspection: Inspection,
): Promise<readonly string[]> {
  const { disk, dir, clock } = options;
  const { evidence, segments, rejected, clusterId } = inspection;
  const { last, lastEnd, tail, later } = evidence;
  const names: string[] = [];
  const { from } = goneLsns(evidence);
  const save = async (source: SavedSource, to: SavedNote['to']): Promise<void> => {
    const entry = await saveSegment({ disk, dir }, source, {
      why: `${evidence.segment} at offset ${evidence.offset}: ${evidence.reason}`,
      whenMs: clock.wallMs(),
      from: { epoch: last.epoch, lsn: from },
      to,
      by: options.onDamage === 'cut' ? 'operator' : 'recovery',
    });
    names.push(entry.name);
  };
  const lastSegment = segments.at(-1);
  if (lastSegment !== undefined && tail !== undefined && tail.writtenEnd > lastEnd) {
    const header = headerAfter(clusterId ?? '', last, lastSegment.header.salt);
    const path = `${dir}/wal/${lastSegment.name}`;
    const { left, writtenEnd: end } = tail;
    await save({ path, start: lastEnd, left, end, header }, tail.highest ?? 'unknown');
  }
  for (const [index, name] of rejected.entries()) {
    const segment = later[index];
    const end = segment?.writtenEnd ?? 0;
    await save({ path: `${dir}/wal/${name}`, start: 0, end }, segment?.highest ?? 'unknown');
  }
  return names;
}

/** Removes unfinished files, and rejected segments, newest first: each removal is durable before the next. */
async function removeRest(disk: Disk, dir: string, inspection: Inspection): Promise<void> {
  for (const name of inspection.temporary) {
    if (!isRewrite(name)) await disk.remove(`${dir}/${name}`);
  }
  for (const name of inspection.rejected.toReversed()) {
    await disk.remove(`${dir}/${name}`);
    await disk.syncDir(dir);
  }
}

function recovered(dir: string, segment: GoodSegment): RecoveredSegment {
  const { name, ...found } = segment;
  return { path: `${dir}/${name}`, ...found };
}
