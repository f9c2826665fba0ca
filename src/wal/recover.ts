import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { MetaStore } from './meta.ts';
import type { EpochEntry, Position } from './position.ts';
import type { LogState } from './scan.ts';
import type { Seal } from './seal.ts';
import type { SegmentHeader } from './segment.ts';

/** One batch that recovery verified; `bytes` alias a buffer that is reused after the call. */
export interface ReplayedBatch {
  readonly bytes: Buffer;
  readonly last: Position;
  readonly seal: Seal;
}

export interface RecoverOptions {
  readonly disk: Disk;
  /** For the time in saved/ only. */
  readonly clock: Clock;
  /** The data directory. */
  readonly dir: string;
  readonly meta: MetaStore;
  readonly nodeId: string;
  /** 1 or more: the column of the recovery table. */
  readonly voters: number;
  /** What the last segment is rewritten to, unless it holds more. */
  readonly segmentBytes: number;
  readonly onDamage: 'refuse' | 'cut';
  /** The log is needed from here on: 1, or the start of the snapshot. */
  readonly neededFromLsn?: number;
  /** Called in order, synchronously, for each batch that was verified. */
  readonly replay?: (batch: ReplayedBatch) => void;
}

/** A segment as recovery left it, closed. */
export interface RecoveredSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** The header and whole batches; behind them comes only fill. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  /** Last LSN in it; below its base where it is empty. */
  readonly lastLsn: number;
}

export interface RecoveryWarning {
  readonly code: string;
  readonly message: string;
}

export interface RecoveryReport {
  /** The row of the recovery table (recovery.ts) that was found. */
  readonly row: string;
  readonly decision: 'open' | 'cut';
  readonly warnings: readonly RecoveryWarning[];
  /** Names in saved/ of what was cut off. */
  readonly saved: readonly string[];
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/** What is durable once `recover` resolves. */
export interface RecoveredLog {
  /** Oldest first; none where the log is blank. The last one has full size, ends in fill, and is where writing goes on. */
  readonly segments: readonly RecoveredSegment[];
  /** At the last seal; LSN, epoch and chain are 0 where the log is blank. */
  readonly state: LogState;
  /** The last batch's seal, if any is held. */
  readonly lastSeal: Seal | undefined;
  /** Oldest LSN held; 1 where the log is blank. */
  readonly firstLsn: number;
  /** Undefined where the log is blank. */
  readonly clusterId: string | undefined;
  /** Of the last EPOCH record, if any. */
  readonly historyId: string | undefined;
  readonly epochs: readonly EpochEntry[];
  /** Highest commitLsn in any seal. */
  readonly knownCommitLsn: number;
  readonly report: RecoveryReport;
}

/** Recovers the log of a data directory. Under construction: the signature is fixed. */
export function recover(options: RecoverOptions): Promise<RecoveredLog> {
  return Promise.reject(new Error(`recovery of ${options.dir} is not built yet`));
}
