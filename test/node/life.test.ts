/**
 * Goal: no node waits for ever: neither a cluster for a leader, nor a caller for a node that is gone.
 * Method: a simulated cluster of three.
 */
import { describe, expect, test } from 'vitest';
import type { NodeApi } from '../../src/node/api.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';

async function onCluster(main: (cluster: SimCluster) => Promise<void>): Promise<void> {
  const open = openSimNode;
  const cluster = new SimCluster({ seed: 1, voters: 3, quorum: 2, segmentBytes: 16 * 1024, open });
  await cluster.run(async () => {
    for (const machine of cluster.machines) machine.start();
    await cluster.until('birth', 30_000, () => cluster.isSettled);
    await main(cluster);
  });
}

function nodeOf(cluster: SimCluster, nodeId: string): NodeApi {
  const { node } = cluster.machine(nodeId);
  if (node === undefined) throw new Error(`${nodeId} does not run`);
  return node;
}

describe('a node', () => {
  test('that was promoted, and steps down without meeting a successor, tries again by itself', () =>
    onCluster(async (cluster) => {
      const n2 = nodeOf(cluster, 'n2');
      await n2.promote();
      cluster.network.partition(['n2'], ['n1', 'n3']);
      cluster.network.partition(['n1'], ['n3']);
      await cluster.until('n2 to step down', 30_000, () => n2.status().role !== 'leader');
      cluster.machine('n1').kill();
      cluster.network.heal();

      await cluster.until('n2 to lead again', 30_000, () => n2.status().notReady === null);
      expect(n2.status().role).toBe('leader');
    }));

  test('that is closed ends its watches, and lets nobody begin to wait', () =>
    onCluster(async (cluster) => {
      const node = nodeOf(cluster, 'n1');
      const after = node.status().applied;
      const signal = new AbortController().signal;
      const events = node.watch({ after, signal })[Symbol.asyncIterator]();
      await events.next();
      const next = events.next();
      const ended = expect(next).rejects.toMatchObject({ code: 'NODE_CLOSED' });

      await node.close();
      await ended;
      const version = { ...after, lsn: after.lsn + 1_000 };
      await expect(
        node.wait({ version, level: 'applied', timeoutMs: 1_000 }),
      ).rejects.toMatchObject({ code: 'NODE_CLOSED' });
    }));
});
