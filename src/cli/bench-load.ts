/**
 * Two kinds of load on a cluster.
 *
 * Closed loop: each connection writes again as soon as its write is answered; shows the capacity of the cluster.
 * Fixed rate: writes are due at fixed times whatever the cluster does, and each is measured from the time it was
 * due: a stall then counts for every write that it held up, not only for those that were in flight.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchRecorder, intendedStartMs } from './bench-result.ts';
import type { BenchResult } from './bench-result.ts';

/** One write; resolves with `OK` or a code, never rejects. */
export type Write = (index: number) => Promise<string>;

export interface LoadOptions {
  readonly connections: number;
  readonly durationMs: number;
}

/** Milliseconds that a connection waits after a failure: a cluster without a leader must not be flooded. */
const BACKOFF_MS = 20;

/** Runs `connections` loops for `durationMs`; writes in flight at the end are waited for and counted. */
export async function runClosedLoop(write: Write, options: LoadOptions): Promise<BenchResult> {
  const recorder = new BenchRecorder();
  const startMs = performance.now();
  const endMs = startMs + options.durationMs;
  let index = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      const code = await write(index++);
      recorder.record(code, { startMs: sentMs, endMs: performance.now() });
      if (code !== 'OK') await sleep(BACKOFF_MS);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, loop));
  const seconds = (performance.now() - startMs) / 1_000;
  return recorder.result({ mode: 'closed loop', seconds, notSent: 0 });
}

/** Sends `rate` writes per second for `durationMs`, at most `connections` at once. */
export async function runFixedRate(
  write: Write,
  options: LoadOptions & { readonly rate: number },
): Promise<BenchResult> {
  const { connections, durationMs, rate } = options;
  const recorder = new BenchRecorder();
  const total = Math.floor((durationMs * rate) / 1_000);
  const inFlight = new Set<Promise<void>>();
  const startMs = performance.now();
  let index = 0;

  const launch = async (number: number, dueMs: number): Promise<void> => {
    const code = await write(number);
    recorder.record(code, { startMs: dueMs, endMs: performance.now() });
  };
  while (index < total && performance.now() < startMs + durationMs) {
    const dueMs = startMs + intendedStartMs(index, rate);
    if (inFlight.size >= connections) {
      await Promise.race(inFlight);
    } else if (dueMs > performance.now()) {
      // Timers have whole milliseconds: their lateness is part of the measured time.
      await sleep(Math.max(1, dueMs - performance.now()));
    } else {
      const running = launch(index, dueMs).finally(() => inFlight.delete(running));
      inFlight.add(running);
      index += 1;
    }
  }
  await Promise.all(inFlight);
  const seconds = (performance.now() - startMs) / 1_000;
  return recorder.result({ mode: 'fixed rate', seconds, notSent: total - index });
}
