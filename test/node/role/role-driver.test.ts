/**
 * Goal: no node waits for ever: neither a cluster for a leader, nor a caller for a node that is gone.
 * Method: a simulated cluster of three.
 */
import { describe, expect, test } from 'vitest';
import type { AttemptResult } from '../../../src/node/election/attempt.ts';
import { AttemptQueue } from '../../../src/node/election/attempt-queue.ts';
import type { NodeApi } from '../../../src/node/api/api.ts';
import { openSimNode } from '../../../src/sim/open-node.ts';
import { SimCluster } from '../../../src/sim/sim-cluster.ts';

async function onCluster(main: (cluster: SimCluster) => Promise<void>): Promise<void> {
  const open = openSimNode;
  const cluster = new SimCluster({ seed: 1, voters: 3, quorum: 2, segmentBytes: 16 * 1024, open });
  await cluster.run(async () => {
    for (const machine of cluster.machines) machine.start();
    await cluster.until('birth', 30_000, () => cluster.isSettled);
    await main(cluster);
  });
}

function lost(code: string): AttemptResult {
  return { kind: 'lost', code, message: '', answers: [] };
}

function nodeOf(cluster: SimCluster, nodeId: string): NodeApi {
  const { node } = cluster.machine(nodeId);
  if (node === undefined) throw new Error(`${nodeId} does not run`);
  return node;
}

const MANY_MS = 30_000;

describe('an attempt to lead', () => {
  test('by a person is not answered by one that the node made by itself', async () => {
    const asked: boolean[] = [];
    const ends: ((result: AttemptResult) => void)[] = [];
    const attempts = new AttemptQueue((operator) => {
      asked.push(operator);
      return new Promise((resolve) => ends.push(resolve));
    });
    const own = attempts.stand(false);
    const shared = attempts.stand(false);
    const person = attempts.stand(true);
    const other = attempts.stand(true);
    expect(asked).toEqual([false]);

    ends[0]?.(lost('LEADER_ALIVE'));
    expect(await own).toMatchObject({ code: 'LEADER_ALIVE' });
    expect(await shared).toMatchObject({ code: 'LEADER_ALIVE' });
    expect(attempts.active).toBe(true);
    ends[1]?.(lost('NO_QUORUM'));

    expect(await person).toMatchObject({ code: 'NO_QUORUM' });
    expect(await other).toMatchObject({ code: 'NO_QUORUM' });
    expect(asked).toEqual([false, true]);
    await attempts.idle();
    expect(attempts.active).toBe(false);
  });

  test('ends with the node, whoever is still asked', () =>
    onCluster(async (cluster) => {
      const n2 = nodeOf(cluster, 'n2');
      // Packets to the others vanish: a dial takes as long as it may.
      cluster.network.partition(['n2'], ['n1', 'n3']);
      const promoting = n2.promote().then(
        () => 'leads',
        () => 'refused',
      );
      await cluster.world.pass(100);
      const beforeMs = cluster.world.clock.nowMs();
      await n2.close();

      expect(cluster.world.clock.nowMs() - beforeMs).toBeLessThan(100);
      expect(await promoting).toBe('refused');
    }));
});

describe('a learner', () => {
  test('follows, counts for nothing, and is not promoted', () =>
    onCluster(async (cluster) => {
      const n4 = cluster.learner('n4');
      n4.start();
      const lsn = nodeOf(cluster, 'n1').status().durable.lsn;
      await cluster.until('n4 to follow', MANY_MS, () => n4.node?.status().applied.lsn === lsn);

      expect(n4.node?.contract.at(-1)).toContain('learner');
      await expect(nodeOf(cluster, 'n4').promote()).rejects.toMatchObject({ code: 'NOT_ELIGIBLE' });
      cluster.machine('n2').kill();
      cluster.machine('n3').kill();
      await cluster.until('n1 to see it', MANY_MS, () => {
        const followers = nodeOf(cluster, 'n1').status().followers;
        return followers.filter(({ connected }) => connected).length === 1;
      });
      const { followers } = nodeOf(cluster, 'n1').status();
      expect(followers.map(({ nodeId, state }) => [nodeId, state])).toEqual([
        ['n2', 'unknown'],
        ['n3', 'unknown'],
        ['n4', 'blank'],
      ]);
      const put = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.from('v') };
      const write = { conditions: [], ops: [put], ack: 'quorum' as const, timeoutMs: 1_000 };
      await expect(nodeOf(cluster, 'n1').write(write)).rejects.toMatchObject({ code: 'NO_QUORUM' });
    }));
});

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

  test('that follows says who leads, and advises to ask that one', () =>
    onCluster(async (cluster) => {
      const put = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.from('v') };
      const write = { conditions: [], ops: [put], ack: 'quorum' as const, timeoutMs: 1_000 };

      await expect(nodeOf(cluster, 'n2').write(write)).rejects.toMatchObject({
        code: 'NO_LEADER',
        message: 'this node does not lead, n1 does',
        details: { hint: `ask n1, at ${cluster.machine('n1').address}` },
      });
    }));

  test('shows a watch what came while its reader was busy with what it had shown', () =>
    onCluster(async (cluster) => {
      const node = nodeOf(cluster, 'n1');
      const after = node.status().applied;
      const signal = new AbortController().signal;
      const events = node.watch({ after, signal })[Symbol.asyncIterator]();
      expect((await events.next()).value).toMatchObject({ kind: 'progress' });
      const put = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.from('v') };
      const write = { conditions: [], ops: [put], ack: 'quorum' as const, timeoutMs: 1_000 };
      const { version } = await node.write(write);
      await node.wait({ version, level: 'applied', timeoutMs: 1_000 });

      let seen: unknown;
      void events.next().then(({ value }) => (seen = value));
      await cluster.world.pass(1_000);

      expect(seen).toMatchObject({ kind: 'change', version });
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
