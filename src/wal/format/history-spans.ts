/**
 * Which leadership wrote which stretch of a log, as a list of spans, oldest first. Each span reaches to the first LSN of the next one, the last one to
 * the end of the log. Of what nobody can ask for any more it is forgotten who wrote it: such stretches are one span without an epoch.
 */
import type { EpochEntry, Version } from './position.ts';

/** A stretch of which less is known than the EPOCH record said that began it. */
export interface PartSpan {
  /** Null where it is forgotten; there may have been many. */
  readonly epoch: number | null;
  /** Who led it, and where it began, is not known. */
  readonly leader: null;
  readonly firstLsn: number;
}

export type EpochSpan = EpochEntry | PartSpan;

/** What both kinds have in common. */
export type SpanView = Pick<EpochSpan, 'epoch' | 'leader' | 'firstLsn'>;

/** True where the EPOCH record that began it is known. */
export function isWhole(span: EpochSpan | undefined): span is EpochEntry {
  return span !== undefined && span.leader !== null;
}

/** The leadership of the end of the log, where it is known. */
export function newestOf(spans: readonly EpochSpan[]): EpochEntry | undefined {
  const newest = spans.at(-1);
  return isWhole(newest) ? newest : undefined;
}

/** Index of the span that holds `lsn`; -1 before the first one. */
export function indexAt(spans: readonly { readonly firstLsn: number }[], lsn: number): number {
  let low = 0;
  let end = spans.length;
  while (low < end) {
    const middle = (low + end) >>> 1;
    if ((spans[middle]?.firstLsn ?? Infinity) <= lsn) low = middle + 1;
    else end = middle;
  }
  return low - 1;
}

/** The span that holds `lsn`. */
export function spanAt(spans: readonly EpochSpan[], lsn: number): EpochSpan | undefined {
  return spans[indexAt(spans, lsn)];
}

/** The last LSN of the span at `index`; Infinity of the last one. */
export function lastLsnOf(spans: readonly EpochSpan[], index: number): number {
  return (spans[index + 1]?.firstLsn ?? Infinity) - 1;
}

/** Forgets what is not needed; the last span always is. Neighbours that are forgotten become one. */
export function forget(
  spans: readonly EpochSpan[],
  isNeeded: (span: EpochSpan, index: number) => boolean,
): EpochSpan[] {
  const kept: EpochSpan[] = [];
  for (const [index, span] of spans.entries()) {
    if (index === spans.length - 1 || (span.epoch !== null && isNeeded(span, index))) {
      kept.push(span);
    } else if (kept.at(-1)?.epoch !== null || kept.length === 0) {
      kept.push({ epoch: null, leader: null, firstLsn: span.firstLsn });
    }
  }
  return kept;
}

/** Two neighbours with the same voters and history share them: of most leaderships only the epoch is new. */
export function sharing(entry: EpochEntry, before: EpochSpan | undefined): EpochEntry {
  if (!isWhole(before)) return entry;
  const { leader, historyId, voters } = before;
  const sameVoters =
    voters.length === entry.voters.length && voters.every((id, at) => id === entry.voters[at]);
  return {
    ...entry,
    leader: leader === entry.leader ? leader : entry.leader,
    historyId: historyId === entry.historyId ? historyId : entry.historyId,
    voters: sameVoters ? voters : entry.voters,
  };
}

/**
 * The history of a log that begins behind `start`: what `base` says of everything up to there, and `own` of what follows. Where the base has
 * forgotten who wrote the record at `start`, its epoch is still known, since the log says it.
 */
export function joinSpans(
  base: readonly EpochSpan[],
  own: readonly EpochSpan[],
  start: Version,
): EpochSpan[] {
  const joined = base.slice(0, indexAt(base, start.lsn) + 1);
  if (start.lsn > 0 && joined.at(-1)?.epoch !== start.epoch) {
    const known = spanAt(own, start.lsn);
    const span =
      known?.epoch === start.epoch
        ? known
        : { epoch: start.epoch, leader: null, firstLsn: start.lsn };
    while ((joined.at(-1)?.firstLsn ?? 0) >= span.firstLsn) joined.pop();
    joined.push(span);
  }
  const rest = own.slice(indexAt(own, start.lsn) + 1);
  for (const span of rest) joined.push(span);
  return joined;
}
