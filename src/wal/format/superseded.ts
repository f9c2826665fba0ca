import { newestOf } from './history-spans.ts';
import type { LogBase } from './log-base.ts';

/** A log that a snapshot will replace. */
export interface ReplacedLog {
  /** History id of its last EPOCH record; undefined unless it is certain that all of the log belongs to one history. */
  readonly historyId: string | undefined;
  readonly lastLsn: number;
  /** LSN up to which the log is known to be committed. */
  readonly committedLsn: number;
}

/** Description of a snapshot that will replace a log. */
export interface ReplacingSnapshot {
  /** History id of the leadership that wrote its start. */
  readonly historyId: string | undefined;
  readonly startLsn: number;
}

/**
 * Returns the LSN up to which the snapshot is proven to hold the records of the log: that part is superseded and may be deleted.
 * Records above it may have diverged, and are kept. Proof: a committed record stays committed in every later log of the same history,
 * so a later snapshot of that history includes it. A log whose known commits reach the snapshot's start, and which is to be replaced
 * nevertheless, contradicts the snapshot: then nothing is proven.
 */
export function supersededLsn(log: ReplacedLog, snapshot: ReplacingSnapshot): number {
  const { historyId, lastLsn, committedLsn } = log;
  if (historyId === undefined || historyId !== snapshot.historyId) return 0;
  const lsn = Math.min(committedLsn, lastLsn);
  return lsn < snapshot.startLsn ? lsn : 0;
}

/** Describes a snapshot for `supersededLsn`. */
export function replacing({ start, epochs }: Pick<LogBase, 'start' | 'epochs'>): ReplacingSnapshot {
  return { historyId: newestOf(epochs)?.historyId, startLsn: start.lsn };
}
