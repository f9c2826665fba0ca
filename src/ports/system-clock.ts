import type { Clock } from './clock.ts';

/** Longest delay that setTimeout supports (24 days); longer delays are cut to it. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** The machine's own clock and timers. */
export class SystemClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), DELAY_MS_MAX));
    return () => clearTimeout(timer);
  }

  soon(run: () => void): void {
    setImmediate(run);
  }
}
