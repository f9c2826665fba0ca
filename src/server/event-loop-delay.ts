/** How late the process gets to its work: what a long computation, a full CPU or a stopped process does to every connection. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { IntervalHistogram } from 'node:perf_hooks';

/** How often the delay is sampled. */
export const SAMPLE_MS = 10;
/** What is reported is of this window and the one before. */
export const WINDOW_MS = 60_000;

export interface Delay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures from its creation until `close`. */
export class EventLoopDelay {
  readonly #histogram: IntervalHistogram;
  readonly #timer: NodeJS.Timeout;
  #before: Delay = { p99Ms: 0, maxMs: 0 };

  constructor() {
    this.#histogram = monitorEventLoopDelay({ resolution: SAMPLE_MS });
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#before = this.#now();
      this.#histogram.reset();
    }, WINDOW_MS);
    this.#timer.unref();
  }

  /** Looks so far in this window. */
  get count(): number {
    return this.#histogram.count;
  }

  /** Of the last one to two windows. */
  read(): Delay {
    const now = this.#now();
    return {
      p99Ms: Math.max(now.p99Ms, this.#before.p99Ms),
      maxMs: Math.max(now.maxMs, this.#before.maxMs),
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #now(): Delay {
    if (this.#histogram.count === 0) return { p99Ms: 0, maxMs: 0 };
    return { p99Ms: lateMs(this.#histogram.percentile(99)), maxMs: lateMs(this.#histogram.max) };
  }
}

/** A sample is the time between two looks, the pause that was meant to be included. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e4) / 100 - SAMPLE_MS);
}
