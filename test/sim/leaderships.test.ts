/**
 * Goal: 100,000 leaderships are an ordinary log: a cluster starts with it, leads, takes snapshots, forgets, fills an empty node and restarts.
 * Method: the logs are made beforehand, equal on all machines; then a cluster lives on them.
 */
import { expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { makeHistory } from '../../src/drill/target/made-history.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import { listSnapshots, readSnapshot } from '../../src/wal/snapshot/snapshot-reader.ts';
import { LIMIT_MS, nodeOf, stageOf, three } from './stage.ts';

const LEADERSHIPS = 100_000;
const VOTERS = ['n1', 'n2', 'n3'];

test('100,000 leaderships are an ordinary log', async () => {
  const retention = { snapshotLogBytes: 256 * 1024, retainBytesMax: 64 * 1024 };
  const shape = { voters: 3, quorum: 2, segmentBytes: 256 * 1024, retention } as const;
  const cluster = new SimCluster({ seed: 3, open: openSimNode, ...shape, failover: 'auto' });
  await cluster.run(
    async () => {
      const { world, machines } = cluster;
      for (const { disk, nodeId } of machines) {
        const process = world.process();
        const { entropy } = disk;
        const place = { disk: disk.mount(process), clock: process, entropy, dir: '/data' };
        await makeHistory(place, { nodeId, voters: VOTERS, quorum: 2, leaderships: LEADERSHIPS });
        disk.kill();
      }
      const stage = stageOf(cluster);
      const [, , n3] = three(machines);
      const leader = () =>
        machines.find(({ node }) => node?.status().role === 'leader') ?? three(machines)[0];
      for (const machine of machines) machine.start();
      await cluster.until('a leader', LIMIT_MS, () => cluster.isSettled);
      const old = await stage.write(leader(), 'the first write');
      expect(old.version.epoch).toBeGreaterThan(LEADERSHIPS);

      // Two snapshots, and all of the log that was made may go.
      for (let count = 0; count < 2; count += 1) {
        await stage.write(leader(), `before snapshot ${count}`);
        await cluster.until('equal logs', LIMIT_MS, () => cluster.isSettled);
        await Promise.all(machines.map((machine) => nodeOf(machine).snapshot()));
      }
      await world.pass(1_000);
      const { disk } = leader();
      const process = world.process();
      const mounted = disk.mount(process);
      const [newest] = await listSnapshots(mounted, '/data');
      const read = await readSnapshot({ disk: mounted, clock: process }, newest?.path ?? '');
      if (read.kind !== 'snapshot') throw new Error(read.reason);
      expect(read.snapshot.epochs.length).toBeLessThan(5);
      expect(read.snapshot.bytes).toBeLessThan(2_000);

      // A node with an empty disk is filled by a snapshot that says little of the past.
      stage.wipe(n3);
      n3.start();
      await cluster.until('n3 to be filled', LIMIT_MS, () => cluster.isSettled);

      // All start again, and a version of a forgotten leadership has an honest answer.
      for (const machine of machines) machine.kill();
      for (const machine of machines) machine.start();
      await cluster.until('a leader after a restart', LIMIT_MS, () => cluster.isSettled);
      await stage.write(leader(), 'the last write');
      const version = { epoch: 500, lsn: 500 };
      const waiting = nodeOf(leader()).wait({ version, level: 'committed', timeoutMs: 100 });
      const code = await waiting.catch((error: unknown) => isWalshipError(error) && error.code);
      expect(code).toBe('VERSION_FORGOTTEN');
      await stage.settle();
    },
    { limitEvents: 50_000_000 },
  );
});
