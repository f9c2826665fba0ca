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
 * Who led when, and what is known to be committed, as the records themselves say.
 *
 * Invariant: of every record that the log holds, of the one before the first, and of every live key it is known which epoch wrote it. What
 * else was there is forgotten, so that a log of any number of leaderships takes no more memory than what it holds.
 */
export class LogHistory {
  /** Behind it the log begins. */
  readonly #start: () => Version;
  #spans: EpochSpan[];
  #knownCommitLsn: number;
  /** First LSNs of the spans up to an LSN that a live key names, as the newest snapshot says. */
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

  /** Oldest first. */
  get spans(): readonly EpochSpan[] {
    return this.#spans;
  }

  /** The last leadership; undefined before the first. */
  get newest(): EpochEntry | undefined {
    return newestOf(this.#spans);
  }

  get knownCommitLsn(): number {
    return this.#knownCommitLsn;
  }

  /** The epoch of the record at `lsn`; 0 before the first leadership, and where it is forgotten. */
  epochAt(lsn: number): number {
    return spanAt(this.#spans, lsn)?.epoch ?? 0;
  }

  /** A leadership was written, or is about to be. */
  began(entry: EpochEntry): void {
    this.#spans.push(sharing(entry, this.#spans.at(-1)));
  }

  /** A durable seal says that `lsn` is committed. */
  committed(lsn: number): void {
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, lsn);
  }

  /** A snapshot took the place of all that was held. */
  restart(base: LogBase): void {
    this.#spans = [...base.epochs];
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, base.endLsn);
    this.#named = namedIn(base);
  }

  /** The log was cut behind `lsn`: the state is another one from now on, and nobody knows yet what its keys name. */
  truncate(lsn: number): void {
    this.#spans = this.#spans.filter((span) => span.firstLsn <= lsn);
    this.#knownCommitLsn = Math.min(this.#knownCommitLsn, lsn);
    this.#named = undefined;
  }

  /** A snapshot of the state was taken, or the state was begun anew from one: what neither its keys name nor the log holds is forgotten. */
  rebase(base: LogBase): void {
    this.#spans = joinSpans(base.epochs, this.#spans, this.#start());
    this.#named = namedIn(base);
  }

  /** Segments at the beginning of the log are gone. */
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
