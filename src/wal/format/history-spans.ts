/**
 * History of a log: a list of spans, oldest first, that names the leadership which wrote each stretch. Each span reaches to the
 * first LSN of the next one, the last one to the end of the log. Details of stretches that nobody can ask for any longer are
 * forgotten: such neighbours become one span without an epoch.
 */
import type { EpochEntry, Version } from './position.ts';

/** A span whose EPOCH record is not known in full. */
export interface PartSpan {
  /** Null if forgotten; the span may then cover several epochs. */
  readonly epoch: number | null;
  /** Null, since neither the leader nor the first LSN of the leadership is known. */
  readonly leader: null;
  readonly firstLsn: number;
}

export type EpochSpan = EpochEntry | PartSpan;

/** Fields that both kinds have in common. */
export type SpanView = Pick<EpochSpan, 'epoch' | 'leader' | 'firstLsn'>;

/** True if the EPOCH record of the span is known. */
export function isWhole(span: EpochSpan | undefined): span is EpochEntry {
  return span !== undefined && span.leader !== null;
}

/** Leadership that wrote the end of the log; undefined if it is not known. */
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

/** Last LSN of the span at `index`; Infinity for the last span. */
export function lastLsnOf(spans: readonly EpochSpan[], index: number): number {
  return (spans[index + 1]?.firstLsn ?? Infinity) - 1;
}

/** Forgets the spans that are not needed, except the last one. Forgotten neighbours become one span. */
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

/** Returns `entry` with the values it has in common with the span before as shared objects: usually only the epoch is new. */
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
 * Joins the history of a log that begins after `start`: the spans of `base` up to there, and those of `own` after it. If the base
 * has forgotten the epoch of the record at `start`, `start` itself supplies it.
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
