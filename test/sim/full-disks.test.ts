/**
 * Goal: nodes whose disks are full live, read, say so, and go on by themselves; the cluster writes as long as somebody has room.
 * Method: simulated clusters whose disks are filled up, over power cuts and restarts, while the checker looks on.
 */
import { expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { LIMIT_MS, nodeOf, stageOf, three } from './stage.ts';
import type { Machines, Stage } from './stage.ts';

async function onThree(
  failover: 'manual' | 'auto',
  main: (stage: Stage, machines: Machines) => Promise<void>,
): Promise<void> {
  for (const seed of [1, 2]) {
    const shape = { voters: 3, quorum: 2, segmentBytes: 16 * 1024, failover };
    const cluster = new SimCluster({ seed, open: openSimNode, ...shape });
    await cluster.run(async () => {
      for (const machine of cluster.machines) machine.start();
      await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
      await main(stageOf(cluster), three(cluster.machines));
      cluster.checker.observe();
    });
  }
}

const leaderOf = (machines: Machines): SimMachine | undefined =>
  machines.find(({ node }) => node?.status().role === 'leader');

/** Writes until the leader refuses for want of room. */
async function fillUp({ cluster, write }: Stage, machine: SimMachine): Promise<void> {
  for (let count = 0; ; count += 1) {
    expect(count).toBeLessThan(100);
    try {
      await write(machine, 'v'.repeat(900), 1_000);
    } catch (error) {
      if (!isWalshipError(error, 'DISK_FULL')) throw error;
      expect(error.outcome).toBe('rejected');
      return;
    }
    await cluster.world.pass(50);
  }
}

const codesOf = (reasons: readonly { code: string }[] = []): string[] =>
  reasons.map(({ code }) => code);

test('a leader without room leads on, reads, says so, and writes again once there is room', async () => {
  await onThree('manual', async (stage, machines) => {
    const [n1] = machines;
    n1.disk.room.fill();
    await fillUp(stage, n1);
    await stage.cluster.world.pass(20_000);

    const status = nodeOf(n1).status();
    expect(status.role).toBe('leader');
    expect(status.notReady).toBeNull();
    expect(status.unwritable?.code).toBe('DISK_FULL');
    const said = status.why.find(({ code }) => code === 'DISK_FULL');
    expect(said?.message).toContain('walship switchover --to n2');
    expect(status.counters).toMatchObject({ DISK_FULL: 1 });
    const request = { key: Buffer.from('k'), timeoutMs: 1_000 };
    const read = await nodeOf(n1).read({ ...request, level: 'linearizable' });
    expect(read.found).toBeDefined();

    n1.disk.room.free();
    await stage.write(n1, 'after', 30_000);
    await stage.cluster.world.pass(100);
    expect(nodeOf(n1).status().unwritable).toBeUndefined();
    expect(codesOf(nodeOf(n1).events({ after: 0, limit: 100 }).events)).toContain('DISK_WRITABLE');
    await stage.settle();
  });
});

test('a leader that stays without room hands over to a voter that has some, where failover is automatic', async () => {
  await onThree('auto', async (stage, machines) => {
    const [n1, n2] = machines;
    const { cluster } = stage;
    n1.disk.room.fill();
    n2.disk.room.fill();
    await fillUp(stage, n1);
    await cluster.until('n2 without room', LIMIT_MS, () =>
      nodeOf(n1)
        .status()
        .followers.some((f) => f.nodeId === 'n2' && f.unwritable === true),
    );

    await cluster.until('another leader', LIMIT_MS, () => leaderOf(machines) === machines[2]);

    const counters = nodeOf(n1).status().counters;
    expect(counters).toMatchObject({ HANDING_OVER: 1 });
    await stage.write(machines[2], 'after', 30_000);
    n1.disk.room.free();
    n2.disk.room.free();
    await stage.settle();
  });
});

test('three full disks and a power cut: all start, one leads, what was acknowledged is read, and writing goes on', async () => {
  await onThree('auto', async (stage, machines) => {
    const { cluster } = stage;
    for (const { disk } of machines) disk.room.fill();
    await fillUp(stage, machines[0]);
    for (const machine of machines) {
      machine.disk.losePower();
      machine.disk.room.fill();
    }
    for (const machine of machines) await stage.restart(machine);

    await cluster.until('a leader', LIMIT_MS, () => leaderOf(machines) !== undefined);
    const leads = leaderOf(machines) as SimMachine;
    await cluster.until('a ready leader', LIMIT_MS, () => nodeOf(leads).status().notReady === null);
    for (const machine of machines) {
      const request = { key: Buffer.from('k'), timeoutMs: 5_000 };
      const read = await nodeOf(machine).read({ ...request, level: 'local' });
      expect(read.found).toBeDefined();
    }

    for (const { disk } of machines) disk.room.free();
    await cluster.until('a write', LIMIT_MS, () => leaderOf(machines) !== undefined);
    await stage.write(leaderOf(machines) as SimMachine, 'after', 30_000);
    await stage.settle();
  });
});
