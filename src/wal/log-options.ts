import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { LogBase } from './format/log-base.ts';
import type { MetaStore } from './files/meta.ts';
import type { RecoveredBatch } from './recovery/recover.ts';
import type { LocalAcks } from './files/saved.ts';

/** Identity of a log. */
export interface LogIdentity {
  /** Cluster id: 16 bytes as 32 hexadecimal digits. */
  readonly clusterId: string;
  /** History id: 16 bytes as 32 hexadecimal digits. */
  readonly historyId: string;
}

export interface LogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Source of the salts of segments. */
  readonly entropy: Entropy;
  /** The data directory; segments are in its `wal`. The caller holds its lock. */
  readonly dir: string;
  /** Store of meta.json, opened by the caller. */
  readonly meta: MetaStore;
  /** Number of voters, at least 1; selects the column of the recovery table. */
  readonly voters: number;
  /** Size of a segment; a batch that does not fit gets a larger one. Default SEGMENT_BYTES_DEFAULT. */
  readonly segmentBytes?: number;
  /** Reaction to a damaged log if no peer can help. Default `refuse`. */
  readonly onDamage?: 'refuse' | 'cut';
  /** Maximum bytes of the newest batches kept in memory. Default 16 MiB. */
  readonly recentBytesMax?: number;
  /** Snapshot that covers everything before the log, if any. */
  readonly base?: LogBase | undefined;
  /** Called synchronously, in order, for each verified batch that the snapshot does not include; its bytes are valid during the call only. */
  readonly replay?: (batch: RecoveredBatch) => void;
}

/** Reason for a cut and known facts about the tail, for the note in `saved/`. */
export interface CutReason {
  /** Reason in one sentence. */
  readonly why: string;
  /** Leader whose log differs there. */
  readonly by: string;
  /** Tells if this node acknowledged any of the tail as durable on itself alone. */
  readonly localAcks: LocalAcks;
  /** LSN up to which this node knew its log to be committed. */
  readonly committedLsn: number;
}

/** A tail that was cut off and is kept in `saved/`. */
export interface SavedTail {
  /** Names of the entries in `saved/`, one per segment. */
  readonly names: readonly string[];
  /** First LSN that was cut. */
  readonly fromLsn: number;
  /** Last LSN that was cut. */
  readonly toLsn: number;
}
