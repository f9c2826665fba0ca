/** The judge of drills against a real cluster: every fault that is planted turns its check red, and without one all are green. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ASK_OVER_HTTP } from '../../src/drill/target/ask-node.ts';
import { runSelftest } from '../../src/drill/judge/selftest.ts';
import type { DrillTarget } from '../../src/drill/target/target.ts';
import { TestCluster } from './cluster.ts';

const SEED = 20_260;

test('every planted fault is found, and nothing is found where none is planted', async () => {
  const cluster = await TestCluster.create();
  try {
    const results = await runSelftest({
      target: targetOf(cluster),
      ask: ASK_OVER_HTTP,
      clock: {
        wallMs: () => Date.now(),
        monotonicMs: () => performance.now(),
        sleep: async (ms, signal) => await sleep(ms, undefined, { signal }),
      },
      seed: SEED,
      walship: 'test',
      signal: new AbortController().signal,
      onResult: () => undefined,
    });

    const wrong = results.filter(({ passed }) => !passed);
    expect(wrong, `seed ${SEED}`).toEqual([]);
    expect(results.length).toBeGreaterThan(10);
  } finally {
    await cluster.dispose();
  }
});

/** As much of a target as the selftest needs: it breaks nothing. */
function targetOf(cluster: TestCluster): DrillTarget {
  return {
    kind: 'local',
    nodes: cluster.ids.map((nodeId) => ({ nodeId, url: cluster.url(nodeId) })),
    can: new Set(),
    start: async () => await cluster.startAll(),
    apply: async () => undefined,
    isUp: () => true,
    dataDir: async (nodeId) => cluster.dataDir(nodeId),
    output: async (nodeId) => cluster.output(nodeId),
    close: async () => await cluster.dispose(),
  };
}
