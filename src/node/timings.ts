import type { Clock } from '../ports/clock.ts';

/**
 * Measurements of a node: `fsync`, the time to write one batch and make it durable; `apply`, the time from learning
 * of a commit until it is applied here.
 */
export type TimingName = 'fsync' | 'apply';

/** Passes measurements on to the listener; without one they are dropped. Never called for each record. */
export class Timings {
  #listener: (name: TimingName, ms: number) => void = () => undefined;

  note(name: TimingName, ms: number): void {
    this.#listener(name, ms);
  }

  /** Sets the listener; replaces the previous one. */
  listen(listener: (name: TimingName, ms: number) => void): void {
    this.#listener = listener;
  }
}

/**
 * Measures the time from a commit until it is applied. One commit at a time: the next one is measured when this one
 * is applied, so that the cost does not depend on the load.
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
