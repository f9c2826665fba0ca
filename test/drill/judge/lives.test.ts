import { describe, expect, test } from 'vitest';
import { Lives } from '../../../src/drill/judge/checks/lives.ts';
import type { NodeSample } from '../../../src/drill/recording/recording.ts';
import { statusOf, version } from '../recording-builder.ts';

function sample(atMs: number, uptimeMs: number | undefined): NodeSample {
  const status = uptimeMs === undefined ? undefined : statusOf('n1', version('1.1'), { uptimeMs });
  return { atMs, tookMs: 2, nodeId: 'n1', status };
}

describe('the life that an answer came from', () => {
  // Started at 0, killed after 1000; started again at 2000.
  const lives = new Lives([
    sample(500, 500),
    sample(1_000, 999),
    sample(1_500, undefined),
    sample(2_300, 300),
    sample(3_000, 1_001),
  ]);

  test('is told from how long the process had run', () => {
    expect(lives.of('n1', 600, 700)).toBe(0);
    expect(lives.of('n1', 2_400, 2_500)).toBe(1);
    expect(lives.of('n1', 2_100, 2_200)).toBe(1);
  });

  test('is not known between two of them, or behind the last sample', () => {
    expect(lives.of('n1', 1_100, 1_200)).toBeUndefined();
    expect(lives.of('n1', 900, 2_400)).toBeUndefined();
    expect(lives.of('n1', 3_100, 3_200)).toBeUndefined();
  });

  test('is not known of a node that was never seen', () => {
    expect(lives.of('n2', 600, 700)).toBeUndefined();
  });
});
