/**
 * Goal: with `--failover auto` a leader that is gone is replaced within 3 s, and one that works is never disturbed.
 * Method: simulated clusters under a light load at default settings, with one thing wrong at a time; the checker looks on all along.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import type { NodeStatus } from '../../src/node/api/api.ts';
import type { Failover } from '../../src/node/api/trigger.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import type { SimRunLimits } from '../../src/sim/sim-world.ts';

const LIMIT_MS = 30_000;
const OUTAGE_MS_MAX = 3_000;
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8] as const;

interface Options {
  readonly seed?: number;
  readonly voters?: number;
  readonly failover?: Failover;
  readonly limits?: SimRunLimits;
  /** Nobody writes: a follower that hears nothing is then not behind either. */
  readonly idle?: boolean;
}

/** A cluster that was just born, with n1 leading; somebody writes to it every 200 ms until `main` is over. */
async function onCluster(
  main: (cluster: SimCluster) => Promise<void>,
  { seed = 1, voters = 3, failover = 'auto', limits = {}, idle = false }: Options = {},
): Promise<void> {
  const quorum = Math.floor(voters / 2) + 1;
  const shape = { seed, voters, quorum, segmentBytes: 64 * 1024, failover };
  const cluster = new SimCluster({ ...shape, open: openSimNode });
  await cluster.run(async () => {
    for (const machine of cluster.machines) machine.start();
    await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
    const load = new AbortController();
    if (idle) load.abort();
    write(cluster, load.signal).catch((error: unknown) => cluster.fail(error));
    await main(cluster);
    load.abort();
    cluster.checker.observe();
  }, limits);
}

async function write({ world, machines }: SimCluster, signal: AbortSignal): Promise<void> {
  for (let count = 1; !signal.aborted; count += 1) {
    await world.pass(200);
    const leader = machines.find(({ node }) => node?.status().role === 'leader');
    const put = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.from(String(count)) };
    const request = { conditions: [], ops: [put], ack: 'quorum' as const, timeoutMs: 10_000 };
    leader?.node?.write(request).catch((error: unknown) => {
      if (!isWalshipError(error)) throw error;
    });
  }
}

function status(cluster: SimCluster, nodeId: string): NodeStatus {
  const { node } = cluster.machine(nodeId);
  if (node === undefined) throw new Error(`${nodeId} does not run`);
  return node.status();
}

/** Waits until one of `nodeIds` has committed something as a leader, and says how long that took. */
async function replaced(cluster: SimCluster, nodeIds: readonly string[]): Promise<number> {
  const { clock } = cluster.world;
  const startMs = clock.nowMs();
  await cluster.until('another leader', LIMIT_MS, () =>
    nodeIds.some((nodeId) => {
      const { role, notReady } = status(cluster, nodeId);
      return role === 'leader' && notReady === null;
    }),
  );
  return clock.nowMs() - startMs;
}

/** n1 led all the time, in epoch 1, and something was committed meanwhile. */
async function undisturbed(cluster: SimCluster, forMs: number, idle = false): Promise<void> {
  const before = status(cluster, 'n1').committedLsn;
  await cluster.world.pass(forMs);
  expect(status(cluster, 'n1')).toMatchObject({ role: 'leader', epoch: 1 });
  if (!idle) expect(status(cluster, 'n1').committedLsn).toBeGreaterThan(before);
  // Nobody even promised anything: an attempt that is refused in its dry round fences nothing.
  for (const { nodeId } of cluster.machines) {
    expect(status(cluster, nodeId).promise.epoch, nodeId).toBe(1);
  }
}

function others({ machines }: SimCluster): string[] {
  return machines.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId !== 'n1');
}

type Loss = readonly [name: string, happen: (cluster: SimCluster, n1: SimMachine) => void];

