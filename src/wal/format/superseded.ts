import { newestOf } from './history-spans.ts';
import type { LogBase } from './log-base.ts';

/** A log that a snapshot is to replace. */
export interface ReplacedLog {
  /** Of its last EPOCH record; undefined where it is not certain that all of the log belongs to one history. */
  readonly historyId: string | undefined;
  readonly lastLsn: number;
  /** Up to here the log is known to be committed. */
  readonly committedLsn: number;
}

/** What a snapshot says of itself. */
export interface ReplacingSnapshot {
  /** Of the leadership that wrote its start. */
  readonly historyId: string | undefined;
  readonly startLsn: number;
}

/**
 * Returns the LSN up to which the snapshot is proven to hold what the log holds: that part is superseded and may go. What lies above it may
 * have diverged, and is kept. What is committed stays committed in every later log of the same history, so a later snapshot of it holds that.
 * A log that knows its commits to reach the snapshot's start, and is to be replaced all the same, contradicts the snapshot: nothing is proven then.
 */
export function supersededLsn(log: ReplacedLog, snapshot: ReplacingSnapshot): number {
  const { historyId, lastLsn, committedLsn } = log;
  if (historyId === undefined || historyId !== snapshot.historyId) return 0;
  const lsn = Math.min(committedLsn, lastLsn);
  return lsn < snapshot.startLsn ? lsn : 0;
}

/** A snapshot, as what it says of itself. */
export function replacing({ start, epochs }: Pick<LogBase, 'start' | 'epochs'>): ReplacingSnapshot {
  return { historyId: newestOf(epochs)?.historyId, startLsn: start.lsn };
}
