/**
 * Goal: a fixed-rate run does not hide a stall. Method: a write function that stands still once.
 */
import { describe, expect, test } from 'vitest';
import { runClosedLoop, runFixedRate } from '../../src/cli/bench-load.ts';

describe('load', () => {
  test('a closed loop has as many writes in flight as connections, and counts all of them', async () => {
    let inFlight = 0;
    let inFlightMost = 0;
    const indexes = new Set<number>();
    const result = await runClosedLoop(
      async (index) => {
        indexes.add(index);
        inFlight += 1;
        inFlightMost = Math.max(inFlightMost, inFlight);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inFlight -= 1;
        return 'OK';
      },
      { connections: 4, durationMs: 50 },
    );

    expect(inFlightMost).toBe(4);
    expect(result.acknowledged).toBe(indexes.size);
    expect(result.acknowledged).toBeGreaterThanOrEqual(4);
  });

  test('a stall counts for every write that was due while it lasted', async () => {
    let stall: Promise<void> | undefined;
    const result = await runFixedRate(
      async () => {
        // One connection, and the first write takes 100 ms: the next 49 are late through it.
        stall ??= new Promise((resolve) => setTimeout(resolve, 100));
        await stall;
        return 'OK';
      },
      { connections: 1, durationMs: 200, rate: 500 },
    );

    expect(result.latencyMs.max).toBeGreaterThanOrEqual(99);
    // A closed loop would show one slow write in a hundred, and a p90 of nearly nothing.
    expect(result.latencyMs.p90).toBeGreaterThan(40);
    expect(result.acknowledged + result.notSent).toBe(100);
  });

  test('what is due and not sent before the end is said and not forgotten', async () => {
    const result = await runFixedRate(
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        return 'BUSY';
      },
      { connections: 1, durationMs: 60, rate: 1_000 },
    );

    expect(result.notSent).toBeGreaterThan(50);
    expect((result.errors['BUSY'] ?? 0) + result.notSent).toBe(60);
  });
});
