/**
 * Finds the place where two logs stop being equal, from their histories. One epoch is led once, by one leader, from one LSN: where both logs have the same leadership, they
 * are equal up to its beginning, and within it one log is a prefix of the other. So the fork lies in the last leadership that both have.
 *
 * Either side may have forgotten leaderships, or send only its last ones. Forgotten leaderships are committed and no longer in that log, so if the
 * fork cannot be told, it is too far back to continue from.
 */
import type { HistoryEntry } from '../protocol/messages.ts';

export type Fork =
  | { readonly kind: 'at'; readonly lsn: number }
  /** No fork can be told from the known parts of the histories. */
  | { readonly kind: 'unknown' }
  /** The epoch is in both histories, under two leaders, from two LSNs, or after a fork. */
  | { readonly kind: 'contradiction'; readonly epoch: number };

/** A history, and the last LSN of its log. */
export interface KnownHistory {
  readonly epochs: readonly HistoryEntry[];
  readonly lastLsn: number;
  /** Number of older leaderships that are not in `epochs`. */
  readonly epochsBefore: number;
}

/** Finds the fork. @param lenient treats a contradiction as a fork: an operator wants the other log to be cut. */
export function findFork(ours: KnownHistory, theirs: KnownHistory, lenient: boolean): Fork {
  let at = { our: ours.epochs.length - 1, their: theirs.epochs.length - 1 };
  for (;;) {
    at = highestInBoth(ours.epochs, theirs.epochs, at);
    if (at.our < 0 || at.their < 0) return withoutCommon(ours, theirs);
    const back = mismatch(ours.epochs, theirs.epochs, at);
    if (back === undefined) return endOfCommon(ours, theirs, at);
    if (!lenient) {
      const epoch = theirs.epochs[at.their - back]?.epoch ?? ours.epochs[at.our - back]?.epoch;
      return { kind: 'contradiction', epoch: epoch ?? 0 };
    }
    at = { our: at.our - back - 1, their: at.their - back - 1 };
  }
}

interface Place {
  readonly our: number;
  readonly their: number;
}

function highestInBoth(
  ours: readonly HistoryEntry[],
  theirs: readonly HistoryEntry[],
  from: Place,
): Place {
  let { our, their } = from;
  while (our >= 0 && their >= 0) {
    const a = ours[our]?.epoch ?? null;
    const b = theirs[their]?.epoch ?? null;
    if (a !== null && a === b) break;
    if (a === null || (b !== null && a > b)) our -= 1;
    else their -= 1;
  }
  return { our, their };
}

/**
 * Returns how many entries before that place the two differ, 0 at the place itself; undefined where they agree as far
 * as both are known.
 */
function mismatch(
  ours: readonly HistoryEntry[],
  theirs: readonly HistoryEntry[],
  { our, their }: Place,
): number | undefined {
  for (let back = 0; ; back += 1) {
    const a = ours[our - back];
    const b = theirs[their - back];
    if (a === undefined || b === undefined) return undefined;
    // A partly forgotten leadership began at this LSN or earlier.
    if (a.leader === null || b.leader === null) return undefined;
    if (a.epoch !== b.epoch || a.leader !== b.leader || a.firstLsn !== b.firstLsn) return back;
  }
}

function withoutCommon(ours: KnownHistory, theirs: KnownHistory): Fork {
  const isAll = ({ epochs, epochsBefore }: KnownHistory): boolean =>
    epochsBefore === 0 && epochs.every(({ leader }) => leader !== null);
  return isAll(ours) && isAll(theirs) ? { kind: 'at', lsn: 0 } : { kind: 'unknown' };
}

function endOfCommon(ours: KnownHistory, theirs: KnownHistory, { our, their }: Place): Fork {
  const a = ours.epochs[our + 1];
  const b = theirs.epochs[their + 1];
  // Past this place, more leaderships may be in both histories.
  const isForgotten = a !== undefined && b !== undefined && (a.epoch === null || b.epoch === null);
  if (isForgotten) return { kind: 'unknown' };
  const ourEnd = a === undefined ? ours.lastLsn : a.firstLsn - 1;
  const theirEnd = b === undefined ? theirs.lastLsn : b.firstLsn - 1;
  return { kind: 'at', lsn: Math.min(ourEnd, theirEnd) };
}
