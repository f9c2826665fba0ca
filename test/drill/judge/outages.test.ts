import { describe, expect, test } from 'vitest';
import {
  longestMs,
  outagesBetween,
  outagesOf,
  PAUSE_MS_MAX,
} from '../../../src/drill/judge/outages.ts';
import { FAULT_MS, HEALED_MS, LOAD_END_MS, RecordingBuilder } from '../recording-builder.ts';

const during = { fromMs: 0, toMs: 10_000 };

describe('an outage', () => {
  test('is a stretch without success that is longer than the ordinary pause', () => {
    const often = Array.from({ length: 101 }, (_, index) => index * 100);
    const without = often.filter((atMs) => atMs <= 3_000 || atMs >= 4_200);

    expect(outagesBetween(often, during)).toEqual([]);
    expect(outagesBetween(without, during)).toEqual([{ fromMs: 3_000, toMs: 4_200 }]);
  });

  test('is none where the pause is an ordinary one', () => {
    expect(outagesBetween([5_000], { fromMs: 5_000 - PAUSE_MS_MAX, toMs: 5_000 })).toEqual([]);
  });

  test('begins with the load, and ends with it', () => {
    expect(outagesBetween([], during)).toEqual([during]);
    expect(outagesBetween([2_000], during)).toEqual([
      { fromMs: 0, toMs: 2_000 },
      { fromMs: 2_000, toMs: 10_000 },
    ]);
  });

  test('does not end with a success after the load', () => {
    expect(outagesBetween([9_900, 10_400], during)).toEqual([{ fromMs: 0, toMs: 9_900 }]);
  });

  test('is as long as the longest one', () => {
    expect(longestMs([])).toBe(0);
    expect(
      longestMs([
        { fromMs: 1, toMs: 3 },
        { fromMs: 5, toMs: 6 },
      ]),
    ).toBe(2);
  });
});

test('writes and both kinds of reads have outages of their own', () => {
  const builder = new RecordingBuilder().until(FAULT_MS);
  // Only local reads go on.
  while (builder.nowMs < HEALED_MS) builder.localProbe('n2');
  const recording = builder.until(LOAD_END_MS).build();

  const outages = outagesOf(recording);

  expect(longestMs(outages.write)).toBeGreaterThan(HEALED_MS - FAULT_MS - 50);
  expect(longestMs(outages.linearizableRead)).toBeGreaterThan(HEALED_MS - FAULT_MS - 50);
  expect(outages.write).toHaveLength(1);
  expect(outages.localRead).toEqual([]);
});

test('a failed probe and a write that was not acknowledged end no outage', () => {
  const builder = new RecordingBuilder().until(FAULT_MS);
  while (builder.nowMs < HEALED_MS) {
    builder.setNowhere({ end: 'indeterminate', version: undefined });
    builder.readProbes.push({
      level: 'local',
      nodeId: 'n1',
      calledAt: builder.nowMs,
      returnedAt: builder.nowMs,
      ok: false,
      code: 'WAIT_TIMEOUT',
    });
  }
  const outages = outagesOf(builder.until(LOAD_END_MS).build());

  expect(outages.write).toHaveLength(1);
  expect(outages.localRead).toHaveLength(1);
});
