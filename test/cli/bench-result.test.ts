import { describe, expect, test } from 'vitest';
import {
  BenchRecorder,
  ackMeaning,
  formatBench,
  intendedStartMs,
} from '../../src/cli/bench-result.ts';

function recorderOf(latenciesMs: readonly number[]): BenchRecorder {
  const recorder = new BenchRecorder();
  const startMs = 1_000;
  for (const ms of latenciesMs) recorder.record('OK', { startMs, endMs: startMs + ms });
  return recorder;
}

const RUN = { mode: 'closed loop', seconds: 2, notSent: 0 } as const;

describe('arithmetic of bench', () => {
  test('percentiles are those of the acknowledged writes, to three digits', () => {
    const recorder = recorderOf(Array.from({ length: 1_000 }, (_, index) => index + 1));
    recorder.record('BUSY', { startMs: 0, endMs: 1e6 });
    const { latencyMs, acknowledged, perSecond, errors } = recorder.result(RUN);

    expect(acknowledged).toBe(1_000);
    expect(perSecond).toBe(500);
    expect(latencyMs.p50 / 500).toBeCloseTo(1, 2);
    expect(latencyMs.p90 / 900).toBeCloseTo(1, 2);
    expect(latencyMs.p99 / 990).toBeCloseTo(1, 2);
    expect(latencyMs.p999 / 999).toBeCloseTo(1, 2);
    expect(latencyMs.max / 1_000).toBeCloseTo(1, 2);
    expect(errors).toEqual({ BUSY: 1 });
  });

  test('a run without an acknowledged write has zeros and no nonsense', () => {
    const recorder = new BenchRecorder();
    recorder.record('NO_QUORUM', { startMs: 0, endMs: 1 });
    recorder.record('BUSY', { startMs: 0, endMs: 1 });
    recorder.record('NO_QUORUM', { startMs: 0, endMs: 1 });

    const result = recorder.result(RUN);

    expect(result).toMatchObject({
      acknowledged: 0,
      perSecond: 0,
      errors: { BUSY: 1, NO_QUORUM: 2 },
    });
    expect(result.latencyMs).toEqual({ p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    expect(formatBench(result, 'meaning')).toContain('errors: BUSY 1, NO_QUORUM 2');
  });

  test('writes of a fixed rate are due at equal distances', () => {
    expect([0, 1, 250, 1_000].map((index) => intendedStartMs(index, 500))).toEqual([
      0, 2, 500, 2_000,
    ]);
  });

  test.for([
    [
      { ack: 'quorum', voters: 3, quorum: 2 },
      'on 2 of 3 voters, the leader among them, and survives the loss of any 1',
    ],
    [
      { ack: 'all', voters: 3, quorum: 2 },
      'on 3 of 3 voters, the leader among them, and survives the loss of any 2',
    ],
    [
      { ack: 'local', voters: 3, quorum: 2 },
      'on the leader, 1 of 3 voters, and a failover may lose it',
    ],
    [
      { ack: 'quorum', voters: 1, quorum: 1 },
      'on 1 of 1 voter, the leader among them, and does not survive the loss of its disk',
    ],
  ] as const)('says what %j meant', ([context, words]) => {
    expect(ackMeaning(context)).toContain(words);
  });
});
