import {
  forget,
  isWhole,
  joinSpans,
  lastLsnOf,
  newestOf,
  sharing,
  spanAt,
} from './format/history-spans.ts';
import type { EpochSpan } from './format/history-spans.ts';
import type { LogBase } from './format/log-base.ts';
import type { RecoveredLog } from './recovery/recover.ts';
import type { EpochEntry, Version } from './format/position.ts';

/**
 * History of leaderships and the known commit LSN, both taken from the records themselves.
 *
 * Invariant: the epoch is known of every record in the log, of the record just before the first one, and of the record that wrote each
 * live key. All other spans are forgotten, so that memory is bounded by the content and not by the number of leaderships.
 */
export class LogHistory {
  /** Returns the position just before the log. */
  readonly #start: () => Version;
  #spans: EpochSpan[];
  #knownCommitLsn: number;
  /** First LSNs of the spans, up to `toLsn`, that live keys refer to according to the newest snapshot. */
  #named: { readonly firstLsns: ReadonlySet<number>; readonly toLsn: number } | undefined;

  constructor(
    { epochs, knownCommitLsn }: Pick<RecoveredLog, 'epochs' | 'knownCommitLsn'>,
    { base, start }: { readonly base?: LogBase | undefined; readonly start: () => Version },
  ) {
    this.#start = start;
    this.#spans = [];
    for (const span of epochs) {
      this.#spans.push(isWhole(span) ? sharing(span, this.#spans.at(-1)) : span);
    }
    this.#knownCommitLsn = knownCommitLsn;
    this.#named = base && namedIn(base);
  }

  /** Spans of the history, oldest first. */
  get spans(): readonly EpochSpan[] {
    return this.#spans;
  }

  /** Last leadership; undefined before the first. */
  get newest(): EpochEntry | undefined {
    return newestOf(this.#spans);
  }

  get knownCommitLsn(): number {
    return this.#knownCommitLsn;
  }

  /** Epoch of the record at `lsn`; 0 before the first leadership, or if the epoch is forgotten. */
  epochAt(lsn: number): number {
    return spanAt(this.#spans, lsn)?.epoch ?? 0;
  }

  /** Adds a leadership whose EPOCH record has been written, or is about to be. */
  began(entry: EpochEntry): void {
    this.#spans.push(sharing(entry, this.#spans.at(-1)));
  }

  /** Raises the known commit LSN to that of a durable seal. */
  committed(lsn: number): void {
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, lsn);
  }

  /** Replaces the history by that of a snapshot, which replaced the whole log. */
  restart(base: LogBase): void {
    this.#spans = [...base.epochs];
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, base.endLsn);
    this.#named = namedIn(base);
  }

  /** Cuts the history after `lsn`. The state changes too, so the spans that its keys refer to are unknown until the next snapshot. */
  truncate(lsn: number): void {
    this.#spans = this.#spans.filter((span) => span.firstLsn <= lsn);
    this.#knownCommitLsn = Math.min(this.#knownCommitLsn, lsn);
    this.#named = undefined;
  }

  /** Takes over the history of a new snapshot of the state; forgets spans that neither its keys refer to nor the log holds. */
  rebase(base: LogBase): void {
    this.#spans = joinSpans(base.epochs, this.#spans, this.#start());
    this.#named = namedIn(base);
  }

  /** Forgets spans that are no longer needed after segments at the beginning of the log were removed. */
  purged(): void {
    const named = this.#named;
    if (named === undefined) return;
    const { lsn } = this.#start();
    this.#spans = forget(this.#spans, ({ firstLsn }, index) => {
      const lastLsn = lastLsnOf(this.#spans, index);
      return lastLsn >= lsn || lastLsn > named.toLsn || named.firstLsns.has(firstLsn);
    });
  }
}

function namedIn({ epochs, start }: LogBase): { firstLsns: ReadonlySet<number>; toLsn: number } {
  const named = epochs.filter((span) => isWhole(span));
  return { firstLsns: new Set(named.map(({ firstLsn }) => firstLsn)), toLsn: start.lsn };
}
