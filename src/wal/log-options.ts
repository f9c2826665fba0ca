import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { LogBase } from './format/log-base.ts';
import type { MetaStore } from './files/meta.ts';
import type { ReplayedBatch } from './recovery/recover.ts';
import type { LocalAcks } from './files/saved.ts';

/** Which log this is. */
export interface LogIdentity {
  /** 16 bytes as 32 hexadecimal digits. */
  readonly clusterId: string;
  /** 16 bytes as 32 hexadecimal digits. */
  readonly historyId: string;
}

export interface LogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** For the salts of segments. */
  readonly entropy: Entropy;
  /** The data directory; segments are in its `wal`. The caller holds its lock. */
  readonly dir: string;
  /** Opened by the caller. */
  readonly meta: MetaStore;
  /** 1 or more: the column of the recovery table. */
  readonly voters: number;
  /** Size of a segment; a batch that does not fit gets a larger one. Default SEGMENT_BYTES_DEFAULT. */
  readonly segmentBytes?: number;
  /** What to do with a damaged log where no peer can help. Default `refuse`. */
  readonly onDamage?: 'refuse' | 'cut';
  /** Bounds the newest batches kept in memory. Default 16 MiB. */
  readonly recentBytesMax?: number;
  /** The snapshot that holds what came before the log, if any. */
  readonly base?: LogBase | undefined;
  /** Called synchronously, in order, for each batch that recovery verified and that the snapshot does not hold; its bytes are valid during the call only. */
  readonly replay?: (batch: ReplayedBatch) => void;
}

/** Why a log is cut, and what is known of the tail: `saved/` says it. */
export interface CutReason {
  /** One sentence. */
  readonly why: string;
  /** The leader that has another log there. */
  readonly by: string;
  /** Whether this node acknowledged any of it as durable on itself alone. */
  readonly localAcks: LocalAcks;
  /** Up to here this node knew its log to be committed. */
  readonly committedLsn: number;
}

/** A tail that was cut off, as it is kept in `saved/`. */
export interface SavedTail {
  /** Names of the entries there, one per segment. */
  readonly names: readonly string[];
  /** First LSN that was cut. */
  readonly fromLsn: number;
  /** Last LSN that was cut. */
  readonly toLsn: number;
}
