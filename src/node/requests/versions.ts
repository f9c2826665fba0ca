import { WalshipError } from '../../errors.ts';
import type { ErrorDetails } from '../../errors.ts';
import { indexAt } from '../../wal/format/history-spans.ts';
import type { EpochSpan } from '../../wal/format/history-spans.ts';
import { formatVersion } from '../../wal/format/position.ts';
import type { Version } from '../../wal/format/position.ts';

export type VersionJudgement =
  /** The history holds the version, or may come to hold it. */
  | { readonly kind: 'current' }
  /** The history cut the version off: epoch `by` begins at or before it. */
  | { readonly kind: 'replaced'; readonly by: number; readonly from: number }
  /** The history is no longer known far enough back to tell. */
  | { readonly kind: 'forgotten' };

/**
 * Judges whether `version` belongs to this history. An LSN alone does not identify a write: after a failover the
 * same LSN can hold another one, so the epoch is compared with the one that the history gives to that LSN.
 *
 * `history` is oldest first. A version of a leadership that this node has not met yet is `current`: it may arrive.
 */
export function judgeVersion(history: readonly EpochSpan[], version: Version): VersionJudgement {
  const newest = history.at(-1);
  if (newest === undefined || version.epoch > (newest.epoch ?? Infinity) || version.lsn === 0) {
    return { kind: 'current' };
  }
  const holder = history[indexAt(history, version.lsn)] ?? newest;
  if (holder.epoch === null) return { kind: 'forgotten' };
  if (holder.epoch === version.epoch) return { kind: 'current' };
  // The first leadership after that of the version.
  const by = history.find(({ epoch }) => epoch !== null && epoch > version.epoch) ?? holder;
  const first = by.firstLsn <= version.lsn ? by : holder;
  return { kind: 'replaced', by: first.epoch ?? holder.epoch, from: first.firstLsn };
}

/**
 * Judges for good, unlike `judgeVersion`: `replaced` only if the committed log rules the version out for ever. `committedLsn` is how far this
 * node's own log is known to be committed.
 *
 * The rest of a log proves nothing: the epoch of a leader that never committed can be cut off again, and the version that it seemed to replace
 * can still commit under the next one.
 */
export function judgeForGood(
  history: readonly EpochSpan[],
  version: Version,
  committedLsn: number,
): VersionJudgement {
  if (version.lsn === 0) return { kind: 'current' };
  // Epochs never fall along a log: no epoch below that of the last committed record can follow it.
  const decidedLsn = Math.min(version.lsn, committedLsn);
  const holder = history[indexAt(history, decidedLsn)];
  if (holder === undefined) return { kind: 'current' };
  if (holder.epoch === null) return { kind: 'forgotten' };
  const gone =
    version.lsn <= committedLsn ? holder.epoch !== version.epoch : holder.epoch > version.epoch;
  return gone ? { kind: 'replaced', by: holder.epoch, from: holder.firstLsn } : { kind: 'current' };
}

/** Creates the error for a version that a failover cut off; `asked` describes the request. */
export function replaced(
  version: Version,
  { by, from }: { readonly by: number; readonly from: number },
  asked: ErrorDetails = {},
): WalshipError {
  const text = formatVersion(version);
  return new WalshipError(
    'LSN_REPLACED',
    `version ${text} was replaced: epoch ${by} begins at LSN ${from}`,
    {
      outcome: 'rejected',
      details: { version: text, replacedByEpoch: by, fromLsn: from, ...asked },
    },
  );
}
