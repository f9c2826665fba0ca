import { WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { SEGMENT_BYTES_DEFAULT } from '../format/limits.ts';
import type { LogBase } from '../format/log-base.ts';
import { lostMetaHint, metaFromLog } from '../files/lost-meta.ts';
import { encodeMeta, META_NAME, MetaStore, writeWhole } from '../files/meta.ts';
import type { Meta } from '../files/meta.ts';
import { recover, type RecoveryWarning } from '../recovery/recover.ts';
import type { RowId } from '../recovery/recovery.ts';
import { newestBase } from './newest-base.ts';
import { orphaned, verify, type VerifyReport } from './verify.ts';
import type { Claim, VoterState } from '../format/voter-state.ts';

export interface RepairReport {
  readonly dir: string;
  /** False if there was nothing to repair: then nothing was changed. */
  readonly changed: boolean;
  readonly row: RowId;
  readonly before: VerifyReport;
  /** LSNs that are gone from this node, if any. */
  readonly gone: { readonly from: number; readonly to: number | 'unknown' } | undefined;
  /** Last LSN that is kept. */
  readonly lastLsn: number;
  /** Names of the entries in saved/. */
  readonly saved: readonly string[];
  readonly warnings: readonly RecoveryWarning[];
  /** New content of meta.json if the file was lost and was recreated from the log. */
  readonly madeMeta: Meta | undefined;
  /** State of the node after the repair. */
  readonly state: VoterState;
  readonly claim: Claim;
}

export interface RepairOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The data directory. The caller holds its lock. */
  readonly dir: string;
  /** Snapshot that covers everything before the log; default: the newest valid one. */
  readonly base?: LogBase | undefined;
}

/**
 * Repairs a data directory that a start refuses: copies everything after the last good record to saved/, cuts it off, and makes the
 * node suspect if other voters exist. Recreates a lost meta.json if the log names a single voter. Durable on resolve.
 * @throws WalshipError WRONG_CLUSTER or UNSUPPORTED_VERSION, which no repair can correct; WAL_CORRUPT if meta.json is lost and other
 * voters exist, or the log is damaged too; SAVED_FULL. Nothing was changed then.
 */
export async function repair(options: RepairOptions): Promise<RepairReport> {
  const { disk, clock, entropy, dir } = options;
  const base = options.base ?? (await newestBase(disk, dir));
  const before = await verify(disk, dir, { base });
  const { row, last, voters, meta } = before;
  const unchanged = { gone: undefined, saved: [], warnings: [], madeMeta: undefined };
  if (before.metaProblem !== undefined && !before.ok) {
    const madeMeta = await makeMeta(disk, before);
    const { state, claim } = madeMeta;
    return {
      dir,
      changed: true,
      row,
      before,
      ...unchanged,
      madeMeta,
      lastLsn: last.lsn,
      state,
      claim,
    };
  }
  if (before.ok) {
    const { state, claim } = meta;
    return { dir, changed: false, row, before, ...unchanged, lastLsn: last.lsn, state, claim };
  }
  const store = await MetaStore.open(disk, dir, { hasLog: true });
  // The size of its existing segments: the configured size is not known here.
  const sizes = before.segments.map((segment) => segment.sizeBytes);
  const segmentBytes = before.segments.length > 0 ? Math.max(...sizes) : SEGMENT_BYTES_DEFAULT;
  const recovered = await recover({
    disk,
    clock,
    entropy,
    dir,
    meta: store,
    voters,
    segmentBytes,
    onDamage: 'cut',
    base,
  });
  const { gone, saved, warnings } = recovered.report;
  const { state, claim } = store.current;
  const lastLsn = recovered.state.lsn;
  const done = { gone, lastLsn, saved, warnings, state, claim };
  return { dir, changed: true, row, before, madeMeta: undefined, ...done };
}

async function makeMeta(disk: Disk, before: VerifyReport): Promise<Meta> {
  const { dir, metaProblem = '', metaNewer } = before;
  if (metaNewer) throw new WalshipError('UNSUPPORTED_VERSION', metaProblem, { details: { dir } });
  const log = orphaned(before);
  const meta = metaFromLog(log);
  if (meta === undefined) {
    throw new WalshipError('WAL_CORRUPT', metaProblem, {
      details: { dir, hint: lostMetaHint(log) },
    });
  }
  await writeWhole(disk, { dir, name: META_NAME, bytes: encodeMeta(meta) });
  return meta;
}
