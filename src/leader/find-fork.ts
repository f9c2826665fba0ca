/**
 * Finds the place where two logs stop being equal, by their histories. One epoch is led once, by one leader, from one LSN: where both have the same leadership, they
 * are equal up to its beginning, and in it one is the beginning of the other. So the fork lies in the last leadership that both have.
 *
 * Either side may have forgotten leaderships, or send only its last ones. What is forgotten is committed and no longer in that log, so where the
 * fork cannot be told, it is too far back to go on from.
 */
import type { HistoryEntry } from '../protocol/messages.ts';

export type Fork =
  | { readonly kind: 'at'; readonly lsn: number }
  /** Not to be told from what is known. */
  | { readonly kind: 'unknown' }
  /** That epoch is in both, under two leaders, from two LSNs, or behind a fork. */
  | { readonly kind: 'contradiction'; readonly epoch: number };

/** A history, and the last LSN of its log. */
export interface KnownHistory {
  readonly epochs: readonly HistoryEntry[];
  readonly lastLsn: number;
  /** Number of older ones that are not among them. */
  readonly epochsBefore: number;
}

/** @param lenient what contradicts is taken for a fork: an operator wants the other log to be cut. */
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

/** How many entries before that place the two differ, 0 at the place itself; undefined where they do not, as far as both are known. */
function mismatch(
  ours: readonly HistoryEntry[],
  theirs: readonly HistoryEntry[],
  { our, their }: Place,
): number | undefined {
  for (let back = 0; ; back += 1) {
    const a = ours[our - back];
    const b = theirs[their - back];
    if (a === undefined || b === undefined) return undefined;
    // What is known in part of the same leadership began there or earlier.
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
  // Behind it, more may be in both.
  const isForgotten = a !== undefined && b !== undefined && (a.epoch === null || b.epoch === null);
  if (isForgotten) return { kind: 'unknown' };
  const ourEnd = a === undefined ? ours.lastLsn : a.firstLsn - 1;
  const theirEnd = b === undefined ? theirs.lastLsn : b.firstLsn - 1;
  return { kind: 'at', lsn: Math.min(ourEnd, theirEnd) };
}