describe('with an automatic trigger', () => {
  test.for<Loss>([
    ['is killed', (_, n1) => n1.kill()],
    ['loses power', (_, n1) => n1.losePower()],
    ['is stopped for longer than any limit', (_, n1) => n1.process?.pause(20_000)],
    ['vanishes from the network', ({ network }) => network.partition(['n1'], ['n2', 'n3'])],
  ])('a leader that %s is replaced within 3 s', async ([, happen]) => {
    for (const seed of SEEDS) {
      await onCluster(
        async (cluster) => {
          happen(cluster, cluster.machine('n1'));
          const outageMs = await replaced(cluster, ['n2', 'n3']);
          expect(outageMs, `seed ${seed}`).toBeLessThan(OUTAGE_MS_MAX);
        },
        { seed },
      );
    }
  });

  test.for<Loss>([
    ['sends and hears nothing', ({ network }) => cutAll(network, 'to n1')],
    ['hears and sends nothing', ({ network }) => cutAll(network, 'from n1')],
  ])('a leader that %s falls silent, and is replaced', async ([, happen]) => {
    for (const seed of SEEDS) {
      await onCluster(
        async (cluster) => {
          happen(cluster, cluster.machine('n1'));
          const outageMs = await replaced(cluster, ['n2', 'n3']);
          // It first has to find out that it is alone, if it is the one who is.
          expect(outageMs, `seed ${seed}`).toBeLessThan(2_000 + OUTAGE_MS_MAX);
          const gone = (): boolean => status(cluster, 'n1').role !== 'leader';
          await cluster.until('n1 to fall silent', OUTAGE_MS_MAX, gone);
        },
        { seed },
      );
    }
  });

  test('two leaders of five are replaced one after the other', () =>
    onCluster(
      async (cluster) => {
        cluster.machine('n1').kill();
        await replaced(cluster, others(cluster));
        const second = others(cluster).find((id) => status(cluster, id).role === 'leader');
        cluster.machine(second ?? '').kill();
        const left = others(cluster).filter((id) => id !== second);

        expect(await replaced(cluster, left)).toBeLessThan(OUTAGE_MS_MAX);
      },
      { voters: 5 },
    ));

  test.for<Loss>([
    ['a follower that was stopped wakes', (cluster) => cluster.machine('n2').process?.pause(8_000)],
    ['a follower hears nothing from it', ({ network }) => network.cut('n1', 'n2')],
    ['it hears nothing from a follower', ({ network }) => network.cut('n2', 'n1')],
    ['a follower is cut off', ({ network }) => network.partition(['n2'], ['n1', 'n3'])],
    ['the followers do not hear each other', ({ network }) => network.partition(['n2'], ['n3'])],
    ['the disk of a follower is slow', (cluster) => slow(cluster.machine('n2'))],
    ['its own disk is slow', (_, n1) => slow(n1)],
  ])('a leader that works is not disturbed while %s', async ([, happen]) => {
    for (const seed of SEEDS) {
      const idle = seed % 2 === 0;
      await onCluster(
        async (cluster) => {
          happen(cluster, cluster.machine('n1'));
          await undisturbed(cluster, 15_000, idle);
          cluster.network.heal();
          await undisturbed(cluster, 5_000, idle);
        },
        { seed, idle },
      );
    }
  });

  test('a follower that was stopped does not take that for the silence of its leader', () =>
    onCluster(async (cluster) => {
      cluster.machine('n2').process?.pause(900);
      await cluster.world.pass(5_000);
      cluster.machine('n3').process?.pause(8_000);
      await cluster.world.pass(13_000);

      // Whether its session survived is up to the leader; but it heard nobody who was silent, and did not stand.
      for (const nodeId of ['n2', 'n3']) {
        const { counters } = status(cluster, nodeId);
        expect(counters, nodeId).not.toHaveProperty('LEADER_SILENT');
        expect(counters, nodeId).not.toHaveProperty('NO_QUORUM');
      }
      expect(status(cluster, 'n1')).toMatchObject({ role: 'leader', epoch: 1 });
    }));

  test('an hour under load with one slow disk passes without an election', () =>
    onCluster(
      async (cluster) => {
        cluster.machine('n2').disk.slowness = 1_000;
        await undisturbed(cluster, 3_600_000);
      },
      { limits: { limitMs: 4_000_000, limitEvents: 50_000_000 } },
    ));
});

test('a node far from a leader finds it after attempts that failed, however often its trigger fires', () =>
  onCluster(async (cluster) => {
    const { network, world } = cluster;
    const far = cluster.machine('n3');
    far.kill();
    network.partition(['n3'], ['n1', 'n2']);
    far.start();
    await world.pass(10_000);
    network.heal();
    // A question takes longer than ASK_TIMEOUT_MS, and a search longer than the trigger waits between two attempts.
    for (const near of ['n1', 'n2']) {
      for (const path of [network.path('n3', near), network.path(near, 'n3')]) path.delayMs = 400;
    }
    await cluster.until('n3 to follow', LIMIT_MS, () => {
      const { role, leader } = status(cluster, 'n3');
      return role === 'follower' && leader !== null;
    });
  }));

test('with a manual trigger nobody stands, however long there is no leader', () =>
  onCluster(
    async (cluster) => {
      cluster.machine('n1').kill();
      await cluster.world.pass(60_000);
      const roles = others(cluster).map((nodeId) => status(cluster, nodeId));
      expect(roles).toMatchObject([
        { role: 'follower', promise: { epoch: 1 } },
        { role: 'follower', promise: { epoch: 1 } },
      ]);
    },
    { failover: 'manual' },
  ));

function slow({ disk }: SimMachine): void {
  disk.slowness = 4_000;
}

function cutAll(network: SimCluster['network'], which: 'to n1' | 'from n1'): void {
  for (const other of ['n2', 'n3']) {
    if (which === 'to n1') network.cut(other, 'n1');
    else network.cut('n1', other);
  }
}
