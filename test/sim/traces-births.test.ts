/**
 * Goal: the executions in which a wiped or new voter was taken for what it is not are harmless.
 * Method: as in traces.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import { LIMIT_MS, nodeOf, onCluster, promote, three } from './stage.ts';

describe('the traces of earlier rules are harmless:', () => {
  test('F1: a promise that was lost with its disk, while the others were asked, does not count', async () => {
    await onCluster({ voters: 4, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const n4 = stage.cluster.machine('n4');
      const { cluster } = stage;
      const { network } = cluster;
      await stage.write(n1, 'before');
      stage.separate(n1, n4);
      // n3 hears late of everything that n4 asks.
      network.path('n4', 'n3').delayMs = 250;
      const promoting = nodeOf(n4)
        .promote()
        .then(
          () => 'it leads',
          () => 'it lost',
        );
      while (!cluster.trace.some((line) => line.includes('n2 info PROMISED: epoch 2'))) {
        await cluster.world.pass(0.5);
      }
      // Its answer arrives, and then it is lost.
      await cluster.world.pass(5);
      stage.wipe(n2);
      stage.separate(n2, n4);
      await stage.restart(n2);
      const isIntact = (): boolean => n2.node?.status().state === 'intact';
      while (!isIntact()) await cluster.world.pass(1);
      stage.separate(n1, n3);
      await stage.write(n1, 'r, on n1 and n2');
      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch: 1 });
      network.path('n2', 'n4').isCut = false;
      network.path('n4', 'n2').isCut = false;

      expect(await promoting).toBe('it lost');
      await stage.settle();
    });
  });

  test('F2: a cluster that is born commits though every voter but the leader is blank', async () => {
    for (const [voters, quorum] of [
      [2, 2],
      [3, 2],
      [3, 3],
      [5, 3],
    ] as const) {
      const cluster = new SimCluster({
        seed: 1,
        voters,
        quorum,
        segmentBytes: 16 * 1024,
        open: openSimNode,
      });
      await cluster.run(async () => {
        for (const machine of cluster.machines) machine.start();
        await cluster.until('the first commit', LIMIT_MS, () => cluster.checker.golden.end > 0);
      });
    }
  });

  test('F6: an epoch whose promises were all wiped is not led again', async () => {
    await onCluster({ voters: 3, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      await promote(stage, n2);
      const { epoch } = nodeOf(n2).status();
      for (const machine of machines) machine.kill();
      for (const machine of [n2, n3]) stage.wipe(machine);
      stage.cluster.network.heal();
      for (const machine of machines) await stage.restart(machine);
      await promote(stage, n1);

      expect(nodeOf(n1).status().epoch).toBeGreaterThan(epoch);
      await stage.settle();
    });
  });
});
