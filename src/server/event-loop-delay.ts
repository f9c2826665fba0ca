/** Delay of the event loop: the effect of a long computation, a full CPU or a stopped process on every connection. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { IntervalHistogram } from 'node:perf_hooks';

/** Sampling interval of the delay. */
export const SAMPLE_MS = 10;
/** Length of a window; reports cover this window and the one before. */
export const WINDOW_MS = 60_000;

export interface Delay {
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures the delay from its creation until `close`. */
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

  /** Number of samples in this window. */
  get count(): number {
    return this.#histogram.count;
  }

  /** Returns the delay in the last one to two windows. */
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

/** Converts a sample to the delay: a sample is the time between two looks, the intended interval included. */
function lateMs(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e4) / 100 - SAMPLE_MS);
}
