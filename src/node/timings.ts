import type { Clock } from '../ports/clock.ts';

/**
 * What a node measures of itself, besides counting: `fsync`, of one batch written and made durable; `apply`, from when something
 * is known to be committed until it is applied here.
 */
export type TimingName = 'fsync' | 'apply';

/** Passes measurements on to whoever listens; without anybody they are dropped. Never called for each record. */
export class Timings {
  #listener: (name: TimingName, ms: number) => void = () => undefined;

  note(name: TimingName, ms: number): void {
    this.#listener(name, ms);
  }

  /** Replaces the one who listened before. */
  listen(listener: (name: TimingName, ms: number) => void): void {
    this.#listener = listener;
  }
}

/**
 * Measures how long after a commit it is applied. One commit at a time: the next one is looked at when this one is applied, so that it
 * costs the same whatever is written.
 */
export class ApplyLag {
  readonly #clock: Clock;
  readonly #timings: Timings | undefined;
  #watched: { readonly lsn: number; readonly sinceMs: number } | undefined;

  constructor(clock: Clock, timings: Timings | undefined) {
    this.#clock = clock;
    this.#timings = timings;
  }

  committed(lsn: number): void {
    if (this.#timings === undefined) return;
    this.#watched ??= { lsn, sinceMs: this.#clock.nowMs() };
  }

  applied(lsn: number): void {
    if (this.#watched === undefined || lsn < this.#watched.lsn) return;
    this.#timings?.note('apply', this.#clock.nowMs() - this.#watched.sinceMs);
    this.#watched = undefined;
  }
}
