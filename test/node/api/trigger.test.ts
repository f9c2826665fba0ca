/** Goal: an automatic attempt comes after a silence that is neither too short nor too long, and seldom together with another one. */
import { describe, expect, test } from 'vitest';
import { newTrigger } from '../../../src/node/api/trigger.ts';
import { TICK_MS } from '../../../src/ports/tick-timer.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';

const SILENCE_MS = 1_000;

/** At which quiet times the trigger fires, while nobody is heard. */
function firesAt(seed: number, untilMs: number, failover: 'manual' | 'auto' = 'auto'): number[] {
  const trigger = newTrigger(failover, { entropy: new SeededEntropy(seed), silenceMs: SILENCE_MS });
  const fired: number[] = [];
  for (let quietMs = 0; quietMs < untilMs; quietMs += TICK_MS) {
    if (trigger.tick(quietMs)) fired.push(quietMs);
  }
  return fired;
}

describe('the automatic trigger', () => {
  test('fires after more than the silence limit and before twice as much', () => {
    const first = Array.from({ length: 200 }, (_, seed) => firesAt(seed, 3_000)[0] ?? Infinity);

    expect(Math.min(...first)).toBeGreaterThanOrEqual(1.1 * SILENCE_MS);
    expect(Math.max(...first)).toBeLessThanOrEqual(2 * SILENCE_MS + TICK_MS);
    expect(new Set(first).size).toBeGreaterThan(20);
  });

  test('tries again soon after an attempt that failed', () => {
    const fired = firesAt(1, 20_000);
    const gaps = fired.slice(1).map((atMs, index) => atMs - (fired[index] ?? 0));

    expect(gaps.length).toBeGreaterThan(20);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.25 * SILENCE_MS);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(0.75 * SILENCE_MS + TICK_MS);
  });

  test('does not fire while a leader is heard now and then', () => {
    const trigger = newTrigger('auto', { entropy: new SeededEntropy(1), silenceMs: SILENCE_MS });
    let quietMs = 0;
    for (let tick = 0; tick < 10_000; tick += 1) {
      quietMs = tick % 40 === 0 ? 0 : quietMs + TICK_MS;
      expect(trigger.tick(quietMs)).toBe(false);
    }
  });
});

test('the manual trigger never fires', () => {
  expect(firesAt(1, 100_000, 'manual')).toEqual([]);
});
